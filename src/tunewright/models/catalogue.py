"""Which model versions a workspace holds, by their records; no weight is read, and no torch loaded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tunewright.core.digest import short
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.nouns import ModelVersion
from tunewright.core.workspace import Workspace

RECORD = "version.json"
MOST_NAMED = 5


@dataclass(frozen=True)
class Entry:
    """One model where it lies. Of one whose record cannot be read there is a `problem`."""

    name: str
    folder: Path
    version: ModelVersion | None = None
    problem: str = ""

    def opened(self) -> ModelVersion:
        """Its record. Raises OutsideError when it is damaged."""
        if self.version is None:
            raise OutsideError(
                f"the record of this model is damaged ({self.problem}).",
                where=str(self.folder / RECORD),
                do="Delete its folder, and run the command that made it again.",
            )
        return self.version


def entries(workspace: Workspace) -> list[Entry]:
    """Every model, the newest first; folders that begin with a point are not finished."""
    if not workspace.models.is_dir():
        return []
    folders = [path for path in workspace.models.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(map(entry, folders), key=lambda each: (each.version.made_at if each.version else "", each.name))[::-1]


def entry(folder: Path) -> Entry:
    """The model of a folder, whatever state it is in."""
    try:
        text = (folder / RECORD).read_text(encoding="utf-8")
        return Entry(folder.name, folder, ModelVersion.model_validate_json(text))
    except (OSError, UnicodeDecodeError, ValidationError):
        return Entry(folder.name, folder, problem=f"{RECORD} is gone or cannot be read")


def choose(known: list[Entry], named: Iterable[Entry], *, text: str, where: Path) -> Entry:
    """The one model among `named`, what a text means. Raises UserError when there is none, or several."""
    found = list({each.name: each for each in named}.values())
    if len(found) == 1:
        return found[0]
    if not known:
        raise UserError(
            "this workspace has no models.",
            where=str(where),
            do="Train one (tunewright train), or name another workspace with --home.",
        )
    some = ", ".join(short(each.name) for each in (found or known)[:MOST_NAMED])
    more = ", ..." if len(found or known) > MOST_NAMED else ""
    if found:
        what = f'"{text}" means {len(found)} models: {some}{more}.'
        raise UserError(what, where=str(where), do="Write more of the name.")
    raise UserError(
        f'no model is called "{text[:80]}".',
        where=str(where),
        do=f"There is: {some}{more}. A name is the first characters that `tunewright models` lists.",
    )


def files_of(folder: Path) -> dict[str, int]:
    """Files inside a model's folder with their bytes."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
