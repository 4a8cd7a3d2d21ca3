"""Which data sets a workspace holds: whole, damaged, or deleted because their time was over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tunewright.core.digest import short
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.nouns import DatasetVersion
from tunewright.core.workspace import Workspace
from tunewright.data.retention import Terms, Tombstone, terms_of, tombstone_of

RECORD = "version.json"
CHECKLIST = "checklist.json"
MOST_NAMED = 5


@dataclass(frozen=True)
class Entry:
    """One data set where it lies. Of one that is damaged there is a `problem`, of a deleted one a `tombstone`."""

    name: str
    folder: Path
    version: DatasetVersion | None = None
    terms: Terms | None = None
    tombstone: Tombstone | None = None
    problem: str = ""

    @property
    def whole(self) -> bool:
        """True where its rows can be read, as far as its records say."""
        return self.version is not None and self.tombstone is None

    def opened(self) -> DatasetVersion:
        """Its record. Raises UserError when it was deleted, OutsideError when it is damaged."""
        if self.tombstone is not None:
            raise UserError(
                f"the data set {short(self.name)} is deleted since {self.tombstone.expired_at[:10]}: "
                f"{self.tombstone.why}.",
                where=str(self.folder),
                do="Its numbers: tunewright datasets show " + short(self.name),
            )
        if self.version is None:
            raise OutsideError(
                f"the record of this data set is damaged ({self.problem}).",
                where=str(self.folder / RECORD),
                do="Delete its folder and run the `data` command again.",
            )
        return self.version


def entries(workspace: Workspace) -> list[Entry]:
    """Every data set, the newest first; folders that begin with a point are not finished, or are shared files."""
    if not workspace.datasets.is_dir():
        return []
    folders = [path for path in workspace.datasets.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted((entry(folder) for folder in folders), key=lambda each: (made_at(each), each.name), reverse=True)


def entry(folder: Path) -> Entry:
    """The data set of a folder, whatever state it is in."""
    name = folder.name
    try:
        terms, tombstone = terms_of(folder), tombstone_of(folder)
    except OutsideError as error:
        return Entry(name, folder, _record(folder), problem=error.problems[0].what)
    if tombstone is not None:
        return Entry(name, folder, terms=terms, tombstone=tombstone)
    version = _record(folder)
    problem = "" if version else f"{RECORD} is gone or cannot be read"
    return Entry(name, folder, version, terms, problem=problem)


def made_at(each: Entry) -> str:
    """When a data set was made, as ISO 8601; empty where nobody knows."""
    if each.version is not None:
        return each.version.made_at
    return each.tombstone.made_at if each.tombstone is not None else ""


def find(workspace: Workspace, text: str) -> Entry:
    """The data set whose name begins with a text, or whose recipe has that name where there is only one.

    Raises UserError when there is none, or several.
    """
    known = entries(workspace)
    if not known:
        raise UserError(
            "this workspace has no data sets.",
            where=str(workspace.home),
            do="Prepare one (tunewright data), or name another workspace with --home.",
        )
    wanted = text.strip()
    named = [each for each in known if wanted and each.name.startswith(wanted.lower())]
    named = named or [each for each in known if each.version is not None and wanted == each.version.recipe != ""]
    if len(named) == 1:
        return named[0]
    some = ", ".join(short(each.name) for each in (named or known)[:MOST_NAMED])
    more = ", ..." if len(named or known) > MOST_NAMED else ""
    if named:
        what = f'"{text}" means {len(named)} data sets: {some}{more}.'
        raise UserError(what, where=str(workspace.datasets), do="Write more of the name.")
    raise UserError(
        f'no data set is called "{text[:80]}".',
        where=str(workspace.datasets),
        do=f"There is: {some}{more}. A name is the first characters that `tunewright datasets` lists.",
    )


def chosen(workspace: Workspace, names: Sequence[str]) -> list[Entry]:
    """The data sets of these names, each once; all of them where none is named. Raises UserError as `find` does."""
    if not names:
        return entries(workspace)
    return list({each.name: each for each in (find(workspace, name) for name in names)}.values())


def checklist_of(folder: Path) -> Any:
    """What the quality checklist found, or None where there is none, or it cannot be read."""
    try:
        return json.loads((folder / CHECKLIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def files_of(folder: Path) -> dict[str, int]:
    """Bytes of each file by name."""
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.is_file()}


def _record(folder: Path) -> DatasetVersion | None:
    try:
        return DatasetVersion.model_validate_json((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None
