"""All scorers: equal to what others wrote, and what they do with rows that say little, nothing or too much."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from parity_rows import drawn
from parity_sides import REFERENCES, Side
from scorer_parity import BAR, parity

from tests.evaluate.fakes import labelled, scorers
from tests.house.scorer_rows import EMPTY, SCENARIOS
from tunewright.core import catalog
from tunewright.core.answers import AnsweredRow
from tunewright.core.nouns import LabelScore
from tunewright.evaluate.counts import confusion, per_label
from tunewright.evaluate.sums import summed

BY_TEXT = sorted(set(catalog.names("scorers")) - {"consistency", "contaminated"})
HOSTILE = {
    "one letter": "a",
    "short words": "a ",
    "asterisks": "*",
    "brackets": "[",
    "angles": "<",
    "objects": '{"a":',
    "line ends": "\n",
    "quotes": '"',
    "no spaces": "心臓",
    "sentences": "I'm sorry. You are all. ",
    "NUL": "\0",
}


@pytest.mark.parametrize("side", REFERENCES, ids=lambda side: side.name)
def test_a_scorer_equals_its_reference(side: Side) -> None:
    assert parity(side, range(100, 108))["difference"] <= BAR


def test_parity_sees_a_difference() -> None:
    off = Side("off", "itself", lambda data: np.array([1.0]), lambda data: np.array([1.0 + 1e-8]))
    unknown = Side("off", "itself", lambda data: math.nan, lambda data: 1.0)
    assert parity(off, range(2))["difference"] > BAR
    assert parity(unknown, range(2))["difference"] == math.inf


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", catalog.names("scorers"))
def test_a_score_is_a_function_of_sums(name: str, seed: int) -> None:
    data, scorer = drawn(seed), scorers()[name]
    score = scorer.score(data.rows, data.labels)
    added = summed(scorer, data.rows, labels=data.labels)
    assert added is not None
    total = added.sums.sum(axis=0)
    stacked = added.value(np.stack([total] * 3))
    np.testing.assert_allclose(stacked, [score] * 3, rtol=1e-12)
    values = scorer.per_row(data.rows)
    if values is not None and not math.isnan(score):
        assert np.nanmean(values) == pytest.approx(score, abs=1e-12)


@pytest.mark.parametrize("name", sorted(set(catalog.names("scorers")) - {"consistency"}))
def test_a_resample_is_the_score_of_the_resampled_rows(name: str) -> None:
    """Rows weighted by how often they were drawn: what a bootstrap does with sums.

    Not so for consistency, which compares rows with one another: there whole families are drawn.
    """
    data, scorer = drawn(5, rows=60), scorers()[name]
    times = np.random.default_rng(0).multinomial(60, np.full(60, 1 / 60))
    added = summed(scorer, data.rows, labels=data.labels)
    assert added is not None
    again = [row for row, count in zip(data.rows, times, strict=True) for _ in range(count)]
    np.testing.assert_allclose(added.value(times @ added.sums), scorer.score(again, data.labels), rtol=1e-9)


@pytest.mark.parametrize("name", catalog.names("scorers"))
def test_nothing_to_measure_is_no_number(name: str) -> None:
    scorer = scorers()[name]
    assert math.isnan(scorer.score([], ["a"]))
    assert math.isnan(scorer.score([EMPTY] * 3, ["a"]))


@pytest.mark.parametrize(
    "name", ["exact_match", "bleu", "chrf", "rouge_l", "json_valid", "length", "refusal", "format"]
)
def test_an_answer_that_an_error_ended_is_none(name: str) -> None:
    good = SCENARIOS["written"].good
    scorer = scorers()[name]
    broken = replace(good[0], answer="half an ans", finish="error")
    assert scorer.score([*good, broken], []) == scorer.score(good, [])
    assert math.isnan(scorer.score([broken], []))


def seconds_of_all(form: str, length: int) -> float:
    """Processor time of every scorer on one answer of this many characters."""
    row = replace(SCENARIOS["written"].good[0], answer=HOSTILE[form] * (length // len(HOSTILE[form])))
    known = scorers()
    started = time.process_time()
    for name in BY_TEXT:
        known[name].score([row], ("a",))
    return time.process_time() - started


@pytest.mark.parametrize("form", HOSTILE)
def test_a_long_answer_is_scored_in_seconds(form: str) -> None:
    assert seconds_of_all(form, 10**5) < 6


@pytest.mark.slow
@pytest.mark.parametrize("form", HOSTILE)
def test_a_megabyte_is_scored_in_seconds(form: str) -> None:
    assert seconds_of_all(form, 10**6) < 60


@pytest.mark.parametrize("answer", ["heart", " heart\n", "\theart ", "the heart"])
def test_exact_match_ignores_space_around_and_knows_references(answer: str) -> None:
    row = labelled("x", "heart")
    row = replace(row, details={"references": ["the heart"]})
    assert scorers()["exact_match"].score([AnsweredRow(row, answer)], []) == 1


@pytest.mark.parametrize("answer", ["Heart", "heart.", "", "the heart", "he art"])
def test_exact_match_forgives_nothing_else(answer: str) -> None:
    assert scorers()["exact_match"].score([AnsweredRow(labelled("x", "heart"), answer, finish="stop")], []) == 0


def test_an_answer_that_is_no_label_is_wrong() -> None:
    rows = [AnsweredRow(labelled("x", "heart"), "who knows", None)]
    assert scorers()["accuracy"].score(rows, ["heart"]) == 0
    assert confusion(rows, ["heart"]) == [[0, 1]]
    assert per_label(rows, ["heart"]) == [LabelScore(label="heart", precision=0.0, recall=0.0, f1=0.0, rows=1)]


def test_a_row_without_a_label_counts_in_no_label() -> None:
    data = drawn(7)
    stray = replace(data.rows[0], row=replace(data.rows[0].row, label=None), predicted=data.labels[0])
    assert per_label([*data.rows, stray], data.labels) == per_label(data.rows, data.labels)
    assert confusion([*data.rows, stray], data.labels) == confusion(data.rows, data.labels)


def test_perplexity_of_a_hopeless_model_is_infinite_not_an_error() -> None:
    assert scorers()["perplexity"].score([AnsweredRow(labelled("x", "y"), "", None, (-1e6,))], []) == math.inf


def test_a_token_without_weight_may_be_impossible() -> None:
    row = AnsweredRow(labelled("x", "y"), "", None, (-math.inf, -1.0), weights=(0.0, 1.0))
    assert scorers()["loss"].score([row], []) == 1.0


def test_both_estimators_of_divergence_have_the_true_mean() -> None:
    """Tokens drawn from a known base: both estimates lie within four standard errors of the exact divergence."""
    random = np.random.default_rng(3)
    base, model = random.dirichlet(np.ones(20)), random.dirichlet(np.ones(20) * 5)
    exact = float((base * np.log(base / model)).sum())
    drawn_tokens = random.choice(20, size=50_000, p=base)
    logs = np.log(model[drawn_tokens]), np.log(base[drawn_tokens])
    row = replace(labelled("x", "y"), details={"log_probabilities": logs[1].tolist()})
    answered = AnsweredRow(row, "", None, tuple(logs[0].tolist()))
    for estimator in ("plain", "schulman"):
        scorer = made("kl_to_base", estimator=estimator)
        error = scorer.tokens(answered).std() / math.sqrt(50_000)
        assert abs(scorer.score([answered], []) - exact) < 4 * error


def made(name: str, **keys: Any) -> Any:
    """A scorer with these options."""
    return catalog.work("scorers", name)(catalog.options("scorers", name)(**keys))


def paired(*choices: float) -> AnsweredRow:
    """A row with these choices' log-probabilities."""
    return AnsweredRow(labelled("x", "y"), "", choices=choices)


