"""The step language: measured for slices, dropped where only some are allowed, honest about short texts."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.data.builders import prepared, row, workspace_of, write_jsonl
from tests.detect.test_language import SENTENCES
from tunewright.core.ports import Row
from tunewright.data.carry import carry
from tunewright.data.crew import Crew
from tunewright.data.rows import with_column
from tunewright.data.steps.language import Work
from tunewright.recipe.options.steps.language import Options

EN, DE, FR = (SENTENCES[code] for code in ("en", "de", "fr"))


def talk(question: str, answer: str) -> Row:
    found = row(question)
    return replace(found, messages=({"role": "user", "content": question}, {"role": "assistant", "content": answer}))


def fate(found: Row, **options: object) -> str:
    """The column, or why the row is gone."""
    outcome = Work(Options.model_validate(options)).batch([found])[0]
    return outcome.row.details.get("columns", {})["language"] if outcome.row else outcome.reason


def test_every_row_is_measured_and_stays_without_a_list() -> None:
    assert [fate(talk(text, text)) for text in (EN, DE, FR)] == ["en", "de", "fr"]


def test_others_than_the_allowed_are_dropped() -> None:
    assert [fate(talk(text, text), allowed=["en", "fr"]) for text in (EN, DE, FR)] == ["en", "language", "fr"]


def test_short_texts_are_unsure_and_stay() -> None:
    short = talk("Ja?", "Ja.")
    assert fate(short, allowed=["en"]) == "unknown"
    assert fate(short, allowed=["en"], unsure="drop") == "language.unsure"
    assert fate(short, unsure="drop") == "unknown"  # nothing is allowed or forbidden


def test_an_answer_in_another_language() -> None:
    mixed = talk(EN * 9, DE)
    assert fate(mixed, allowed=["en"]) == "en"
    assert fate(mixed, allowed=["en"], look_at="answers") == "language"
    assert fate(mixed, allowed=["en"], look_at="each_turn") == "language"
    assert fate(mixed, allowed=["en", "de"], look_at="each_turn") == "en"


def test_system_turns_are_not_looked_at() -> None:
    found = talk(DE, DE)
    found = replace(found, messages=({"role": "system", "content": EN * 9}, *found.messages))
    assert fate(found) == "de"


def test_a_column_of_the_user_stays() -> None:
    assert fate(with_column(talk(EN, EN), "language", value="British")) == "British"
    assert Work(Options(column="")).batch([found := talk(EN, EN)])[0].row is found
    assert Work(Options(column="tongue")).batch([found])[0].row.details.get("columns", {}) == {"tongue": "en"}  # pyright: ignore[reportOptionalMemberAccess]


def test_measuring_is_no_change() -> None:
    line = carry([found := talk(EN, EN)], [Work(Options())])[0]
    assert (line.state, line.changes) == ("changed", ())
    assert line.row is not None and line.row.id == found.id and "changes" not in line.row.details


def test_a_wrong_code_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValidationError, match="eng"):
        Options(allowed=("eng",))


def test_two_processes_find_the_same() -> None:
    rows = [talk(f"{text} {number}", text) for number in range(40) for text in (EN, DE, FR)]
    work = Work(Options(allowed=("en", "fr")))
    work.batch(rows[:3])  # the model is open in this process, and does not travel
    assert len(pickle.dumps(work)) < 2000
    some = [rows[at : at + 30] for at in range(0, len(rows), 30)]
    one, two = ([line for batch in Crew(n).through(some, [work]) for line in batch] for n in (1, 2))
    assert [(line.state, line.reason, line.row and line.row.details) for line in one] == [
        (line.state, line.reason, line.row and line.row.details) for line in two
    ]
    assert sum(line.state == "gone" for line in one) == 40


def test_the_whole_stage_keeps_the_column(tmp_path: Path, chat: object) -> None:
    rows = [{"prompt": f"{text} {number}", "completion": text} for number in range(10) for text in (EN, DE)]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    steps = [{"language": {"allowed": ["en"]}}]
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl", "steps": steps})  # pyright: ignore[reportArgumentType]
    assert version.receipt.rows.dropped == {"language": 10}
    assert version.receipt.rows.changed == {}
    assert (workspace_of(tmp_path).datasets / version.name / "train.parquet").read_bytes().count(
        b'"language": "en"'
    ) > 0
