"""Remote sources as copies: fetched once, whole or not at all, gone on with, refreshed as the recipe says."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tests.data.builders import every, parts_of, workspace_of
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import Event, Note, Progress
from tunewright.core.nouns import DatasetVersion
from tunewright.core.store import Listing, RemoteFile, Wanted
from tunewright.data.fetch import Fetch, Fetched, source_key
from tunewright.data.files import find_files
from tunewright.data.prepare import Inputs, dataset_key, prepare
from tunewright.recipe.recipe import DataOptions
from tunewright.text.chat import ChatFormat

ROWS = [{"question": f"What is {number} and one?", "answer": str(number + 1)} for number in range(40)]
TEXT = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


@dataclass
class Clock:
    now_s: float = 1_000_000.0

    def __call__(self) -> float:
        self.now_s += 1
        return self.now_s


@dataclass
class SlowStore:
    """Obeys the port Store over files in memory; breaks off after `patience` bytes, and says what it was asked."""

    files: dict[str, bytes]
    patience: int = 1 << 30
    away: bool = False
    asked: list[str] = field(default_factory=list)

    def settled(self, wanted: Wanted) -> bool:
        return False

    def list(self, wanted: Wanted) -> Listing:
        self.asked.append("list")
        if self.away:
            raise OutsideError("the store does not answer.", retry="safe")
        stamps = {name: str(hash(content)) for name, content in self.files.items()}
        found = [RemoteFile(n, f"s3://b/{n}", stamps[n], len(c)) for n, c in self.files.items()]
        return Listing(tuple(found))

    def fetch(self, wanted: Wanted, file: RemoteFile, *, part: Path, arrived: Callable[[int, str], None]) -> None:
        have = part.stat().st_size if part.exists() else 0
        self.asked.append(f"{file.name} from {have}")
        with part.open("ab") as target:
            for start in range(have, len(self.files[file.name]), 100):
                if self.patience <= 0:
                    raise OutsideError("the connection broke.", retry="safe")
                target.write(block := self.files[file.name][start : start + 100])
                self.patience -= len(block)
                arrived(len(block), "bytes")


def fetcher(folder: Path, stores: dict[str, Any], **more: Any) -> tuple[Fetch, list[Event]]:
    events: list[Event] = []
    return Fetch(stores, workspace_of(folder), folder, events.append, more.pop("clock", Clock()), **more), events


def options(source: Any, **more: Any) -> DataOptions:
    return DataOptions.model_validate({"train": source, "steps": [], **more})


def notes(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Note))


def contents(fetched: Fetched, data: DataOptions, folder: Path) -> dict[str, bytes]:
    """What find_files gives for training: names and bytes."""
    return {file.name: file.path.read_bytes() for file in find_files(data, folder=folder, fetched=fetched)["train"]}


def run(folder: Path, chat: ChatFormat, data: DataOptions, events: list[Event] | None = None) -> DatasetVersion:
    """Fetch and prepare, as the flow does."""
    emit = (events if events is not None else []).append
    stores = every("stores")
    fetched = Fetch(stores, workspace_of(folder), folder, emit, Clock()).all(data)
    key = dataset_key(data, chat, folder=folder, loss_on="answers", fetched=fetched)
    inputs = Inputs(chat, folder, "answers", key, "2026-01-01T00:00:00Z", fetched=fetched)
    return prepare(data, parts_of(data), inputs=inputs, workspace=workspace_of(folder), emit=emit)


@pytest.fixture
def memory() -> Iterator[Any]:
    """fsspec's store in memory, empty before and after."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield system
    system.store.clear()


def test_a_broken_fetch_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    store = SlowStore({"a.jsonl": b"a" * 1000, "deep/b.jsonl": b"b" * 1000}, patience=1500)
    data = options("s3://b/")
    fetch, _events = fetcher(tmp_path, {"files": store})
    with pytest.raises(OutsideError, match="broke"):
        fetch.all(data)
    assert not list(tmp_path.rglob("source.json"))
    store.patience = 1 << 30
    found = contents(fetch.all(data), data, tmp_path)
    assert found == {"s3://b/a.jsonl": b"a" * 1000, "s3://b/deep/b.jsonl": b"b" * 1000}
    assert store.asked == ["list", "a.jsonl from 0", "deep/b.jsonl from 0", "list", "deep/b.jsonl from 500"]
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(left) == ["a.jsonl", "b.jsonl", "lock", "source.json"]


