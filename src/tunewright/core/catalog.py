"""The folder is the registry: kind = folder, file name = public name.

A part is two files of one name: options in `tunewright/recipe/options/<kind>/<part>.py`, work in the room that owns
the kind. Listing reads folder names and imports nothing. Other packages add parts by entry points of the group
`tunewright.<kind>` that name a package with the modules `options` and `work`; they may not replace ours.
"""

from __future__ import annotations

import difflib
import importlib
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType

from tunewright.core.errors import OutsideError, UserError

ROOT = Path(__file__).parent.parent
ROOMS = {
    "sources": "data",
    "shapes": "data",
    "steps": "data",
    "methods": "models",
    "objectives": "train",
    "optimisers": "train",
    "schedules": "train",
    "scorers": "evaluate",
    "suites": "evaluate",
    "trackers": "edge",
    "harnesses": "edge",
    "embedders": "edge",
    "detectors": "edge",
    "stores": "edge",
}


def kinds() -> list[str]:
    """Every kind of part."""
    return sorted(ROOMS)


@cache
def names(kind: str) -> tuple[str, ...]:
    """Public names of a kind, ours and those of installed packages, sorted."""
    folder = ROOT / "recipe" / "options" / kind
    ours = {path.stem for path in folder.glob("*.py") if path.stem != "__init__"}
    return tuple(sorted(ours | set(_plugins(kind))))


def options(kind: str, name: str) -> type:
    """The pydantic class `Options` of a part. Raises UserError with the nearest name when there is no such part."""
    return _load(kind, name, f"tunewright.recipe.options.{kind}.{name}").Options


def work(kind: str, name: str) -> type:
    """The class `Work` of a part; called by `app.resolve` alone.

    Raises OutsideError with the install command when a package that the part needs is missing.
    """
    return _load(kind, name, f"tunewright.{ROOMS[kind]}.{kind}.{name}").Work


def nearest(wrong: str, known: tuple[str, ...] | list[str]) -> str:
    """'Did you mean "x"?' or the list of what there is."""
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    if close:
        return f'Did you mean "{close[0]}"?'
    return f"There is: {', '.join(known)}." if known else ""


def singular(kind: str) -> str:
    """One of a kind: "suite", "harness"."""
    return kind.removesuffix("es" if kind.endswith("sses") else "s")


def _load(kind: str, name: str, module: str) -> ModuleType:
    if name not in names(kind):
        raise UserError(f'no {singular(kind)} is called "{name}".', do=nearest(name, names(kind)))
    plugins = _plugins(kind)
    if name in plugins:
        room = "options" if ".recipe.options." in module else "work"
        module = f"{plugins[name]}.{room}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tunewright"):
            raise
        raise OutsideError(
            f'{singular(kind)} "{name}" needs the package {error.name}.',
            do=f'Install it with: pip install "tunewright[{name}]"',
        ) from error


@cache
def _plugins(kind: str) -> dict[str, str]:
    """Name to package of the parts that other distributions bring; our own names win."""
    folder = ROOT / "recipe" / "options" / kind
    found = metadata.entry_points(group=f"tunewright.{kind}")
    return {point.name: point.value for point in found if not (folder / f"{point.name}.py").exists()}
