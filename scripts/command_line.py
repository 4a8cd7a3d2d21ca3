"""The command line as lines of text: each verb with its arguments and options. Others' scripts rely on it.

python scripts/command_line.py            shows what changed against tests/house/command_line.txt
python scripts/command_line.py --write    freezes the present one: do this on purpose, and say so in CHANGELOG.md
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click

from tunewright.app.cli import main as entry

GOLDEN = Path(__file__).parent.parent / "tests" / "house" / "command_line.txt"
WIDTH = 100


class Verb(NamedTuple):
    """One verb: its name, its help as printed, and a line for each of its parameters."""

    name: str
    help: str
    parameters: tuple[str, ...]


def the_group() -> click.Group:
    """The command that `tunewright` is."""
    return next(value for value in vars(entry).values() if isinstance(value, click.Group))


def verbs(group: click.Group | None = None) -> list[Verb]:
    """Every verb, by name."""
    command = group or the_group()
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name="tunewright", **settings)
    found: list[Verb] = []
    for name in sorted(command.list_commands(context)):
        verb = command.get_command(context, name)
        if verb is None:
            continue
        inside = click.Context(verb, info_name=name, parent=context, terminal_width=WIDTH, max_content_width=WIDTH)
        found.append(Verb(name, verb.get_help(inside), tuple(sorted(parameter(one) for one in verb.params))))
    return found


def parameter(one: click.Parameter) -> str:
    """An argument or option in a line: names, type, whether it must be given, may be repeated, or takes no value."""
    names = "/".join([*one.opts, *one.secondary_opts]) if isinstance(one, click.Option) else (one.name or "").upper()
    kind = "flag" if isinstance(one, click.Option) and one.is_flag else type_name(one)
    marks = [
        word
        for word, on in (("required", one.required), ("many", one.nargs == -1 or getattr(one, "multiple", False)))
        if on
    ]
    return " ".join([names, kind, *marks])


def type_name(one: click.Parameter) -> str:
    """The choices of a choice, else the type's name."""
    return "|".join(map(str, one.type.choices)) if isinstance(one.type, click.Choice) else one.type.name


def frozen(found: Sequence[Verb]) -> str:
    """The text of the golden file."""
    return "".join(f"{verb.name}\n" + "".join(f"  {line}\n" for line in verb.parameters) for verb in found)


def main(arguments: Sequence[str]) -> int:
    """Show the difference, or write; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="freeze the present command line")
    given = parser.parse_args(arguments)
    now = frozen(verbs())
    before = GOLDEN.read_text(encoding="utf-8") if GOLDEN.exists() else ""
    if given.write:
        GOLDEN.write_text(now, encoding="utf-8")
        return 0
    print("".join(difflib.unified_diff(before.splitlines(True), now.splitlines(True), "frozen", "now")), end="")
    return 1 if now != before else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
