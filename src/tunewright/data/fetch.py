"""Remote sources as local files: fetched once into the workspace cache, then read like any other file.

`<workspace>/cache/sources/<digest>/` holds `source.json` and the folder of files that it names; `partial/` is what a
broken fetch left, and where the next one goes on. The digest is that of the address and of what is asked of it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tunewright.core import digest
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import Emit, Note, Progress
from tunewright.core.store import Listing, RemoteFile, Store, Wanted
from tunewright.core.workspace import Workspace, outside_errors, sync_folder, write_json
from tunewright.data.rows import SPLITS
from tunewright.recipe import files as named
from tunewright.recipe import remote
from tunewright.recipe.recipe import DataOptions
from tunewright.recipe.sources import SourceOptions, sources_of

RECORD = "source.json"
PARTIAL = "partial"
STEP = {"bytes": 16 << 20, "rows": 50_000}
"""After how much more progress is told."""


@dataclass(frozen=True)
class Fetch:
    """Fetches the remote sources of a recipe.

    `since_s`: a copy that was compared with its store after that moment is not compared again, so that the stages of
    one run see the same rows; in seconds since 1970, as `clock` gives them.
    """

    stores: Mapping[str, Store]
    workspace: Workspace
    folder: Path
    emit: Emit
    clock: Callable[[], float]
    since_s: float = 0.0

    def all(self, options: DataOptions) -> Fetched:
        """Copies of every remote source. Raises UserError and OutsideError of the stores."""
        found: dict[str, Copy] = {}
        for split in SPLITS:
            for source in sources_of(getattr(options, split)):
                store = remote.store_of(source.path)
                if store is None:
                    continue
                key = source_key(source, split)
                if key not in found:
                    found[key] = self.one(source, split, store=self._store(store, source))
        return Fetched(found)

    def _store(self, name: str, source: SourceOptions) -> Store:
        if not name:
            what = f'nothing here reads addresses that begin with "{remote.scheme(source.path)}://".'
            raise UserError(what, where="data", do=named.WRITE_AN_ADDRESS)
        return self.stores[name]

    def one(self, source: SourceOptions, split: str, *, store: Store) -> Copy:
        """The copy of one source: the one that is there, brought up to date, or a new one."""
        place = self.workspace.cache / "sources" / source_key(source, split)
        wanted = wanted_of(source, split, folder=self.folder)
        with outside_errors(place), waiting(place, emit=self.emit):
            known = read_copy(place)
            if known is not None and self._stays(known, source, settled=store.settled(wanted)):
                return known
            try:
                listing = store.list(wanted)
            except OutsideError as error:
                if known is None or source.refresh == "always":
                    raise
                self.emit(Note(text=f"{error.problems[0].what} {sentence(known)}"))
                return known
            if known is not None and source.refresh == "auto" and known.same(listing):
                return self._record(place, replace(known, looked_s=self.clock()))
            return self._fetch(place, listing, wanted=wanted, store=store, source=source, known=known)

    def _stays(self, known: Copy, source: SourceOptions, *, settled: bool) -> bool:
        """True when a copy is used without a look at its store; a person is told where that may surprise."""
        if known.looked_s >= self.since_s > 0 or source.refresh == "never":
            return True
        if source.refresh == "always" or not settled:
            return False
        self.emit(Note(text=f"{sentence(known)} `refresh: always` reads it again."))
        return True

    def _fetch(
        self, place: Path, listing: Listing, *, wanted: Wanted, store: Store, source: SourceOptions, known: Copy | None
    ) -> Copy:
        wanted = replace(wanted, revision=listing.revision or wanted.revision)
        partial = place / PARTIAL
        partial.mkdir(parents=True, exist_ok=True)
        kept = {} if known is None or source.refresh == "always" else {file["name"]: file for file in known.files}
        files: list[dict[str, Any]] = []
        total = sum(file.size for file in listing.files) if all(file.size >= 0 for file in listing.files) else None
        meter = Meter(self.emit, total)
        for file in listing.files:
            _room_for(file, partial)
            old = kept.get(file.name)
            if known is not None and old is not None and file.stamp and old["stamp"] == file.stamp:
                _link(known.path(old), partial / file.name)
            else:
                bring(store, wanted, file=file, folder=partial, meter=meter)
            entry = {"name": file.name, "shown": file.shown, "stamp": file.stamp}
            path = partial / file.name
            files.append({**entry, "bytes": path.stat().st_size, "sha256": digest.of_file(path)})
        url, now = remote.shown(source.path), self.clock()
        folder = digest.short(digest.of_json([files, now]))
        _publish(partial, place / folder, keep={file["name"] for file in files})
        copy = Copy(place / folder, url, _about(source), listing.revision, now, now, tuple(files))
        self._record(place, copy)
        for old_folder in place.iterdir():
            if old_folder.is_dir() and old_folder.name != folder:
                shutil.rmtree(old_folder, ignore_errors=True)
        size = sum(file["bytes"] for file in files)
        self.emit(Note(text=f"{name_of(copy)} was fetched: {len(files):,} file(s), {size:,} bytes."))
        return copy

    def _record(self, place: Path, copy: Copy) -> Copy:
        write_json(place / RECORD, copy.record())
        return copy


@dataclass(frozen=True)
class Copy:
    """What lies in the cache of one remote source. `made_s` and `looked_s` are seconds since 1970."""

    folder: Path
    url: str
    asked: dict[str, Any]
    revision: str
    made_s: float
    looked_s: float
    files: tuple[dict[str, Any], ...]

    def path(self, file: Mapping[str, Any]) -> Path:
        """Where a file of the copy lies."""
        return self.folder / str(file["name"])

    def same(self, listing: Listing) -> bool:
        """True when the store has what the copy has; a file without a stamp may have changed."""
        mine = {file["name"]: (file["stamp"], file["bytes"]) for file in self.files}
        theirs = {
            file.name: (file.stamp, file.size if file.size >= 0 else mine.get(file.name, ("", -1))[1])
            for file in listing.files
        }
        return mine == theirs and all(file.stamp for file in listing.files)

    def record(self) -> dict[str, Any]:
        """The content of `source.json`: nothing in it is secret."""
        times = {"made_s": self.made_s, "looked_s": self.looked_s}
        about = {"url": self.url, "asked": self.asked, "revision": self.revision}
        return {"folder": self.folder.name, **about, **times, "made_at": iso(self.made_s), "files": list(self.files)}


@dataclass(frozen=True)
class Fetched:
    """Copies of remote sources by `source_key`; none for recipes over local files."""

    copies: Mapping[str, Copy] = field(default_factory=dict)

    def of(self, source: SourceOptions, split: str) -> Copy:
        """The copy of a source. Raises UserError where nobody fetched it."""
        found = self.copies.get(source_key(source, split))
        if found is None:
            raise UserError(
                f"{remote.shown(source.path)} was not fetched; only local files are read here.",
                where=f"data.{split}",
                do="Name a local file.",
            )
        return found


class Meter:
    """Adds up what arrives and tells it now and then."""

    def __init__(self, emit: Emit, total: int | None) -> None:
        self._emit = emit
        self._total = total
        self._told = self._done = 0

    def __call__(self, amount: int, unit: str) -> None:
        """So many more bytes or rows."""
        self._done += amount
        if self._done - self._told >= STEP[unit]:
            self._told = self._done
            total = self._total if unit == "bytes" else None
            self._emit(Progress(stage="fetch", done=self._done, total=total, unit=unit))


def bring(store: Store, wanted: Wanted, *, file: RemoteFile, folder: Path, meter: Meter) -> None:
    """One file into a folder: passed over when it is there, gone on with when it broke off and is still the same."""
    path, part, note = (folder / f"{file.name}{more}" for more in ("", ".part", ".part.json"))
    path.parent.mkdir(parents=True, exist_ok=True)
    expected = {"stamp": file.stamp, "size": file.size}
    same = file.stamp != "" and note.is_file() and _read(note) == expected
    if same and path.is_file():
        meter(path.stat().st_size, "bytes")
        return
    if not same or (file.size >= 0 and part.is_file() and part.stat().st_size > file.size):
        for stale in (path, part):
            stale.unlink(missing_ok=True)
        write_json(note, expected)
    store.fetch(wanted, file, part=part, arrived=meter)
    size = part.stat().st_size
    if (file.size >= 0 and size != file.size) or (file.sha256 and digest.of_file(part) != file.sha256):
        part.unlink()
        raise OutsideError(
            f"{file.shown} arrived damaged: {size:,} bytes are not what the store lists.",
            do="Run again to fetch it anew; if it happens twice, it changes while it is read, or a proxy is at fault.",
            retry="safe",
        )
    with part.open("rb+") as arrived:
        _sync(arrived)
    part.rename(path)


def source_key(source: SourceOptions, split: str) -> str:
    """What a copy is called: a digest of the address and of what is asked of it, secrets left out."""
    asked = source.model_dump(mode="json", include={"path", "type", "query", "table", "revision", "storage"})
    return digest.of_json([asked, source.split or (split if remote.store_of(source.path) == "hub" else "")])[:32]


def wanted_of(source: SourceOptions, split: str, *, folder: Path) -> Wanted:
    """A source as its store takes it."""
    return Wanted(
        url=source.path,
        folder=folder,
        endings=named.endings(source.type) if source.type != "auto" else named.known_endings(),
        query=source.query or "",
        table=source.table or "",
        split=source.split or split,
        any_split=source.split is None,
        revision=source.revision or "",
        storage=source.storage,
    )


def read_copy(place: Path) -> Copy | None:
    """The whole copy in a place of the cache, or None: files that are gone or have another size make it none."""
    if not (place / RECORD).is_file():
        return None
    known = _read(place / RECORD)
    copy = Copy(
        place / known["folder"],
        known["url"],
        known["asked"],
        known["revision"],
        known["made_s"],
        known["looked_s"],
        tuple(known["files"]),
    )
    whole = all(copy.path(file).is_file() and copy.path(file).stat().st_size == file["bytes"] for file in copy.files)
    return copy if whole else None


def name_of(copy: Copy) -> str:
    """A copy's source for people: `postgresql://host/db: orders`."""
    of = copy.asked.get("table") or ("a query" if copy.asked.get("query") else "")
    return f"{copy.url}: {of}" if of else copy.url