def test_pairs_are_preferred_and_ties_count_half() -> None:
    rows = [paired(-1, -2), paired(-2, -1), paired(-1, -1), paired(-1, -3), paired(math.nan, -1), paired(-1.0)]
    known = scorers()
    assert known["preference_accuracy"].score(rows, []) == 2.5 / 4
    assert known["stereotype"].score(rows, []) == 0.25
    assert known["likelihood_gap"].score(rows, []) == (1 + 1 + 0 + 2) / 4


def test_stereotype_leans_both_ways() -> None:
    assert scorers()["stereotype"].score([paired(-1, -2)] * 3, []) == 1
    assert scorers()["stereotype"].score([paired(-2, -1)] * 3, []) == 1
    assert scorers()["stereotype"].score([paired(-2, -1), paired(-1, -2)], []) == 0


def test_refusals_count_where_they_belong() -> None:
    good, bad = SCENARIOS["written"].good, SCENARIOS["written"].bad
    known = scorers()
    assert [known["refused_harmful"].score(rows, []) for rows in (good, bad)] == [1, 0]
    assert [known["over_refusal"].score(rows, []) for rows in (good, bad)] == [0, 1]
    assert [known["refusal"].score(rows, []) for rows in (good, bad)] == [0.5, 0.5]


def test_rules_count_by_row_and_by_rule() -> None:
    comma, word = {"rule": "punctuation:no_comma"}, {"rule": "keywords:existence", "keywords": ["blue"]}
    rules = [[comma, word], [comma], [comma, {"rule": "language:response_language", "language": "de"}], []]
    rows = [
        AnsweredRow(replace(labelled("x", "y"), details={"rules": some}), "The sky is gray", finish="stop")
        for some in rules
    ]
    known = scorers()
    np.testing.assert_array_equal(known["rules_followed"].per_row(rows), [0.0, 1.0, math.nan, math.nan])
    assert known["rules_followed_each"].score(rows, []) == 3 / 4


@pytest.mark.parametrize("seconds", [None, -1.0, math.nan])
def test_a_time_that_was_not_measured_counts_in_no_mean(seconds: float | None) -> None:
    rows = [replace(EMPTY, seconds=2.0, first_token_s=0.5), replace(EMPTY, seconds=seconds, first_token_s=seconds)]
    assert scorers()["latency"].score(rows, []) == 2.0
    assert scorers()["first_token"].score(rows, []) == 0.5


def test_unfinished_counts_answers_cut_at_the_limit() -> None:
    rows = [replace(EMPTY, finish=finish) for finish in ("stop", "length", "length", "error", "")]
    assert scorers()["unfinished"].score(rows, []) == 2 / 3
