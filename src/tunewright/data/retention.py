"""Retention of data sets: the terms they may be used under, and what is left when they are over.

`datasets/<name>/retention.json`: the terms in force. `datasets/<name>/expired.json`: all that stays of a data set that
was deleted, in numbers and without text. `<workspace>/retention.jsonl`: every change of terms and every deletion.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tunewright.core.appended import append_line
from tunewright.core.digest import short
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.nouns import DatasetVersion, RowCounts
from tunewright.core.workspace import Workspace, lock, write_text
from tunewright.data.objects import OBJECTS, sweep
from tunewright.recipe.retention import RetentionOptions

TERMS, TOMBSTONE, LOG = "retention.json", "expired.json", "retention.jsonl"
STAYS = frozenset({TERMS, TOMBSTONE})
RecordT = TypeVar("RecordT", bound=BaseModel)


class Terms(BaseModel):
    """Terms in force. `until`: the last day of use (UTC); `allowed`: nobody named means everybody."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    until: str | None = None
    allowed: tuple[str, ...] = ()
    purpose: str = ""
    recipe: str = ""
    stated_at: str = ""

    def over(self, today: str) -> bool:
        """True after the last day. `today`: an ISO date."""
        return self.until is not None and today > self.until


class Tombstone(BaseModel):
    """What is known of a data set that was deleted: numbers, no text.

    `removed`: evaluations and reports with texts of its rows that were deleted with it, `remains`: what may still hold
    such text and was not; both are relative to the workspace. `runs` and `models` were trained on it, and stay.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    expired_at: str
    why: str
    terms: Terms
    made_at: str = ""
    splits: dict[str, int] = {}
    rows: RowCounts = RowCounts.model_validate({})
    tokens: int = 0
    sources: int = 0
    removed: tuple[str, ...] = ()
    remains: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


class Traces(NamedTuple):
    """What was made from a data set, as a tombstone has it."""

    removed: tuple[str, ...] = ()
    remains: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


NO_TRACES = Traces()


def terms_of(folder: Path) -> Terms | None:
    """The terms of a data set's folder. Raises OutsideError when they cannot be read: then nobody may use it."""
    return _read(folder / TERMS, Terms)


def tombstone_of(folder: Path) -> Tombstone | None:
    """What is left of a data set that was deleted; None where it was not. Raises OutsideError for damage."""
    return _read(folder / TOMBSTONE, Tombstone)


def check_use(workspace: Workspace, name: str, *, today: str, user: str) -> None:
    """Raise UserError when a data set is deleted, its last day is over, or this user is not among those named."""
    folder = workspace.datasets / name
    refuse_deleted(folder)
    terms = terms_of(folder)
    if terms is not None:
        check_terms(terms, today=today, user=user, what=f"the data set {short(name)}")


def check_terms(
    terms: Terms | RetentionOptions, *, today: str, user: str, what: str = "the data set of this recipe"
) -> None:
    """Raise UserError when terms do not allow a user to use a data set today."""
    if terms.until is not None and today > terms.until:
        raise UserError(
            f"{what} was to be used until {terms.until}, and today is {today}.",
            where="data.retention.until",
            do="Use other rows; `tunewright datasets expire` deletes what was prepared.",
        )
    if terms.allowed and user not in terms.allowed:
        raise UserError(
            f'{what} may be used by {", ".join(terms.allowed)}, and you are "{user}".',
            where="data.retention.allowed",
            do="Ask who answers for the rows; TUNEWRIGHT_USER says who you are.",
        )


def refuse_deleted(folder: Path) -> None:
    """Raise UserError when the data set of a folder was deleted because its time was over."""
    found = tombstone_of(folder)
    if found is not None:
        raise UserError(
            f"the data set {short(found.name)} is deleted since {found.expired_at[:10]}: {found.why}.",
            where=str(folder / TOMBSTONE),
            do="Use other rows. If these may be used again, remove that folder.",
        )


def keep_terms(workspace: Workspace, name: str, *, terms: RetentionOptions, recipe: str, now: str) -> None:
    """Put the terms of a recipe in force for a data set, and write down that they changed; none change nothing.

    Once the last day is over it is too late: no recipe lifts terms of which that is true.
    """
    folder = workspace.datasets / name
    before = terms_of(folder)
    if not terms.stated() or (before is not None and (before.over(now[:10]) or _stated(before) == _stated(terms))):
        return
    stated = Terms(**terms.model_dump(), recipe=recipe, stated_at=now)
    write_text(folder / TERMS, stated.model_dump_json(indent=1) + "\n")
    _log(workspace, {"event": "terms", "dataset": name, "at": now, **stated.model_dump(mode="json")})


