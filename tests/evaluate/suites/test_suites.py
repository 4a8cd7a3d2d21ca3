"""The suites at a fake bench: what they ask, and what they make of the answers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.evaluate.fakes import (
    LABELS,
    STOP,
    CharChat,
    FakeSplit,
    RuleModel,
    labelled,
    labelled_rows,
    local,
    reads_label,
    suite,
    task,
)
from tunewright.core.ports import Encoded, Row
from tunewright.evaluate.bench import set_up
from tunewright.evaluate.suite import NotMeasured, Sample


def sample(rows: list[Row]) -> Sample:
    return Sample(FakeSplit(rows), tuple(range(len(rows))))


def test_heldout_scores_the_trained_tokens_only(tmp_path: Path) -> None:
    bench = set_up(task(tmp_path)).bench
    rows = labelled_rows(3)
    model = RuleModel(reads_label, sure=0.5)
    answered = suite("heldout").answer("heldout", local(model), sample=sample(rows), style="bare", bench=bench)
    for row, found in zip(rows, answered, strict=True):
        assert len(found.log_probabilities) == len(row.target) + 1
        assert found.log_probabilities == pytest.approx([math.log(0.5)] * len(found.weights), abs=1e-6)
        assert all(found.greedy)


def test_heldout_keeps_weights_and_skips_masked_tokens(tmp_path: Path) -> None:
    row = labelled("case 1: trouble of the heart", "heart")

    def encode(row: Row) -> Encoded:
        plain = CharChat().encoded(row)
        weights = plain.weights.copy()
        weights[-2:] = [0.0, 0.25]
        return Encoded(plain.tokens, weights)

    bench = set_up(task(tmp_path)).bench
    picked = Sample(FakeSplit([row], encode), (0,))
    (found,) = suite("heldout").answer(
        "heldout", local(RuleModel(reads_label)), sample=picked, style="bare", bench=bench
    )
    assert found.weights == (1.0, 1.0, 1.0, 1.0, 0.25)
    assert len(found.log_probabilities) == 5


def test_heldout_row_without_trained_tokens_counts_nothing(tmp_path: Path) -> None:
    rows = labelled_rows(2)
    empty = FakeSplit(rows, lambda row: Encoded(np.arange(4, dtype=np.int32), np.zeros(4, dtype=np.float32)))
    bench = set_up(task(tmp_path)).bench
    found = suite("heldout").answer(
        "heldout", local(RuleModel(reads_label)), sample=Sample(empty, (0, 1)), style="bare", bench=bench
    )
    assert [row.log_probabilities for row in found] == [(), ()]


def test_answers_are_what_was_said(tmp_path: Path) -> None:
    bench = set_up(task(tmp_path)).bench
    found = suite("answers").answer(
        "answers", local(RuleModel(lambda _prompt: "I say")), sample=sample(labelled_rows(2)), style="bare", bench=bench
    )
    assert [row.answer for row in found] == ["I say", "I say"]
    assert [len(row.log_probabilities) for row in found] == [5, 5]


@pytest.mark.parametrize(("said", "label"), [("skin", "skin"), (" skin\n", "skin"), ("Skin", None), ("skin.", None)])
def test_a_generated_label_must_be_the_label(tmp_path: Path, said: str, label: str | None) -> None:
    bench = set_up(task(tmp_path)).bench
    model = RuleModel(lambda _prompt: said)
    (found,) = suite("labels").answer(
        "labels_generated", local(model), sample=sample(labelled_rows(1)), style="bare", bench=bench
    )
    assert found.predicted == label


def test_ranking_asks_once_a_row_for_all_labels_with_the_stop_token(tmp_path: Path) -> None:
    bench = set_up(task(tmp_path)).bench
    assert bench.label_tokens == tuple((*map(ord, label), STOP) for label in LABELS)
    rows = labelled_rows(6)
    found = suite("labels").answer(
        "labels_ranked", local(RuleModel(reads_label)), sample=sample(rows), style="bare", bench=bench
    )
    assert [row.predicted for row in found] == [row.label for row in rows]
    best = [int(np.argmax(row.choices)) for row in found]
    assert [LABELS[place] for place in best] == [row.label for row in rows]


def test_a_label_that_begins_another_can_win_and_lose() -> None:
    """Without the stop token "skin" would always beat "skin tag"."""
    labels = ("skin", "skin tag")
    rows = [labelled("a", "skin"), labelled("b", "skin tag")]
    model = RuleModel(lambda prompt: "skin tag" if "ub" in prompt else "skin")
    bench = set_up(task(Path(), splits={"train": FakeSplit(rows), "test": FakeSplit(rows)}, labels=labels)).bench
    found = suite("labels").answer("labels_ranked", local(model), sample=sample(rows), style="bare", bench=bench)
    assert [row.predicted for row in found] == ["skin", "skin tag"]


def test_labels_without_known_labels_is_one_sentence(tmp_path: Path) -> None:
    bench = set_up(task(tmp_path, labels=())).bench
    with pytest.raises(NotMeasured, match="needs rows with labels"):
        suite("labels").examples(bench)


def test_styles_that_mean_something() -> None:
    offered = ("bare", "labels_listed", "examples")
    assert suite("heldout").styles(offered, LABELS) == ("bare",)
    assert suite("answers").styles(offered, ()) == ("bare", "examples")
    assert suite("answers").styles(("labels_listed",), ()) == ("bare",)
    assert suite("labels").styles(offered, LABELS) == offered
