"""The base model's prompts: shared text first, examples even over the labels, and never too long."""

from __future__ import annotations

from collections import Counter

from tests.evaluate.fakes import LABELS, FakeSplit, labelled, labelled_rows
from tunewright.core.ports import Row
from tunewright.evaluate.prompts import EXAMPLES_TOKENS, Prompts, draw_examples


def test_bare_is_the_row_itself() -> None:
    row = labelled("a text", "heart")
    assert Prompts(LABELS).messages(row, "bare") == row.prompt


def test_labels_stand_before_the_text_and_the_row_is_untouched() -> None:
    row = labelled("a text", "heart")
    (turn,) = Prompts(LABELS).messages(row, "labels_listed")
    assert turn["content"].startswith("Answer with exactly one of these labels and nothing else: heart, lungs, skin.")
    assert turn["content"].endswith("\n\na text")
    assert row.prompt[0]["content"] == "a text"


def test_examples_come_after_the_system_turn_and_before_the_row() -> None:
    shown = labelled_rows(2)
    system = {"role": "system", "content": "be brief"}
    row = Row("r", (system, {"role": "user", "content": "now"}, {"role": "assistant", "content": "heart"}))
    turns = Prompts(LABELS, tuple(shown)).messages(row, "examples")
    assert [turn["role"] for turn in turns] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert turns[-1]["content"] == "now"


def test_twelve_examples_even_over_labels_and_seeded() -> None:
    split = FakeSplit(labelled_rows(90))
    drawn = draw_examples(split, LABELS, seed=3)
    assert Counter(row.label for row in drawn) == {"heart": 4, "lungs": 4, "skin": 4}
    assert drawn == draw_examples(split, LABELS, seed=3)
    assert drawn != draw_examples(split, LABELS, seed=4)


def test_a_rare_label_is_shown_too() -> None:
    rows = [labelled(f"a {number}", "heart") for number in range(500)] + [labelled("b", "skin")]
    drawn = draw_examples(FakeSplit(rows), ("heart", "skin"), seed=0)
    assert Counter(row.label for row in drawn) == {"heart": 11, "skin": 1}


def test_examples_fit_their_budget() -> None:
    rows = [labelled("x" * 400 + str(number), "heart") for number in range(40)]
    split = FakeSplit(rows)
    drawn = draw_examples(split, ("heart",), seed=0)
    assert 0 < len(drawn) < 12
    assert sum(len(split.encode(row).tokens) for row in drawn) <= EXAMPLES_TOKENS


def test_unlabelled_rows_give_twelve_at_random() -> None:
    assert len(draw_examples(FakeSplit(labelled_rows(40)), (), seed=0)) == 12