def expire(
    workspace: Workspace,
    name: str,
    *,
    version: DatasetVersion | None,
    now: str,
    user: str,
    traces: Traces = NO_TRACES,
) -> Tombstone:
    """Delete a data set whose last day is over: rows, tokens, quarantine, samples, fates, and files nobody shares;
    before them the files of the workspace that `traces` says are removed.

    The record that stays is written first, so that nobody begins to use what is being deleted; killed, it is done by
    the next call. `version`: None where its record cannot be read. Raises UserError when the data set is not due.
    """
    folder = workspace.datasets / name
    with lock(workspace.home / "scratch" / "retention.lock", purpose="expiry"):
        found = tombstone_of(folder)
        if found is None:
            terms = _due(folder, name, today=now[:10])
            found = _tombstone(name, version, terms=terms, now=now)
        removed = tuple(dict.fromkeys((*found.removed, *traces.removed)))
        found = found.model_copy(update={**traces._asdict(), "removed": removed})
        write_text(folder / TOMBSTONE, found.model_dump_json(indent=1, by_alias=True) + "\n")
        going = leftovers(folder)
        if going or traces.removed:
            more = {"why": found.why, **traces._asdict()}
            _log(workspace, {"event": "expired", "dataset": name, "at": now, "by": user, **more})
        if version is not None:
            shutil.rmtree(workspace.home / "scratch" / f"data-{short(version.key)}", ignore_errors=True)
        derived = [workspace.home / each for each in traces.removed]
        for path in (*derived, *going):  # rows go last: what is left of them says that this is not finished
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        sweep(workspace.datasets / OBJECTS)
    return found


def forget_copies(workspace: Workspace, parents: Iterable[str], *, needed: Iterable[str]) -> list[Path]:
    """Delete fetched copies of sources with a file among `parents` and none among `needed`; returns their folders.

    `parents` and `needed` are digests of files. A copy whose record is damaged is deleted: it is fetched again.
    """
    wanted, kept = set(parents), set(needed)
    gone: list[Path] = []
    for record in sorted((workspace.cache / "sources").glob("*/source.json")):
        try:
            files = {str(file["sha256"]) for file in json.loads(record.read_text(encoding="utf-8"))["files"]}
        except (OSError, ValueError, KeyError, TypeError):
            files = wanted
        if files & wanted and not files & kept:
            shutil.rmtree(record.parent)
            gone.append(record.parent)
    return gone


def leftovers(folder: Path) -> list[Path]:
    """Files of a data set that go when it expires; of one that has expired there are none, unless that was cut off."""
    return [path for path in sorted(folder.iterdir()) if path.name not in STAYS]


def _due(folder: Path, name: str, *, today: str) -> Terms:
    terms = terms_of(folder)
    if terms is None or not terms.over(today):
        when = f"it may be used until {terms.until}" if terms and terms.until else "no last day is stated"
        raise UserError(
            f"the data set {short(name)} does not expire: {when}.",
            where=str(folder),
            do="State an earlier day in data.retention.until and prepare it, or delete the folder by hand.",
        )
    return terms


def _tombstone(name: str, version: DatasetVersion | None, *, terms: Terms, now: str) -> Tombstone:
    found = Tombstone(name=name, expired_at=now, why=f"it was to be used until {terms.until}", terms=terms)
    if version is None:
        return found
    receipt = version.receipt
    numbers = {"splits": receipt.splits, "rows": receipt.rows, "tokens": receipt.tokens.kept}
    return found.model_copy(update={**numbers, "made_at": version.made_at, "sources": len(receipt.sources)})


def _stated(terms: Terms | RetentionOptions) -> tuple[object, ...]:
    return terms.until, tuple(terms.allowed), terms.purpose


def _log(workspace: Workspace, event: dict[str, object]) -> None:
    append_line(workspace.home / LOG, json.dumps(event))


def _read(path: Path, kind: type[RecordT]) -> RecordT | None:
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise OutsideError(
            "this record of retention is damaged, so nobody can say whether the rows may be used.",
            where=str(path),
            do=f"Mend it by what {LOG} of the workspace says, or delete its folder and run the `data` command again.",
        ) from error
