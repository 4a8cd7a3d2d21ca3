"""Calibration: bins at their edges, choices and written answers, and what is left out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.evaluate.fakes import labelled
from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.calibration import bin_sums, calibration_error, judged


@pytest.mark.parametrize(
    ("confidence", "place"), [(0.0, 0), (0.1, 0), (0.1000001, 1), (0.5, 4), (0.95, 9), (1.0, 9), (1e-300, 0)]
)
def test_bins_contain_their_upper_edge(confidence: float, place: int) -> None:
    sums = bin_sums([(confidence, False)], 10)
    assert sums[0, 10] == 1
    assert np.flatnonzero(sums[0, :10]).tolist() == ([place] if confidence else [])


def test_a_model_that_is_right_as_often_as_it_says_is_calibrated() -> None:
    random = np.random.default_rng(0)
    sure = random.uniform(0, 1, 100_000)
    honest = [(float(each), bool(hit)) for each, hit in zip(sure, random.random(100_000) < sure, strict=True)]
    boastful = [(math.sqrt(each), hit) for each, hit in honest]
    assert calibration_error(bin_sums(honest, 15).sum(axis=0)) < 0.01
    assert calibration_error(bin_sums(boastful, 15).sum(axis=0)) == pytest.approx(2 / 3 - 1 / 2, abs=0.01)


def test_the_error_of_nothing_is_no_number() -> None:
    assert math.isnan(calibration_error(bin_sums([None, None], 15).sum(axis=0)))


CHOSEN = AnsweredRow(labelled("x", "b"), "b", "b", choices=(math.log(1), math.log(3)))
WRITTEN = AnsweredRow(labelled("x", "b"), "b", "b", (math.log(0.5), math.log(0.5)), finish="stop")


def test_confidence_is_the_softmax_of_choices_or_the_product_of_tokens() -> None:
    assert judged(CHOSEN, ("a", "b")) == (pytest.approx(0.75), True)
    assert judged(WRITTEN, ("a", "b")) == (pytest.approx(0.25), True)
    free = replace(WRITTEN, row=replace(WRITTEN.row, label=None), predicted=None)
    assert judged(free, ()) == (pytest.approx(0.25), True)
    assert judged(replace(free, answer="c"), ()) == (pytest.approx(0.25), False)


@pytest.mark.parametrize(
    "row",
    [
        replace(CHOSEN, choices=(math.nan, 0.0)),
        replace(CHOSEN, choices=(-math.inf, -math.inf)),
        replace(CHOSEN, choices=(0.0,)),
        replace(CHOSEN, predicted="c"),
        replace(WRITTEN, log_probabilities=()),
        replace(WRITTEN, log_probabilities=(math.nan,)),
        replace(WRITTEN, finish="error"),
    ],
)
def test_a_row_without_confidence_is_left_out(row: Any) -> None:
    assert judged(row, ("a", "b")) is None
