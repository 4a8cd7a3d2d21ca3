"""Terms of use go with a data set, expiry deletes it, and what is left holds numbers alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.nouns import DatasetVersion
from tunewright.core.workspace import Workspace
from tunewright.data import retention
from tunewright.data.dataset import open_dataset
from tunewright.data.objects import OBJECTS
from tunewright.data.retention import LOG, TERMS, TOMBSTONE, Traces
from tunewright.recipe.retention import RetentionOptions
from tunewright.text.chat import ChatFormat

UNTIL = "2027-01-31"
BEFORE, LAST, AFTER = "2027-01-30", UNTIL, "2027-02-01"
SECRET = "the patient of room nine"


@pytest.fixture
def version(tmp_path: Path, chat: ChatFormat) -> DatasetVersion:
    rows = [{"text": f"{SECRET} {number}", "label": "ab"[number % 2]} for number in range(40)]
    write_jsonl(tmp_path / "rows.jsonl", [*rows, rows[0]])
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"text": "' + SECRET)
    return prepared(tmp_path, chat, options={"train": "rows.jsonl", "limits": {"quarantined_rows": 5}})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return workspace_of(tmp_path)


def keep(workspace: Workspace, version: DatasetVersion, **terms: object) -> None:
    options = RetentionOptions.model_validate(terms)
    retention.keep_terms(workspace, version.name, terms=options, recipe="r", now="2026-11-29T10:00:00+00:00")


def expire(workspace: Workspace, version: DatasetVersion, today: str = AFTER) -> retention.Tombstone:
    return retention.expire(
        workspace,
        version.name,
        version=version,
        now=f"{today}T08:00:00+00:00",
        user="ann",
        traces=Traces(remains=("runs/x",), runs=("r",)),
    )


def check(workspace: Workspace, version: DatasetVersion, today: str = BEFORE, user: str = "ann") -> None:
    retention.check_use(workspace, version.name, today=today, user=user)


def log(workspace: Workspace) -> list[dict[str, object]]:
    return [json.loads(line) for line in (workspace.home / LOG).read_text().splitlines()]


def test_without_terms_everybody_may(workspace: Workspace, version: DatasetVersion) -> None:
    keep(workspace, version)
    check(workspace, version, today="2999-01-01")
    assert not (workspace.datasets / version.name / TERMS).exists()
    assert not (workspace.home / LOG).exists()


@pytest.mark.parametrize("today", [BEFORE, LAST])
def test_the_last_day_is_allowed(workspace: Workspace, version: DatasetVersion, today: str) -> None:
    keep(workspace, version, until=UNTIL)
    check(workspace, version, today=today)
    assert len(open_dataset(workspace, version).split("train")) > 0


def test_after_the_last_day_it_is_refused(workspace: Workspace, version: DatasetVersion) -> None:
    keep(workspace, version, until=UNTIL)
    with pytest.raises(UserError, match=r"was to be used until 2027-01-31, and today is 2027-02-01") as caught:
        check(workspace, version, today=AFTER)
    assert caught.value.exit_code == 2


def test_others_than_those_named_are_refused(workspace: Workspace, version: DatasetVersion) -> None:
    keep(workspace, version, allowed=["team-a", "ann"])
    check(workspace, version)
    with pytest.raises(UserError, match='may be used by team-a, ann, and you are "bob"'):
        check(workspace, version, user="bob")


def test_every_change_of_terms_is_written_down(workspace: Workspace, version: DatasetVersion) -> None:
    keep(workspace, version, until=UNTIL)
    keep(workspace, version, until=UNTIL)
    keep(workspace, version)
    keep(workspace, version, until="2028-01-31", purpose="research")
    assert [line["until"] for line in log(workspace)] == [UNTIL, "2028-01-31"]
    check(workspace, version, today=AFTER)


def test_terms_that_are_over_are_not_lifted(workspace: Workspace, version: DatasetVersion) -> None:
    keep(workspace, version, until="2026-11-28")
    keep(workspace, version, until="2030-01-01")
    with pytest.raises(UserError, match="was to be used until 2026-11-28"):
        check(workspace, version, today="2026-11-29")
    assert [line["until"] for line in log(workspace)] == ["2026-11-28"]


def test_damaged_terms_stop_everybody(workspace: Workspace, version: DatasetVersion) -> None:
    (workspace.datasets / version.name / TERMS).write_text("{}x")
    with pytest.raises(OutsideError, match="nobody can say whether the rows may be used"):
        check(workspace, version)


def all_text(workspace: Workspace) -> bytes:
    return b"".join(path.read_bytes() for path in workspace.home.rglob("*") if path.is_file())


def test_expiry_leaves_no_text(workspace: Workspace, version: DatasetVersion) -> None:
    keep(workspace, version, until=UNTIL, purpose="care")
    (workspace.datasets / version.name / "report").mkdir()
    (workspace.datasets / version.name / "report" / "report.html").write_text(SECRET)
    assert SECRET.encode() in all_text(workspace)
    found = expire(workspace, version)
    folder = workspace.datasets / version.name
    assert sorted(path.name for path in folder.iterdir()) == sorted([TOMBSTONE, TERMS])
    assert list((workspace.datasets / OBJECTS).iterdir()) == []
    assert SECRET.encode() not in all_text(workspace)
    assert found.splits == version.receipt.splits
    assert found.rows == version.receipt.rows
    assert (found.why, found.remains) == (f"it was to be used until {UNTIL}", ("runs/x",))
    assert [(line["event"], line.get("by")) for line in log(workspace)] == [("terms", None), ("expired", "ann")]


def test_later_use_is_refused_with_what_happened(
    workspace: Workspace, version: DatasetVersion, tmp_path: Path, chat: ChatFormat
) -> None:
    keep(workspace, version, until=UNTIL)
    expire(workspace, version)
    said = r"is deleted since 2027-02-01: it was to be used until 2027-01-31"
    with pytest.raises(UserError, match=said):
        check(workspace, version, today=BEFORE)
    with pytest.raises(UserError, match=said):
        open_dataset(workspace, version)
    with pytest.raises(UserError, match=said):
        prepared(tmp_path, chat, options={"train": "rows.jsonl", "limits": {"quarantined_rows": 5}})


def test_what_another_data_set_needs_stays(
    workspace: Workspace, version: DatasetVersion, tmp_path: Path, chat: ChatFormat
) -> None:
    write_jsonl(tmp_path / "few.jsonl", [{"text": f"few {number}", "label": "ab"[number % 2]} for number in range(9)])
    split = {"validation": 0, "test": 0}
    limits = {"quarantined_rows": 5}
    base = {"train": "rows.jsonl", "split": split, "limits": limits}
    one, two = (prepared(tmp_path, chat, options={**base, **more}) for more in ({}, {"test": "few.jsonl"}))
    assert (workspace.datasets / one.name / "train.parquet").samefile(workspace.datasets / two.name / "train.parquet")
    keep(workspace, one, until=UNTIL)
    expire(workspace, one)
    assert len(open_dataset(workspace, two).split("train")) == 40


def test_what_is_not_due_is_not_deleted(workspace: Workspace, version: DatasetVersion) -> None:
    with pytest.raises(UserError, match="does not expire: no last day is stated"):
        expire(workspace, version)
    keep(workspace, version, until=UNTIL)
    with pytest.raises(UserError, match="does not expire: it may be used until 2027-01-31"):
        expire(workspace, version, today=LAST)
    open_dataset(workspace, version)


def test_an_expiry_that_was_killed_is_finished_by_the_next(
    workspace: Workspace, version: DatasetVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(workspace, version, until=UNTIL)
    folder = workspace.datasets / version.name
    real = Path.unlink

    def killed(path: Path, *, missing_ok: bool = False) -> None:
        if path.name == "train.parquet":
            raise KeyboardInterrupt
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        expire(workspace, version)
    monkeypatch.undo()
    assert (folder / "train.parquet").exists()
    with pytest.raises(UserError, match="is deleted since"):
        open_dataset(workspace, version)
    first = retention.tombstone_of(folder)
    assert expire(workspace, version, today="2027-03-01") == first
    assert SECRET.encode() not in all_text(workspace)


def test_fetched_copies_go_unless_another_needs_them(workspace: Workspace) -> None:
    for name, digest in (("a", "1" * 64), ("b", "2" * 64), ("c", "3" * 64)):
        folder = workspace.cache / "sources" / name
        folder.mkdir(parents=True)
        (folder / "rows.jsonl").write_text("text")
        (folder / "source.json").write_text(json.dumps({"files": [{"name": "rows.jsonl", "sha256": digest}]}))
    gone = retention.forget_copies(workspace, ["1" * 64, "2" * 64], needed=["2" * 64])
    assert [path.name for path in gone] == ["a"]
    assert not (workspace.cache / "sources" / "a").exists()


@pytest.mark.parametrize("day", ["2027-02-30", "31.1.2027", "2027-1-31", "20270131", "soon", ""])
def test_a_day_that_is_none_is_refused(day: str) -> None:
    with pytest.raises(ValueError, match="write a day of the calendar as YYYY-MM-DD"):
        RetentionOptions(until=day)
