"""Which rows are measured, which choose the base's prompt, and how labels look as tokens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluate.fakes import LABELS, STOP, CharChat, FakeSplit, labelled, labelled_rows, task
from tunewright.core.errors import UserError
from tunewright.evaluate.bench import label_tokens, set_up


def test_no_test_rows_is_one_sentence(tmp_path: Path) -> None:
    wanted = task(tmp_path, splits={"train": FakeSplit(labelled_rows(9))})
    with pytest.raises(UserError, match="no test rows") as found:
        set_up(wanted)
    assert found.value.problems[0].do


def test_max_rows_takes_the_first(tmp_path: Path) -> None:
    setting = set_up(task(tmp_path, max_rows=5))
    assert setting.bench.measured is not None
    assert setting.bench.measured.rows() == labelled_rows(5, start=90)


def test_at_most_180_validation_rows_choose(tmp_path: Path) -> None:
    rows = labelled_rows(600)
    splits = {"train": FakeSplit(rows[:9]), "validation": FakeSplit(rows[9:500]), "test": FakeSplit(rows[500:])}
    choosing = set_up(task(tmp_path, splits=splits)).choosing
    assert len(choosing) == 180
    assert choosing.split is splits["validation"]
    assert choosing.indices == set_up(task(tmp_path, splits=splits)).choosing.indices


def test_measured_validation_rows_do_not_choose(tmp_path: Path) -> None:
    wanted = task(tmp_path, split="validation", base_prompts=("bare", "examples"))
    setting = set_up(wanted)
    shown = {row.id for row in setting.bench.prompts.examples}
    assert setting.choosing.split is wanted.data.splits.split("train")
    assert len(shown) == 12
    assert not shown & {row.id for row in setting.choosing.rows()}
    assert len(setting.choosing) == 48


def test_label_tokens_are_those_that_were_trained() -> None:
    class Spaced(CharChat):
        def encode_text(self, text: str) -> list[int]:
            return [*map(ord, text), ord("~")]

    chat = Spaced()
    split = FakeSplit([labelled("t", "heart")], lambda row: chat.encoded(row))
    trained, plain = label_tokens(split, ("heart", "skin"), chat=chat)
    assert trained == (*map(ord, "heart~"), STOP)
    assert plain == (*map(ord, "skin~"), STOP)


def test_longest_answer(tmp_path: Path) -> None:
    assert set_up(task(tmp_path)).bench.max_new_tokens == 12
    assert set_up(task(tmp_path, max_new_tokens=3)).bench.max_new_tokens == 3
    assert set_up(task(tmp_path, labels=())).bench.max_new_tokens == 128
    short = replace(task(tmp_path, labels=("a",)))
    assert set_up(short).bench.max_new_tokens == 8
    assert len(LABELS) == 3
