"""Write the pages of docs/reference that are made from the source: recipe keys, verbs, events, parts, presets.

python scripts/generate_reference.py            writes the pages
python scripts/generate_reference.py --check    exits 1 when a committed page is not what it would write
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import part_pages
from command_line import verbs
from pydantic import BaseModel
from reference_words import HEAD, keys

from tunewright.core import catalog, events
from tunewright.recipe.recipe import Recipe

FOLDER = Path(__file__).parent.parent / "docs" / "reference"


def recipe_page() -> str:
    """Every key of a recipe, block by block, then the parts of every kind."""
    lines = [
        HEAD.format(source="the option classes in src/tunewright/recipe") + "# Keys of a recipe",
        "`tunewright explain KEY` says the same in a terminal. An unknown key is an error. A part (a method, a shape "
        "and so on) is written as its name, or as a mapping with `type` and its own keys: "
        "`method: {type: lora, rank: 8}`.",
        *block("", Recipe, seen={}),
        "# Parts",
    ]
    for kind in catalog.kinds():
        for name in catalog.names(kind):
            lines += [
                f"## {kind.removesuffix('s')} `{name}`",
                *keys(catalog.options(kind, name), but={"type", "version"}),
            ]
    return "\n\n".join(lines) + "\n"


def block(path: str, model: type[BaseModel], *, seen: dict[type[BaseModel], str]) -> list[str]:
    """A block of keys and the blocks inside it; one that stands in two places is written once."""
    if model in seen:
        return [f"## `{path}`", f"As `{seen[model]}`."]
    seen[model] = path
    lines = [f"## `{path}`"] if path else []
    lines += keys(model)
    for name, field in model.model_fields.items():
        inside = nested(field.annotation)
        if inside is not None:
            lines += block(f"{path}.{name}" if path else name, inside, seen=seen)
    return lines


def nested(annotation: Any) -> type[BaseModel] | None:
    """The option class that a key holds, if it holds one."""
    choices = get_args(annotation) or (annotation,)
    return next((one for one in choices if isinstance(one, type) and issubclass(one, BaseModel)), None)


def events_page() -> str:
    """Every event of `events.jsonl` with its fields."""
    lines = [
        HEAD.format(source="src/tunewright/core/events.py") + "# Events",
        "A run writes `events.jsonl`: one JSON object a line, appended and never edited. `kind` says which event it "
        "is, `time_s` is seconds since 1970. After `run_resumed`, events of steps later than its `step` were "
        "undone and count no more.",
    ]
    for event in event_classes(events):
        kind = event.model_fields["kind"].default
        fields = [f"`{name}`" for name in event.model_fields if name not in {"kind", "time_s"}]
        lines += [f"## `{kind}`", f"{inspect.getdoc(event)}", f"Fields: {', '.join(fields)}."]
    return "\n\n".join(lines) + "\n"


def event_classes(module: ModuleType) -> list[type[BaseModel]]:
    """The event classes of a module in the order they stand there."""
    classes = (value for value in vars(module).values() if isinstance(value, type) and issubclass(value, BaseModel))
    return [one for one in classes if "kind" in one.model_fields]


def verbs_page() -> str:
    """Every verb with its help, as the command prints it."""
    lines = [
        HEAD.format(source="src/tunewright/app/cli") + "# Verbs",
        "`tw` is short for `tunewright`. Every verb takes `--json`: one JSON document on standard output and nothing "
        "else there; progress goes to standard error. Exit codes: [errors.md](errors.md).",
    ]
    for verb in verbs():
        lines += [f"## {verb.name}", f"```\n{verb.help}\n```"]
    return "\n\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "recipe.md": recipe_page,
    "verbs.md": verbs_page,
    "events.md": events_page,
    **part_pages.pages(),
}


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or compare them; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare the committed pages, write nothing")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pages lie")
    given = parser.parse_args(arguments)
    stale: list[str] = []
    for name, make in PAGES.items():
        path, text = given.folder / name, make()
        if given.check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            stale.append(name)
        if not given.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"{given.folder}: {', '.join(stale)} are not fresh. Run: make docs")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