def test_a_file_that_changed_meanwhile_begins_anew(tmp_path: Path) -> None:
    store = SlowStore({"a.jsonl": b"a" * 1000}, patience=500)
    data = options("s3://b/a.jsonl")
    fetch, _events = fetcher(tmp_path, {"files": store})
    with pytest.raises(OutsideError):
        fetch.all(data)
    store.files, store.patience = {"a.jsonl": b"c" * 1000}, 1 << 30
    assert contents(fetch.all(data), data, tmp_path) == {"s3://b/a.jsonl": b"c" * 1000}
    assert store.asked[-1] == "a.jsonl from 0"


def test_a_file_of_another_size_than_listed_is_refused(tmp_path: Path) -> None:
    class Short(SlowStore):
        def list(self, wanted: Wanted) -> Listing:
            (one,) = super().list(wanted).files
            return Listing((one._replace(size=one.size + 1),))

    fetch, _events = fetcher(tmp_path, {"files": Short({"a.jsonl": b"a" * 100})})
    with pytest.raises(OutsideError, match="arrived damaged"):
        fetch.all(options("s3://b/a.jsonl"))
    assert not list(tmp_path.rglob("*.part"))


def test_only_what_changed_is_fetched_again(tmp_path: Path) -> None:
    store = SlowStore({"a.jsonl": b"a" * 100, "b.jsonl": b"b" * 100})
    data = options("s3://b/")
    fetch, events = fetcher(tmp_path, {"files": store})
    first = fetch.all(data)
    assert contents(fetch.all(data), data, tmp_path) == contents(first, data, tmp_path)
    store.files["b.jsonl"] = b"c" * 120
    store.asked.clear()
    found = contents(fetch.all(data), data, tmp_path)
    assert store.asked == ["list", "b.jsonl from 0"]
    assert found == {"s3://b/a.jsonl": b"a" * 100, "s3://b/b.jsonl": b"c" * 120}
    assert notes(events).count("was fetched") == 2
    (record,) = tmp_path.rglob("source.json")
    assert len([path for path in record.parent.iterdir() if path.is_dir()]) == 1


def test_refresh_says_when_a_store_is_asked(tmp_path: Path) -> None:
    store = SlowStore({"a.jsonl": b"a" * 100})
    fetch, _events = fetcher(tmp_path, {"files": store})
    source = {"path": "s3://b/a.jsonl"}
    for refresh, asked in (("never", 2), ("never", 0), ("auto", 1), ("always", 2)):
        store.asked.clear()
        fetch.all(options({**source, "refresh": refresh}))
        assert len(store.asked) == asked, refresh


def test_one_run_looks_once(tmp_path: Path) -> None:
    store = SlowStore({"a.jsonl": b"a" * 100})
    clock = Clock()
    data = options({"path": "s3://b/a.jsonl", "refresh": "always"})
    for _stage in range(3):
        fetcher(tmp_path, {"files": store}, clock=clock, since_s=1_000_000.5)[0].all(data)
    assert store.asked == ["list", "a.jsonl from 0"]
    fetcher(tmp_path, {"files": store}, clock=clock, since_s=clock.now_s + 0.5)[0].all(data)
    assert len(store.asked) == 4


def test_without_the_store_its_copy_is_used_and_said(tmp_path: Path) -> None:
    store = SlowStore({"a.jsonl": b"a" * 100})
    fetch, events = fetcher(tmp_path, {"files": store})
    fetch.all(options("s3://b/a.jsonl"))
    store.away = True
    assert contents(fetch.all(options("s3://b/a.jsonl")), options("s3://b/a.jsonl"), tmp_path)
    assert "does not answer. The copy of s3://b/a.jsonl of 1970-01-12" in notes(events)
    with pytest.raises(OutsideError, match="does not answer"):
        fetch.all(options({"path": "s3://b/a.jsonl", "refresh": "always"}))


def test_a_copy_that_was_damaged_is_fetched_again(tmp_path: Path) -> None:
    store = SlowStore({"a.jsonl": b"a" * 100})
    data = options({"path": "s3://b/a.jsonl", "refresh": "never"})
    fetch, _events = fetcher(tmp_path, {"files": store})
    fetch.all(data)
    (file,) = tmp_path.rglob("a.jsonl")
    file.write_bytes(b"a")
    assert contents(fetch.all(data), data, tmp_path) == {"s3://b/a.jsonl": b"a" * 100}


def test_progress_is_told(tmp_path: Path) -> None:
    store = SlowStore({"a.jsonl": b"a" * (40 << 20)})
    fetch, events = fetcher(tmp_path, {"files": store})
    fetch.all(options("s3://b/a.jsonl"))
    told = [event for event in events if isinstance(event, Progress)]
    assert [event.total for event in told] == [40 << 20] * 2 and told[0].stage == "fetch"


