"""Base beside tuned on all rows and on parts of them: a scorer sees the whole way, whatever part is compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluate.fakes import labelled, scorer
from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Details
from tunewright.evaluate.compare import Compared, Measured
from tunewright.evaluate.slices import slices


def changed(number: int, variant: str, answer: str) -> AnsweredRow:
    """An answer to one prompt, or to it with a change."""
    details = Details(original=f"row {number}", family=f"row {number}", variant=variant, attribute=variant)
    return AnsweredRow(replace(labelled(f"{number} {variant}", "heart"), details=details), answer)


def asked(variants: dict[str, str], *, rows: int = 6) -> list[AnsweredRow]:
    """Each row as it is, answered "heart", and each of its variants with its own answer."""
    every = {"as it is": "heart"} | variants
    return [changed(number, name, answer) for number in range(rows) for name, answer in every.items()]


def compared(base: list[AnsweredRow], tuned: list[AnsweredRow], metric: str) -> Compared:
    return Compared(scorer(metric), Measured("way", "bare", base, base, tuned), labels=(), seed=0)


def test_consistency_is_held_against_the_prompt_as_it_is() -> None:
    steady, shaken = asked({"typos": "heart", "case": "heart"}), asked({"typos": "lungs", "case": "lungs"})
    found = compared(steady, shaken, "consistency").whole()
    assert (found.base, found.tuned, found.n, found.unmeasured) == (1.0, 0.0, 12, 6)


def test_a_slice_of_one_variant_still_knows_the_originals() -> None:
    one = compared(asked({"typos": "heart", "case": "skin"}), asked({"typos": "skin", "case": "heart"}), "consistency")
    values = {each.value: (each.base, each.tuned) for each in slices(one) if each.kind == "attribute"}
    assert values["typos"] == (1.0, 0.0)
    assert values["case"] == (0.0, 1.0)


@pytest.mark.parametrize("metric", ["exact_match", "f1", "token_accuracy"])
def test_a_part_is_what_its_rows_alone_give(metric: str) -> None:
    draw = np.random.default_rng(5)
    rows = [labelled(f"text {number}", "ab"[number % 2]) for number in range(40)]

    def said() -> list[AnsweredRow]:
        picks = ["ab"[int(pick)] for pick in draw.integers(0, 2, 40)]
        return [
            AnsweredRow(row, pick, pick, (-1.0, -2.0), (pick == "a", True))
            for row, pick in zip(rows, picks, strict=True)
        ]

    base, tuned = said(), said()
    part = draw.random(40) < 0.5
    kept = Measured("way", "bare", base, base, tuned)
    whole = Compared(scorer(metric), kept, labels=("a", "b"), seed=0)
    alone = Compared(scorer(metric), kept.only(part.tolist()), labels=("a", "b"), seed=0)
    assert whole.over(part) == alone.whole()


def test_answers_to_other_rows_are_not_compared() -> None:
    with pytest.raises(ValueError, match="the same rows"):
        compared(asked({"typos": "heart"}), asked({"case": "heart"}), "exact_match")
