"""The report as a file: whole, escaped, alone, quick, and never in the place of something else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.data.report.folders import conversation, folder_of, many, spoilt
from tests.house.tree import REPOSITORY
from tunewright.core.errors import UserError
from tunewright.core.ports import Changed, Converted, Gone
from tunewright.data.report.write import Told, write_report
from tunewright.data.rows import make_row

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>|`](http://x)"
TOLD = Told("A <b>title</b>", "tunewright data recipe.yaml --report", ["clean", "deduplicate"])


class Tags(HTMLParser):
    """Counts tags, and notes addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "onerror", "onload")]


def tags_of(page: str) -> Tags:
    """The tags of a page."""
    found = Tags()
    found.feed(page)
    return found


def test_a_small_set_is_told_whole(tmp_path: Path) -> None:
    rows = [
        conversation(f"Question {n}?", "yes" if n % 2 else "Because.", label="ab"[n % 2], line=n) for n in range(10)
    ]
    twin = conversation("Question 1?", "yes", line=90)
    lost = [Gone(twin, "train", "duplicate", "duplicate_of_train"), Gone(twin, "train", "dropped", "clean.empty_turn")]
    changed = [Changed(rows[0], spoilt(rows[0], answer="Because of it."), "clean.white_space")]
    version = folder_of(tmp_path / "d", rows, lost=lost, changed=changed, broken=2)
    path = write_report(tmp_path / "report.html", tmp_path / "d", version=version, told=TOLD)
    page, text = path.read_text(), path.with_suffix(".md").read_text()
    document = json.loads(path.with_suffix(".json").read_text())
    assert "14 rows were read" in page
    assert "Every row is accounted for" in page and "Every row is accounted for" in text
    assert [stage["after"] for stage in document["flow"]] == [12, 11, 10, 10]
    assert document["sources"]["a.jsonl"]["splits"] == {"train": 9, "validation": 1, "test": 0}
    assert document["sources"]["a.jsonl"]["steps"]["clean"] == {
        "dropped": {"clean.empty_turn": 1},
        "changed": {"clean.white_space": 1},
    }
    assert document["splits"]["train"]["labels"] == dict(version.receipt.labels["train"])
    assert document["variety"]["prompts"]["different"] == document["splits"]["train"]["rows"]
    assert "<ins> of it</ins>" in page
    assert page.count("<svg") == page.count("<title id=") == page.count("<desc id=") >= 5


def test_text_of_rows_is_never_markup(tmp_path: Path) -> None:
    rows = [conversation(HOSTILE, f"{HOSTILE} {n}", label=HOSTILE, source=f"{HOSTILE}.jsonl") for n in range(4)]
    other = conversation(HOSTILE, "x", source=f"{HOSTILE}.jsonl")
    version = folder_of(
        tmp_path / "d",
        rows,
        lost=[Gone(other, "train", "dropped", f"clean.{HOSTILE}")],
        changed=[Changed(rows[0], other, "clean.x")],
        broken=1,
    )
    folder = tmp_path / "d"
    row = {"id": "i", "source": HOSTILE, "line": 1, "text": HOSTILE * 2000}
    (folder / "clusters.json").write_text(json.dumps([{"rows": [row, row], "similarity": 0.9}]))
    check = {"name": HOSTILE, "status": "warn", "value": HOSTILE, "limit": 3, "sentence": HOSTILE, "source": HOSTILE}
    (folder / "checklist.json").write_text(json.dumps([check]))
    (folder / "report-clean.json").write_text(json.dumps({HOSTILE: HOSTILE, "b": {"c": 1.5, "d": [1]}}))
    path = write_report(tmp_path / "report.html", folder, version=version, told=TOLD)
    found = tags_of(path.read_text())
    assert {"script", "img", "b"} & set(found.tags) <= {"b"}
    assert found.addresses == []
    text = path.with_suffix(".md").read_text()
    assert not re.search(r"(?<!\\)<(?:script|img)", text.replace("&lt;", ""))
    assert "✂" in path.read_text()


def test_documents_have_windows_and_no_prompts(tmp_path: Path) -> None:
    texts = [f"A document of some words, number {number}." for number in range(10)]
    rows = [make_row(Converted(({"role": "document", "content": text},)), source="a.txt", line=1) for text in texts]
    version = folder_of(tmp_path / "d", rows).model_copy(update={"shape": "text"})
    path = write_report(tmp_path / "report.html", tmp_path / "d", version=version, told=TOLD)
    page = path.read_text()
    assert "9 windows to learn from" in page
    assert "Letters a prompt" not in page and "Letters an answer" in page
    assert json.loads(path.with_suffix(".json").read_text())["variety"]["prompts"]["texts"] == 0


