"""Steps on one process or two: the same rows, the same name, every change and loss told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.data.builders import prepared, row, workspace_of, write_jsonl
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.nouns import DatasetVersion
from tunewright.core.ports import Message, Row
from tunewright.data.carry import carry, from_lines, to_batch, to_lines, to_rows, transform
from tunewright.data.crew import Crew, Process
from tunewright.data.dataset import open_dataset
from tunewright.data.step import BatchStep, GlobalStep, Outcome
from tunewright.text.chat import ChatFormat


class Fates(BatchStep):
    """By the number in a row: kept, changed, doubled or dropped."""

    def batch(self, rows: Any) -> list[Outcome]:
        return [self._one(each) for each in rows]

    def _one(self, given: Row) -> Outcome:
        text = given.messages[0].get("content", "")
        number = int(text.split()[-1])
        if number % 5 == 1:
            return Outcome(None, reason="fifth")
        turn: Message = {"role": "user", "content": f"new {number}"}
        new = replace(given, messages=(turn, *given.messages[1:]))
        if number % 5 == 2:
            return Outcome(new, ("renewed",))
        return Outcome(given, created=((new, "doubled"),)) if number % 5 == 3 else Outcome(given)


class Broken(BatchStep):
    def __init__(self, error: Exception) -> None:
        self.error = error

    def batch(self, rows: Any) -> list[Outcome]:
        raise self.error


class Lengths(GlobalStep):
    def map(self, rows: Any) -> list[int]:
        return [len(each.target) for each in rows]


ROWS = [row(f"row {number}", line=number) for number in range(40)]


def test_arrow_carries_lines_as_they_are() -> None:
    lines = carry(ROWS, [Fates(), Fates()])
    assert to_rows(to_batch(ROWS)) == ROWS
    assert from_lines(lines).equals(transform(to_batch(ROWS), [Fates(), Fates()]))
    for given, back in zip(lines, to_lines(from_lines(lines)), strict=True):
        assert back == given if given.state != "same" else back == given._replace(row=None)


def test_a_changed_row_says_why_and_what_it_was() -> None:
    changed = next(line for line in carry(ROWS, [Fates(), Fates()]) if line.state == "changed")
    assert changed.row is not None
    assert changed.row.details.get("changes") == ["renewed", "renewed"]
    assert changed.row.details.get("before") == ROWS[2].id != changed.row.id


def test_two_processes_find_the_same() -> None:
    batches = [ROWS[:15], ROWS[15:16], ROWS[16:]]
    alone = [list(lines) for lines in Crew(1).through(batches, [Fates()])]
    together = [list(lines) for lines in Crew(2).through(batches, [Fates()])]
    assert [[line._replace(row=None) for line in lines] for lines in alone] == [
        [line._replace(row=None) for line in lines] for lines in together
    ]
    assert [line.row for lines in alone for line in lines if line.state != "same"] == [
        line.row for lines in together for line in lines if line.state != "same"
    ]
    assert list(Crew(2).map(batches, Lengths())) == list(Crew(1).map(batches, Lengths()))


def test_what_a_step_raises_reaches_the_caller() -> None:
    with pytest.raises(UserError, match="name a file"):
        list(Crew(2).through([ROWS], [Broken(UserError("no list.", do="name a file"))]))
    with pytest.raises(RuntimeError, match="a data step failed: KeyError"):
        list(Crew(2).through([ROWS], [Broken(KeyError("x"))]))


def test_a_killed_process_is_said() -> None:
    process = Process((Fates(),))
    process._process.kill()
    process._process.wait()
    with pytest.raises(OutsideError, match=r"data\.workers: a process that prepares data has ended"):
        process.ask(ROWS)
    process.end()


def test_a_data_set_has_one_name_however_many_processes(tmp_path: Path, chat: ChatFormat) -> None:
    rows = [{"text": f"text {n}  \u200b", "label": "ab"[n % 2]} for n in range(60)] + [{"text": "\u200b", "label": "a"}]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    made: list[DatasetVersion] = []
    for workers in (1, 2):
        options = {"train": "rows.jsonl", "steps": ["clean", "deduplicate"], "workers": workers}
        made.append(prepared(tmp_path, chat, options=options))
    assert made[0] == made[1]
    assert made[0].receipt.rows.changed == {"clean.invisible": 60, "clean.white_space": 60}
    assert made[0].receipt.rows.dropped == {"clean.empty_turn": 1}
    split = open_dataset(workspace_of(tmp_path), made[0]).split("train")
    assert split.row(0).details.get("changes") == ["clean.invisible", "clean.white_space"]


def test_a_worker_ends_without_a_word_when_nobody_asks_any_more(capfd: pytest.CaptureFixture[str]) -> None:
    process = Process((Fates(),))
    assert isinstance(process.ask(ROWS), bytes)
    process._pipe.close()
    assert process._process.wait(timeout=20) == 0
    assert capfd.readouterr().err == ""
