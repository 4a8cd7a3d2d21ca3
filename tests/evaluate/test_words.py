"""Numbers and findings as people read them."""

from __future__ import annotations

import pytest

from tests.evaluate.sample import evaluation
from tunewright.core.nouns import Comparison
from tunewright.evaluate import words


def said(text: str) -> str:
    return text.replace(words.SPACE, " ")


def one(difference: float, interval: tuple[float, float], *, p: float | None, direction: str = "higher") -> Comparison:
    return Comparison.model_validate(
        {"base": 0.5, "base_same_prompt": 0.4, "tuned": 0.5 + difference, "difference": difference,
         "interval": interval, "p": p, "n": 200, "direction": direction}
    )  # fmt: skip


def test_outcome_of_a_clear_gain() -> None:
    found = words.headline(evaluation())
    assert found is not None and (found.way, found.metric) == ("labels_best", "accuracy")
    assert said(words.outcome(found, split="test")) == (
        "On 300 test rows the tuned model reaches 271 of 300 right (90.3 %); the base model at its best reaches 69 of "
        "300 right (23.0 %). The difference is 67.3 points, 95 % interval 61.9 to 72.7. Chance does not explain this "
        "gain (exact McNemar: p < 10⁻⁶⁰)."
    )


def test_outcome_that_is_not_sure_says_so() -> None:
    found = words.Headline("answers", "exact_match", one(0.02, (-0.01, 0.05), p=0.21))
    text = said(words.outcome(found, split="test"))
    assert "Chance may explain this difference (exact McNemar: p = 0.210)" in text
    assert "−1.0 to 5.0" in text


def test_outcome_of_a_loss_that_fell() -> None:
    text = words.outcome(
        words.Headline("heldout", "loss", one(-0.3, (-0.4, -0.2), p=1e-4, direction="lower")), split="test"
    )
    assert "Chance does not explain this gain" in text


def test_outcome_of_a_base_alone() -> None:
    alone = Comparison(base=0.25, base_same_prompt=0.25, tuned=None, n=100)
    assert "Only a base model was measured" in words.outcome(
        words.Headline("answers", "exact_match", alone), split="test"
    )


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        (one(0.1, (0.05, 0.15), p=0.001), "better"),
        (one(-0.1, (-0.15, -0.05), p=0.001), "worse"),
        (one(-0.1, (-0.15, -0.05), p=0.001, direction="lower"), "better"),
        (one(0.1, (-0.01, 0.2), p=0.04), "no clear difference"),
        (one(0.1, (0.001, 0.2), p=0.06), "no clear difference"),
        (one(0.1, (0.05, 0.15), p=None), "better"),
        (Comparison(base=0.1, base_same_prompt=0.1, tuned=None, n=3), ""),
    ],
)
def test_verdict(comparison: Comparison, expected: str) -> None:
    assert words.verdict(comparison) == expected


@pytest.mark.parametrize(
    ("p", "expected"),
    [(0.5, "0.500"), (0.001, "0.001"), (9.999e-5, "< 10⁻⁴"), (1e-5, "< 10⁻⁴"), (0.0, "< 10⁻³⁰⁰"), (None, "–")],
)
def test_p_is_never_called_smaller_than_it_is(p: float | None, expected: str) -> None:
    assert said(words.p_value(p)) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(2.34, "2.3 s"), (60, "1 min"), (204, "3 min 24 s"), (3_720, "1 h 2 min"), (7_200, "2 h")]
)
def test_duration(seconds: float, expected: str) -> None:
    assert said(words.duration(seconds)) == expected


def test_sizes_and_numbers() -> None:
    assert said(words.size(2_140_000_000)) == "2.1 GB"
    assert said(words.size(12)) == "12 bytes"
    assert (words.plain(0.1234), words.plain(30.33), words.plain(1_234.5)) == ("0.123", "30.33", "1,234")
    assert words.count(271 / 300, "accuracy", n=300) == "271 of 300"
    assert words.count(0.5, "f1", n=300) == ""
    assert words.difference(-0.051, "f1") == "−5.1"


def test_the_correction_for_many_metrics_decides_and_is_said() -> None:
    lucky = one(0.1, (0.01, 0.2), p=0.03).model_copy(update={"p_holm": 0.31})
    assert words.verdict(lucky) == "no clear difference"
    text = said(words.outcome(words.Headline("answers", "exact_match", lucky), split="test"))
    assert "Chance may explain this difference (exact McNemar: p = 0.030, and 0.310 corrected" in text


def test_a_metric_without_a_better_side_is_not_judged() -> None:
    assert words.verdict(one(0.3, (0.2, 0.4), p=1e-6, direction="neither")) == ""
