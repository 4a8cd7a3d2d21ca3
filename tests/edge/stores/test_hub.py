"""Data sets of the hub, over a small hub on loopback: pinned, checked, gone on with, offline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.models.small_hub import COMMIT, LARGE_BYTES, NAME, Hub, serving
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import Event, Note
from tunewright.core.workspace import Workspace
from tunewright.data.fetch import Fetch
from tunewright.data.files import find_files
from tunewright.edge.stores.hub import Work
from tunewright.recipe.options.stores.hub import Options
from tunewright.recipe.recipe import DataOptions

ROWS = [{"question": f"What is {n}?", "answer": str(n) * 200} for n in range(200)]


def parquet(rows: list[Any]) -> bytes:
    target = BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), target, compression="none")
    return target.getvalue()


FILES = {
    "README.md": b"# A data set",
    "data/train-00000-of-00002.parquet": parquet(ROWS),
    "data/train-00001-of-00002.parquet": parquet(ROWS[:5]),
    "data/test-00000-of-00001.parquet": parquet(ROWS[:7]),
    "extra/dev.jsonl": json.dumps(ROWS[0]).encode() + b"\n",
    "loader.py": b"import os",
}
assert len(FILES["data/train-00000-of-00002.parquet"]) > LARGE_BYTES


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(Hub(dict(FILES))) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield served


def fetched(folder: Path, source: Any, events: list[Event] | None = None, **more: Any) -> dict[str, bytes]:
    """Names and contents of the training files."""
    data = DataOptions.model_validate({"train": source, **more})
    stores = {"hub": Work(Options())}
    emit = (events if events is not None else []).append
    copies = Fetch(stores, Workspace(folder / "workspace"), folder, emit, lambda: 1.0).all(data)
    found = find_files(data, folder=folder, fetched=copies)
    return {file.name: file.path.read_bytes() for files in found.values() for file in files}


def test_the_split_of_the_same_name_is_read_and_pinned(hub: Hub, tmp_path: Path) -> None:
    found = fetched(tmp_path, f"hub:{NAME}", test=f"hub:{NAME}", validation={"path": f"hub:{NAME}", "split": "dev"})
    assert found == {f"hub:{NAME}/{name}": FILES[name] for name in FILES if name not in ("README.md", "loader.py")}
    records = [json.loads(path.read_text()) for path in tmp_path.rglob("source.json")]
    assert {record["revision"] for record in records} == {COMMIT}
    hub.asked.clear()
    events: list[Event] = []
    assert fetched(tmp_path, f"hub:{NAME}", events)
    assert hub.asked == [] and "refresh: always" in "".join(each.text for each in events if isinstance(each, Note))
    hub.files["data/train-00001-of-00002.parquet"] = parquet(ROWS[:6])
    again = fetched(tmp_path, {"path": f"hub:{NAME}", "refresh": "always"})
    assert again[f"hub:{NAME}/data/train-00001-of-00002.parquet"] == parquet(ROWS[:6])


def test_a_folder_and_a_commit_may_be_named(hub: Hub, tmp_path: Path) -> None:
    assert list(fetched(tmp_path, {"path": f"hub:{NAME}/extra", "split": "dev"})) == [f"hub:{NAME}/extra/dev.jsonl"]
    assert fetched(tmp_path, {"path": f"hub:{NAME}", "revision": COMMIT})
    with pytest.raises(UserError, match="no such commit"):
        fetched(tmp_path, {"path": f"hub:{NAME}", "revision": "0" * 40})


def test_a_data_set_without_splits_is_taken_whole(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"rows.jsonl": b"{}\n", "more.jsonl": b"{}\n\n"}
    assert len(fetched(tmp_path, f"hub:{NAME}")) == 2
    with pytest.raises(UserError, match="no rows of the split test"):
        fetched(tmp_path, {"path": f"hub:{NAME}", "split": "test"})


def test_a_split_that_is_not_there_is_said_with_those_that_are(hub: Hub, tmp_path: Path) -> None:
    del hub.files["extra/dev.jsonl"]
    with pytest.raises(UserError, match=r"split validation.*There is: test, train"):
        fetched(tmp_path, {"path": f"hub:{NAME}", "split": "validation"})
    hub.files = {"README.md": b""}
    with pytest.raises(UserError, match="no files of rows"):
        fetched(tmp_path, f"hub:{NAME}")


def test_a_broken_download_goes_on(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 4096)
    name = "data/train-00000-of-00002.parquet"
    hub.cut_after[name] = 30_000
    with pytest.raises(OutsideError, match="status 503"):
        fetched(tmp_path, f"hub:{NAME}")
    hub.status = None
    assert fetched(tmp_path, f"hub:{NAME}")[f"hub:{NAME}/{name}"] == FILES[name]
    ranges = hub.gets(name)
    assert any(each and each != "bytes=0-" for each in ranges)


@pytest.mark.parametrize("name", ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"])
def test_a_file_that_arrives_altered_is_refused(hub: Hub, tmp_path: Path, name: str) -> None:
    content = FILES[name]
    hub.altered[name] = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.raises(OutsideError, match="arrived damaged"):
        fetched(tmp_path, f"hub:{NAME}")
    assert not list(tmp_path.rglob("source.json"))
    hub.altered.clear()
    assert fetched(tmp_path, f"hub:{NAME}")[f"hub:{NAME}/{name}"] == content


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"gated": True}, "does not let you read"),
        ({"token": "t"}, "no public data set"),
        ({"status": 404}, "no data set acme/tiny"),
        ({"status": 500}, "status 500"),
    ],
)
def test_what_the_hub_refuses_is_said(hub: Hub, tmp_path: Path, fault: dict[str, Any], said: str) -> None:
    for key, value in fault.items():
        setattr(hub, key, value)
    with pytest.raises((UserError, OutsideError), match=said):
        fetched(tmp_path, f"hub:{NAME}")


def test_offline_is_said_and_a_copy_needs_no_network(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched(tmp_path / "before", f"hub:{NAME}")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert fetched(tmp_path / "before", f"hub:{NAME}")
    with pytest.raises(OutsideError, match="HF_HUB_OFFLINE forbids"):
        fetched(tmp_path / "after", f"hub:{NAME}")


def test_names_that_are_none(hub: Hub, tmp_path: Path) -> None:
    for path in ("hub:alone", "hub:a/b c", "hub:"):
        with pytest.raises(UserError, match="hub:owner/name"):
            fetched(tmp_path, path)
    assert replace(hub).asked == []