def test_private_rows_show_no_text_and_a_megabyte_is_cut(tmp_path: Path) -> None:
    rows = [conversation(f"Question {n}?", "word " * 200_000) for n in range(2)]
    version = folder_of(tmp_path / "d", rows)
    long = "x" * 1_000_000
    samples = {"personal_data.email": [{"source": "a", "line": 1, "after": "Call [name]"}], "q": [{"before": long}]}
    (tmp_path / "d" / "samples.json").write_text(json.dumps(samples))
    path = write_report(tmp_path / "report.html", tmp_path / "d", version=version, told=TOLD)
    page = path.read_text()
    assert "not shown" in page and "Call [name]" in page
    assert len(page) < 200_000


def test_what_steps_saw_before_private_text_was_hidden_is_not_shown(tmp_path: Path) -> None:
    version = folder_of(tmp_path / "d", many(4))
    secret = {"source": "a", "line": 1, "before": "Call 555-0199", "after": "Call  555-0199"}
    (tmp_path / "d" / "samples.json").write_text(json.dumps({"clean.white_space": [secret]}))
    row = {"source": "a", "line": 1, "text": "Call 555-0199"}
    (tmp_path / "d" / "clusters.json").write_text(json.dumps([{"rows": [row, row], "similarity": 1.0}]))
    for steps, shown in ((["clean", "near_duplicates", "personal_data"], 0), (["clean", "near_duplicates"], 1)):
        path = tmp_path / f"{shown}.html"
        write_report(path, tmp_path / "d", version=version, told=Told("T", "c", steps))
        assert ("0199" in path.read_text()) is bool(shown)
        assert "0199" not in path.with_suffix(".md").read_text()


@pytest.mark.parametrize("damage", ["{", "null", '{"a": 1}', "[1, {}]", '[{"rows": []}]'])
def test_files_of_steps_that_are_damaged_are_left_out(tmp_path: Path, damage: str) -> None:
    version = folder_of(tmp_path / "d", many(10))
    for name in ("clusters.json", "checklist.json", "samples.json", "report-x.json"):
        (tmp_path / "d" / name).write_text(damage)
    (tmp_path / "d" / "samples.json").write_text("{}")
    path = write_report(tmp_path / "report.html", tmp_path / "d", version=version, told=TOLD)
    assert "Every row is accounted for" in path.read_text()


def test_nothing_else_is_overwritten(tmp_path: Path) -> None:
    version = folder_of(tmp_path / "d", many(10))
    (tmp_path / "train.json").write_text('[{"question": "mine"}]')
    with pytest.raises(UserError, match=r"train\.json"):
        write_report(tmp_path / "train.html", tmp_path / "d", version=version, told=TOLD)
    assert not (tmp_path / "train.html").exists()
    with pytest.raises(UserError, match="HTML"):
        write_report(tmp_path / "recipe.yaml", tmp_path / "d", version=version, told=TOLD)
    first = write_report(tmp_path / "r.html", tmp_path / "d", version=version, told=TOLD).read_bytes()
    assert write_report(tmp_path / "r.html", tmp_path / "d", version=version, told=TOLD).read_bytes() == first


MEASURED = """
import resource, sys, time
from pathlib import Path
from tunewright.core.nouns import DatasetVersion
from tunewright.data.report.write import Told, write_report
folder = Path(sys.argv[1])
version = DatasetVersion.model_validate_json((folder / "version.json").read_text())
began = time.monotonic()
write_report(folder / "report.html", folder, version=version, told=Told("T", "c", ["clean"]))
print(time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_100_000_rows_take_seconds_and_little_memory(tmp_path: Path) -> None:
    found = []
    for count in (10_000, 100_000):
        version = folder_of(tmp_path / str(count), many(count))
        (tmp_path / str(count) / "version.json").write_text(version.model_dump_json(by_alias=True))
        command = [sys.executable, "-c", MEASURED, str(tmp_path / str(count))]
        told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=REPOSITORY)
        found.append([float(word) for word in told.stdout.split()])
    (_, small_kb), (seconds, large_kb) = found
    assert seconds < 60
    assert large_kb - small_kb < 150_000
