"""A text is found in every split, in quarantine, to the letter or without case and white space."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.core.errors import OutsideError, UserError
from tunewright.data.catalogue import Entry, entries
from tunewright.data.search import Needle, folded, search
from tunewright.text.chat import ChatFormat

ROWS = [
    {"text": 'He said "no way" to Müller', "label": "a"},
    {"text": "the STRASSE and\tthe  house", "label": "b"},
    {"text": "the straße and the house", "label": "c"},
    {"text": "nothing of note", "label": "needle in a label"},
]


@pytest.fixture
def known(tmp_path: Path, chat: ChatFormat) -> list[Entry]:
    for name in ("one", "two"):
        write_jsonl(tmp_path / f"{name}.jsonl", [{"text": f"extra {name}", "label": "x"}])
        with write_jsonl(tmp_path / "rows.jsonl", ROWS).open("a") as file:
            file.write('{"text": "lost and Found')
        options = {"train": "rows.jsonl", "test": f"{name}.jsonl", "split": {"validation": 0}}
        prepared(tmp_path, chat, options={**options, "limits": {"quarantined_rows": 5}})
    return entries(workspace_of(tmp_path))


def rows(known: list[Entry], text: str) -> list[dict[str, int]]:
    return [each.rows for each in search(known, Needle(text), limit=10)]


@pytest.mark.parametrize(
    ("text", "train", "exact"),
    [
        ('said "no way"', 1, 1),
        ("müller", 1, 0),
        ("Mu\u0308ller", 1, 0),
        ("Strasse and the house", 2, 0),
        ("the straße and the house", 2, 1),
        ("needle in", 1, 1),
        ("THE\nHOUSE", 2, 0),
    ],
)
def test_rows_are_found(known: list[Entry], text: str, train: int, exact: int) -> None:
    found = search(known, Needle(text), limit=10)
    assert [each.rows for each in found] == [{"train": train}] * 2
    assert [each.exact for each in found] == [exact] * 2


def test_splits_and_quarantine_are_searched(known: list[Entry]) -> None:
    assert rows(known, "extra one") == [{"test": 1}]
    assert rows(known, "LOST and") == [{"quarantine": 1}] * 2
    assert rows(known, "nowhere to be seen") == []


def test_what_is_listed_is_limited_and_what_is_counted_is_not(known: list[Entry]) -> None:
    (one, two) = search(known, Needle("the house"), limit=1)
    assert (one.count, len(one.hits)) == (two.count, len(two.hits)) == (2, 1)
    assert {one.hits[0].dataset, two.hits[0].dataset} == {each.name for each in known}
    assert search(known, Needle("the house"), limit=0)[0].hits == []


def test_a_shared_file_is_read_once(known: list[Entry]) -> None:
    (known[1].folder / "train.parquet").unlink()
    assert len(rows(known, "the house")) == 2
    (known[0].folder / "train.parquet").unlink()
    with pytest.raises(OutsideError, match="this file is damaged"):
        rows(known, "the house")


def test_turns_and_calls_are_searched(tmp_path: Path, chat: ChatFormat) -> None:
    turns = [{"role": "user", "content": "first question"}, {"role": "assistant", "content": "first answer"}]
    more = [{"role": "user", "content": "second"}, {"role": "assistant", "content": "line\nwith end"}]
    write_jsonl(tmp_path / "rows.jsonl", [{"messages": [*turns, *more]}])
    prepared(tmp_path, chat, options={"train": "rows.jsonl", "split": {"validation": 0, "test": 0}})
    known = entries(workspace_of(tmp_path))
    assert rows(known, "first answer") == rows(known, "line with END") == [{"train": 1}]
    assert rows(known, "question first") == []


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_nothing_is_not_sought(text: str) -> None:
    with pytest.raises(UserError, match="there is nothing to look for"):
        Needle(text)


def test_damaged_lines_of_quarantine_are_passed_over(known: list[Entry]) -> None:
    (known[0].folder / "quarantine.jsonl").write_text('{"raw"\n[]\n' + json.dumps({"raw": "a needle"}) + "\n")
    assert {"quarantine": 1, "train": 1} in rows(known, "needle")


def test_folding() -> None:
    assert folded("  A\u00a0 Straße\n") == "a strasse"