def test_rows_from_a_store_are_rows_like_others(tmp_path: Path, chat: ChatFormat, memory: Any) -> None:
    memory.pipe("/in/a.jsonl", TEXT)
    (tmp_path / "a.jsonl").write_bytes(TEXT)
    near, far = run(tmp_path, chat, options("a.jsonl")), run(tmp_path, chat, options("memory://in/a.jsonl"))
    assert near.name == far.name and near.key != far.key
    assert set(far.receipt.sources) == {"memory://in/a.jsonl"}
    memory.pipe("/in/a.jsonl", TEXT + b'{"question": "More?", "answer": "Yes."}\n')
    assert run(tmp_path, chat, options("memory://in/a.jsonl")).receipt.rows.kept == far.receipt.rows.kept + 1


def test_globs_and_folders_of_stores(tmp_path: Path, memory: Any) -> None:
    for name in ("in/a.jsonl", "in/b.csv", "in/deep/c.jsonl", "in/readme.pdf", "in/.hidden.jsonl"):
        memory.pipe(f"/{name}", name.encode())
    fetch, _events = fetcher(tmp_path, every("stores"))

    def names(source: Any) -> set[str]:
        data = options(source)
        return set(contents(fetch.all(data), data, tmp_path))

    assert names("memory://in/*.jsonl") == {"memory://in/a.jsonl", "memory://in/.hidden.jsonl"}
    assert names("memory://in") == {"memory://in/a.jsonl", "memory://in/b.csv", "memory://in/deep/c.jsonl"}
    assert names({"path": "memory://in", "type": "csv"}) == {"memory://in/b.csv"}
    with pytest.raises(UserError, match="no file at this address"):
        names("memory://in/no.jsonl")


def test_a_file_address_is_read_beside_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(TEXT)
    data = options("file://a.jsonl")
    fetch, _events = fetcher(tmp_path, every("stores"))
    (found,) = contents(fetch.all(data), data, tmp_path).values()
    assert found == TEXT


def test_a_table_is_fetched_once_and_said(tmp_path: Path, chat: ChatFormat) -> None:
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("create table rows (question text, answer text)")
        database.executemany("insert into rows values (:question, :answer)", ROWS)
    data = options({"path": "sqlite:///a.db", "table": "rows"})
    events: list[Event] = []
    first = run(tmp_path, chat, data, events)
    assert set(first.receipt.sources) == {"sqlite:///a.db: rows"} and first.receipt.rows.kept == len(ROWS)
    assert "sqlite:///a.db: rows was fetched" in notes(events)
    assert run(tmp_path, chat, data).name == first.name
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("create table copy as select * from rows order by random()")
        database.execute("delete from rows")
        database.execute("insert into rows select * from copy")
    assert run(tmp_path, chat, data).name == first.name


def test_secrets_are_written_nowhere(tmp_path: Path) -> None:
    secret = "p4ss-Word-of-mine"
    path = f"postgresql://me:{secret}@db.example:5432/shop?sslpassword={secret}"
    storage = {"key": secret, "client_kwargs": {"aws_secret": secret, "region": "x"}}
    table = {"path": path, "table": "rows"}
    stored = {"path": "s3://b/a.jsonl", "storage": storage}
    data = options([table, stored])
    store = SlowStore({"a.jsonl": b"a"})
    fetch, events = fetcher(tmp_path, {"sql": store, "files": store})
    fetched = fetch.all(data)
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    for text in (written, repr(data), str(data.train), data.model_dump_json(), notes(events)):
        assert secret not in text
    assert '"postgresql://db.example:5432/shop"' in written and '"region": "x"' in written
    again = DataOptions.model_validate(data.model_dump(mode="json"))
    sources = (data.train, again.train)
    assert isinstance(sources[0], tuple) and isinstance(sources[1], tuple)
    assert [source_key(each, "train") for each in sources[0]] == [source_key(each, "train") for each in sources[1]]
    assert len(fetched.copies) == 2


def test_nobody_fetches_for_who_reads_local_files_alone(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was not fetched"):
        find_files(options("s3://b/a.jsonl"), folder=tmp_path)


def test_an_address_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    fetch, _events = fetcher(tmp_path, {})
    with pytest.raises(UserError, match=r'begin with "ftp://"'):
        fetch.all(options("ftp://x/a.jsonl"))