def sentence(copy: Copy) -> str:
    """That a copy is used, and of when it is."""
    return f"The copy of {name_of(copy)} of {iso(copy.made_s)} is used."


def iso(time_s: float) -> str:
    """A moment in UTC."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="seconds")


@contextmanager
def waiting(place: Path, *, emit: Emit) -> Iterator[None]:
    """Hold the lock of a place in the cache; another process that fetches the same is waited for."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            emit(Note(text="Another process fetches the same source; waiting for it."))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _about(source: SourceOptions) -> dict[str, Any]:
    asked = {name: getattr(source, name) for name in ("query", "table", "split") if getattr(source, name)}
    return {**asked, "storage": remote.harmless(source.storage)} if source.storage else asked


def _publish(partial: Path, target: Path, *, keep: set[str]) -> None:
    """Give a finished folder its name; notes and leftovers of broken fetches do not come along."""
    for path in sorted(partial.rglob("*")):
        if path.is_file() and path.relative_to(partial).as_posix() not in keep:
            path.unlink()
    partial.rename(target)
    sync_folder(target.parent)


def _link(old: Path, new: Path) -> None:
    """A file of the last copy in the new one, without its bytes a second time."""
    new.parent.mkdir(parents=True, exist_ok=True)
    new.unlink(missing_ok=True)
    new.hardlink_to(old)


def _room_for(file: RemoteFile, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if file.size > free:
        raise OutsideError(
            f"{file.shown} needs {file.size / 1e9:.1f} GB and {free / 1e9:.1f} GB are free.",
            where=str(folder),
            do="Free some space, or set TUNEWRIGHT_HOME to a larger disk.",
            retry="safe",
        )


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
