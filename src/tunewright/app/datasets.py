"""The data sets of a workspace with what was made from them: the work behind `tunewright datasets`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tunewright.app import forgetting, lineage
from tunewright.app.lineage import Sight, Traced, Use
from tunewright.app.project import Place
from tunewright.app.retained import user_of
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.nouns import DatasetVersion
from tunewright.core.workspace import Workspace
from tunewright.data import catalogue, retention
from tunewright.data.catalogue import Entry
from tunewright.data.diff import Difference, compare
from tunewright.data.objects import stored_bytes
from tunewright.data.retention import Tombstone
from tunewright.data.seal import check_seal
from tunewright.data.search import Found, Needle, search

__all__ = ["Difference", "Found", "Listed", "Sight", "Traced", "Use"]


@dataclass(frozen=True)
class Listed:
    """A data set, the recipes that made it, and the runs on it."""

    entry: Entry
    recipes: tuple[str, ...]
    uses: tuple[Use, ...]


@dataclass(frozen=True)
class Shelf:
    """Everything in a workspace. `read_bytes`: all files as they are read; `stored_bytes`: as they lie on the disk."""

    listed: tuple[Listed, ...]
    read_bytes: int
    stored_bytes: int


@dataclass(frozen=True)
class Shown:
    """One data set in full. `damage`: what its seal finds; empty where every file is as it was written."""

    listed: Listed
    files: dict[str, int]
    checklist: Any
    damage: str


@dataclass(frozen=True)
class Seen:
    """Who saw a text: the data sets that hold it, and the runs on them.

    `trained` are runs on a data set whose training rows hold it; `unread` are data sets that cannot be searched.
    """

    text: str
    found: tuple[Found, ...]
    trained: dict[str, tuple[Use, ...]]
    measured: dict[str, tuple[Use, ...]]
    unread: dict[str, str]


def shelf(workspace: Workspace) -> Shelf:
    """Every data set, the newest first."""
    known = catalogue.entries(workspace)
    read, stored = stored_bytes(each.folder for each in known)
    return Shelf(tuple(_listed(workspace, each) for each in known), read, stored)


def show(workspace: Workspace, name: str) -> Shown:
    """One data set by the first characters of its name. Raises UserError when there is none, or several."""
    entry = catalogue.find(workspace, name)
    damage = ""
    if entry.whole:
        try:
            check_seal(entry.folder)
        except OutsideError as error:
            damage = error.problems[0].sentence()
    files = catalogue.files_of(entry.folder)
    return Shown(_listed(workspace, entry), files, catalogue.checklist_of(entry.folder), damage or entry.problem)


def diff(workspace: Workspace, *, a: str, b: str, examples: int) -> Difference:
    """Two data sets by name. Raises UserError when there is none of that name, or it was deleted."""
    return compare(catalogue.find(workspace, a), catalogue.find(workspace, b), examples=examples)


def trace(workspace: Workspace, row: str, *, names: Sequence[str] = ()) -> list[Traced]:
    """The way of a row through data sets to runs. Raises UserError when no data set knows it."""
    known = catalogue.chosen(workspace, names)
    found = lineage.trace(workspace, known, row=row)
    if not found:
        _refuse_empty(workspace, known)
        raise UserError(
            f'no data set knows the row "{row[:80]}".',
            where=str(workspace.datasets),
            do="A row is an id, or a file as the recipe names it and a line: data/train.jsonl:17",
        )
    return found


def find(workspace: Workspace, text: str, *, names: Sequence[str] = (), limit: int = 20) -> Seen:
    """Which data sets hold a text, and which runs and models saw it. At most `limit` rows of each are listed."""
    known = catalogue.chosen(workspace, names)
    _refuse_empty(workspace, known)
    needle = Needle(text)
    found = tuple(search([each for each in known if each.whole], needle, limit=limit))
    made = {each.dataset: lineage.uses(workspace, each.dataset) for each in found}
    trained = {each.dataset: made[each.dataset] for each in found if "train" in each.rows}
    measured = {name: uses for name, uses in made.items() if name not in trained}
    unread = {each.name: _unread(each) for each in known if not each.whole}
    return Seen(text, found, trained, measured, unread)


def expire(place: Place, *, names: Sequence[str] = ()) -> list[Tombstone]:
    """Delete the data sets whose last day is over, of these names or all, and what holds texts of their rows.

    What a kill has cut off is finished.

    Raises UserError for one that is named and is not due.
    """
    today = place.now()[:10]
    done: list[Tombstone] = []
    for entry in catalogue.chosen(place.workspace, names):
        unfinished = entry.tombstone is not None and _unfinished(place.workspace, entry)
        due = entry.tombstone is None and entry.terms is not None and entry.terms.over(today)
        if due or unfinished or names:
            done.append(_expired(place, entry))
    return done


def _expired(place: Place, entry: Entry) -> Tombstone:
    workspace, version = place.workspace, entry.version
    stone = retention.expire(
        workspace,
        entry.name,
        version=version,
        now=place.now(),
        user=user_of(os.environ),
        traces=forgetting.traces_of(workspace, entry.name),
    )
    forgetting.clean_records(workspace, entry.name)
    if version is not None:
        others = [each.version for each in catalogue.entries(workspace) if each.version is not None and each.whole]
        retention.forget_copies(workspace, version.parents, needed=[name for each in others for name in each.parents])
    return stone


def _unfinished(workspace: Workspace, entry: Entry) -> bool:
    return bool(retention.leftovers(entry.folder)) or forgetting.left(workspace, entry.name)


def _listed(workspace: Workspace, entry: Entry) -> Listed:
    records = [each for each in workspace.records("data", DatasetVersion) if each.name == entry.name]
    named = [each.recipe for each in (*([entry.version] if entry.version else []), *records)]
    uses = lineage.uses(workspace, entry.name)
    recipes = dict.fromkeys(name for name in (*named, *(use.recipe for use in uses)) if name)
    return Listed(entry, tuple(recipes), uses)


def _unread(entry: Entry) -> str:
    return f"deleted: {entry.tombstone.why}" if entry.tombstone else f"damaged: {entry.problem}"


def _refuse_empty(workspace: Workspace, known: Sequence[Entry]) -> None:
    if not known:
        raise UserError(
            "this workspace has no data sets.",
            where=str(workspace.home),
            do="Prepare one (tunewright data), or name another workspace with --home.",
        )
