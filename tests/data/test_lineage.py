"""A row is followed from its line in a file to where it stands, or to why it is gone and in whose favour."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.nouns import DatasetVersion
from tunewright.data.lineage import Story, Wanted, stories, wanted
from tunewright.text.chat import ChatFormat

NONE = {"validation": 0, "test": 0}
LONG = " ".join(f"word{number}" for number in range(200))
ROWS = [
    {"text": "plain row", "label": "a"},
    {"text": "wide \u200b row", "label": "b"},
    {"text": "plain row", "label": "a"},
    {"text": LONG, "label": "b"},
    {"text": "plain   row\u200b", "label": "a"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, chat: ChatFormat) -> Path:
    place = tmp_path_factory.mktemp("lineage")
    file = write_jsonl(place / "data" / "rows.jsonl", ROWS)
    with file.open("a") as opened:
        opened.write("{broken\n")
    options = {
        "train": "data/rows.jsonl",
        "split": NONE,
        "steps": [{"type": "clean", "white_space": "all"}, "deduplicate"],
        "max_tokens": 100,
        "overlong": "drop",
        "limits": {"quarantined_rows": 5},
    }
    version: DatasetVersion = prepared(place, chat, options=options)
    return workspace_of(place).datasets / version.name


def at(folder: Path, line: int) -> Story:
    (story,) = stories(folder, wanted(f"data/rows.jsonl:{line}"))
    return story


def fates(story: Story) -> list[tuple[str, str]]:
    return [(each.fate, each.reason) for each in story.events]


def test_a_row_that_nothing_touched_stands(folder: Path) -> None:
    story = at(folder, 1)
    (row,) = story.standing
    assert (row.split, row.index, row.source, row.line, row.changes) == ("train", 0, "data/rows.jsonl", 1, ())
    assert story.events == story.instead == ()


def test_a_changed_row_says_why_and_what_it_was(folder: Path) -> None:
    story = at(folder, 2)
    (row,) = story.standing
    assert fates(story) == [("changed", "clean.invisible"), ("changed", "clean.white_space")]
    assert {(each.id, each.other) for each in story.events} == {(row.before, row.id)}
    assert row.changes == ("clean.invisible", "clean.white_space")


def test_a_duplicate_names_the_row_in_its_place(folder: Path) -> None:
    story = at(folder, 3)
    assert fates(story) == [("duplicate", "duplicate_of_train")]
    assert story.standing == ()
    assert story.instead == at(folder, 1).standing


def test_a_row_that_changed_and_then_was_a_duplicate(folder: Path) -> None:
    story = at(folder, 5)
    assert [each.fate for each in story.events] == ["changed", "changed", "duplicate"]
    assert story.instead == at(folder, 1).standing


def test_a_row_that_was_dropped_or_set_aside_says_why(folder: Path) -> None:
    assert fates(at(folder, 4)) == [("dropped", "overlong")]
    assert fates(at(folder, 6)) == [("quarantined", "broken_json")]
    assert at(folder, 6).standing == ()


def test_a_row_is_found_by_the_id_it_has_and_by_the_one_it_had(folder: Path) -> None:
    (row,) = at(folder, 2).standing
    for name in (row.id, row.id[:12], row.before[:16], row.before.upper()):
        assert stories(folder, wanted(name)) == [at(folder, 2)]


def test_the_id_of_a_row_that_went_is_known(folder: Path) -> None:
    gone = at(folder, 4).events[0].id
    assert stories(folder, wanted(gone)) == [at(folder, 4)]


def test_equal_rows_have_one_id_and_several_places(folder: Path) -> None:
    (row,) = at(folder, 1).standing
    assert {story.line for story in stories(folder, wanted(row.id))} == {1, 3, 5}


def test_the_end_of_a_path_is_enough(folder: Path) -> None:
    assert stories(folder, wanted("rows.jsonl:2")) == stories(folder, wanted("./data/rows.jsonl:2"))
    assert stories(folder, wanted("ows.jsonl:2")) == []


@pytest.mark.parametrize("text", ["data/rows.jsonl:99", "other.jsonl:1", "0123456789abcdef"])
def test_a_row_that_it_never_met_has_no_story(folder: Path, text: str) -> None:
    assert stories(folder, wanted(text)) == []


@pytest.mark.parametrize("text", ["", "abc", "rows.jsonl", "rows.jsonl:", "rows.jsonl:-1", ":5", "xyz12", "a:1e3"])
def test_what_is_no_row_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is no row"):
        wanted(text)


def test_a_place_may_hold_colons() -> None:
    assert wanted("s3://bucket/rows.jsonl:7") == Wanted(file="s3://bucket/rows.jsonl", line=7)


def test_an_id_that_means_several_rows_is_refused(tmp_path: Path, chat: ChatFormat) -> None:
    rows = [{"text": f"row {number}", "label": "ab"[number % 2]} for number in range(3000)]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl", "split": NONE})
    folder = workspace_of(tmp_path).datasets / version.name
    (story,) = stories(folder, wanted("rows.jsonl:1"))
    several = story.standing[0].id[:1]
    with pytest.raises(UserError, match=r"means \d+ rows: .*Write more of the id"):
        stories(folder, Wanted(id=several))


def test_damage_is_named(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "d"
    shutil.copytree(folder, broken)
    (broken / "fates.parquet").write_bytes(b"")
    with pytest.raises(OutsideError, match=r"fates\.parquet: this file is damaged"):
        stories(broken, wanted("rows.jsonl:1"))
    (broken / "fates.parquet").unlink()
    assert len(stories(broken, wanted("rows.jsonl:1"))) == 1
    (broken / "quarantine.jsonl").write_text('{"file": 3}\nnot json\n' + json.dumps(["x"]) + "\n")
    assert stories(broken, wanted("rows.jsonl:6")) == []
