"""The command `tunewright`: verbs are files of the folder `verbs`, loaded one at a time."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from tunewright import __version__
from tunewright.app import leash
from tunewright.app.cli import launch, out
from tunewright.app.cli.ending import Ending

VERBS = Path(__file__).with_name("verbs")
ORDER = (
    "init",
    "check",
    "explain",
    "schema",
    "data",
    "datasets",
    "review",
    "show",
    "train",
    "evaluate",
    "judge",
    "compare",
    "compare-methods",
    "sampling",
    "suites",
    "run",
    "chat",
    "export",
    "combine",
    "models",
    "track",
    "doctor",
)
"""The order of a first visit; verbs that are not named here come after, by name."""


class Verbs(click.Group):
    """Lists verbs by their files' first lines, and imports only the one that was asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of verbs, as people type them."""
        names = [path.stem.replace("_", "-") for path in sorted(VERBS.glob("*.py")) if path.stem != "__init__"]
        return sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb, loaded; None when there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return import_module(f"tunewright.app.cli.verbs.{_stem(cmd_name)}").command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest verb where there is none of that name."""
        names = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in names:
            close = difflib.get_close_matches(args[0], names, n=1, cutoff=0.5)
            hint = f'Did you mean "{close[0]}"?' if close else f"There is: {', '.join(names)}."
            raise click.UsageError(f'no verb is called "{args[0]}". {hint}', ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs with one line each, without loading them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, first_line(_file(name))) for name in self.list_commands(ctx)])


def _stem(verb: str) -> str:
    """The name of a verb's module."""
    return verb.replace("-", "_")


def _file(verb: str) -> Path:
    """The file of a verb, be it there or not."""
    return VERBS / f"{_stem(verb)}.py"


def first_line(file: Path) -> str:
    """The first line of a module's docstring."""
    with file.open(encoding="utf-8") as lines:
        return lines.readline().strip().strip('"').strip()


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(version)s")
def tunewright() -> None:
    """Fine-tune a language model, and measure what it gained.

    Begin with: tunewright init my-task --template classification
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code. None means the process's own arguments; it may then restart itself."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    verb = next((word for word in words if not word.startswith("-")), "")
    as_json = "--json" in words
    if arguments is None:
        leash.hold(os.environ)
        launch.prepare(verb, words)
        if as_json:
            out.keep_for_documents()
    known = verb if _file(verb).exists() else ""
    with Ending(as_json=as_json, command=f"tunewright {known}".strip()) as ending:
        if not words:
            words = ["--help"]
        with tunewright.make_context("tunewright", words) as context:
            tunewright.invoke(context)
        sys.stdout.flush()
    return ending.code


if __name__ == "__main__":
    sys.exit(main())
