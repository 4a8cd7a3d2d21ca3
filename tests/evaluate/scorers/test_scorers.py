"""All scorers: equal to scikit-learn, to the definitions on tokens, and the promise between `score` and `per_row`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score

from tests.evaluate.fakes import labelled, scorers
from tunewright.core import catalog
from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.counts import confusion
from tunewright.evaluate.sums import summed

REFERENCE = {"precision": precision_score, "recall": recall_score, "f1": f1_score}


def drawn(seed: int) -> tuple[list[AnsweredRow], list[str]]:
    """Random rows, some answers no label, some labels without rows."""
    generator = np.random.default_rng(seed)
    labels = [f"label {number}" for number in range(int(generator.integers(1, 12)))]
    names = [*labels, "something else", None]
    size = int(generator.integers(1, 300))
    true = generator.choice(labels[: max(1, len(labels) - 1)], size)
    rows = []
    for index in range(size):
        name = names[int(generator.integers(0, len(names)))]
        predicted = name if generator.random() < 0.5 else str(true[index])
        logs = tuple(-generator.exponential(size=int(generator.integers(1, 9))))
        greedy = tuple(bool(flip) for flip in generator.random(len(logs)) < 0.5)
        weights = tuple(generator.random(len(logs))) if index % 2 else ()
        row = labelled(f"text {index}", str(true[index]))
        rows.append(AnsweredRow(row, predicted or "hm", predicted, logs, greedy, weights))
    return rows, labels


def sides(rows: list[AnsweredRow], labels: list[str]) -> tuple[list[str], list[str]]:
    true = [str(row.row.label) for row in rows]
    return true, [row.predicted if row.predicted in labels else "(other)" for row in rows]


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_macro_metrics_equal_scikit_learn(name: str, seed: int) -> None:
    rows, labels = drawn(seed)
    true, predicted = sides(rows, labels)
    expected = REFERENCE[name](true, predicted, labels=labels, average="macro", zero_division=0)
    assert scorers()[name].score(rows, labels) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(25))
def test_accuracy_and_confusion_equal_scikit_learn(seed: int) -> None:
    rows, labels = drawn(seed)
    true, predicted = sides(rows, labels)
    assert scorers()["accuracy"].score(rows, labels) == pytest.approx(accuracy_score(true, predicted), abs=1e-12)
    expected = confusion_matrix(true, predicted, labels=[*labels, "(other)"])[:-1]
    assert confusion(rows, labels) == expected.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_loss_counts_tokens_not_rows(seed: int) -> None:
    rows, labels = drawn(seed)
    logs = np.array([log for row in rows for log in row.log_probabilities])
    greedy = np.array([flag for row in rows for flag in row.greedy])
    weights = np.array([w for row in rows for w in (row.weights or (1.0,) * len(row.log_probabilities))])
    loss = -(logs * weights).sum() / weights.sum()
    known = scorers()
    assert known["loss"].score(rows, labels) == pytest.approx(loss, abs=1e-12)
    assert known["perplexity"].score(rows, labels) == pytest.approx(math.exp(loss), rel=1e-12)
    assert known["token_accuracy"].score(rows, labels) == pytest.approx(
        (greedy * weights).sum() / weights.sum(), abs=1e-12
    )


@pytest.mark.parametrize("answer", ["heart", " heart\n", "\theart "])
def test_exact_match_ignores_space_around(answer: str) -> None:
    assert scorers()["exact_match"].score([AnsweredRow(labelled("x", "heart"), answer)], []) == 1


@pytest.mark.parametrize("answer", ["Heart", "heart.", "", "the heart", "he art"])
def test_exact_match_forgives_nothing_else(answer: str) -> None:
    assert scorers()["exact_match"].score([AnsweredRow(labelled("x", "heart"), answer, finish="stop")], []) == 0


def test_an_answer_that_is_no_label_is_wrong() -> None:
    rows = [AnsweredRow(labelled("x", "heart"), "who knows", None)]
    assert scorers()["accuracy"].score(rows, ["heart"]) == 0
    assert confusion(rows, ["heart"]) == [[0, 1]]


@pytest.mark.parametrize("name", catalog.names("scorers"))
def test_score_is_what_sums_say(name: str) -> None:
    rows, labels = drawn(3)
    scorer = scorers()[name]
    values = scorer.per_row(rows)
    if values is not None:
        assert len(values) == len(rows)
        assert values.mean() == pytest.approx(scorer.score(rows, labels), abs=1e-12)
    added = summed(scorer, rows, labels=labels)
    assert added is not None
    assert float(added.value(added.sums.sum(axis=0))) == scorer.score(rows, labels)
    stacked = added.value(np.stack([added.sums.sum(axis=0)] * 3))
    assert stacked.shape == (3,)


@pytest.mark.parametrize("name", ["loss", "accuracy", "exact_match", "token_accuracy", "perplexity"])
def test_no_rows_is_no_number(name: str) -> None:
    assert math.isnan(scorers()[name].score([], []))


def test_perplexity_of_a_hopeless_model_is_infinite_not_an_error() -> None:
    assert scorers()["perplexity"].score([AnsweredRow(labelled("x", "y"), "", None, (-1e6,))], []) == math.inf
