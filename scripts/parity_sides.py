"""For each scorer with a counterpart: our value and that of the reference, on the same rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import ifeval_reference
import numpy as np
import sacrebleu
from jsonschema import validators
from numpy.typing import NDArray
from parity_rows import Drawn
from rouge_score.rouge_scorer import RougeScorer
from sklearn import metrics

from tunewright.core import catalog
from tunewright.evaluate.counts import confusion, per_label
from tunewright.evaluate.scoring.rules import followed

Compared = Callable[[Drawn], Any]
ROUGE = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}
AVERAGED = {"precision": metrics.precision_score, "recall": metrics.recall_score, "f1": metrics.f1_score}


class Side(NamedTuple):
    """A scorer, what it is compared with, and both values: numbers, or arrays of the same shape."""

    name: str
    reference: str
    ours: Compared
    theirs: Compared


def score(name: str) -> Compared:
    """Our scorer's value."""
    work = catalog.work("scorers", name)(catalog.options("scorers", name)())
    return lambda data: work.score(data.rows, data.labels)


def each(name: str) -> Compared:
    """Our scorer's value of each row."""
    work = catalog.work("scorers", name)(catalog.options("scorers", name)())
    return lambda data: work.per_row(data.rows)


def labels_of(data: Drawn) -> tuple[list[str], list[str]]:
    """True labels, and what was predicted with "(other)" for what is no label."""
    true = [str(row.row.label) for row in data.rows]
    return true, [row.predicted if row.predicted in data.labels else "(other)" for row in data.rows]


def averaged(name: str, average: str) -> Compared:
    """scikit-learn's precision, recall or F1."""
    function = AVERAGED[name]

    def theirs(data: Drawn) -> float:
        return float(function(*labels_of(data), labels=list(data.labels), average=average, zero_division=0))

    return theirs


def our_labels(data: Drawn) -> NDArray[np.float64]:
    """Our precision, recall, F1 and rows of each label, [L, 4]."""
    return np.array([[one.precision, one.recall, one.f1, one.rows] for one in per_label(data.rows, data.labels)])


def of_each_label(data: Drawn) -> NDArray[np.float64]:
    """scikit-learn's four columns, [L, 4]."""
    true, said = labels_of(data)
    found = metrics.precision_recall_fscore_support(true, said, labels=list(data.labels), zero_division=0)
    return np.array(found, dtype=np.float64).T


def counted(data: Drawn) -> NDArray[np.int64]:
    """scikit-learn's confusion matrix, the row of "(other)" left out."""
    return metrics.confusion_matrix(*labels_of(data), labels=[*data.labels, "(other)"])[:-1]


def right(data: Drawn) -> list[list[str]]:
    """Right answers of each row."""
    return [[row.row.target, *row.row.details.get("references", ())] for row in data.rows]


def corpus(metric: Callable[..., Any]) -> Compared:
    """sacrebleu over the corpus, with a varying number of references."""

    def theirs(data: Drawn) -> float:
        texts = right(data)
        longest = max(map(len, texts))
        streams = [[one[place] if place < len(one) else None for one in texts] for place in range(longest)]
        return float(metric([row.answer for row in data.rows], streams).score)

    return theirs


def rouge(kind: str) -> Compared:
    """rouge-score, the best reference of each row."""
    scorer = RougeScorer([kind], use_stemmer=False)

    def theirs(data: Drawn) -> NDArray[np.float64]:
        found = [scorer.score_multi(texts, row.answer) for row, texts in zip(data.rows, right(data), strict=True)]
        return np.array([one[kind].fmeasure for one in found])

    return theirs


def valid(data: Drawn) -> NDArray[np.float64]:
    """jsonschema on what the standard library reads; NaN and Infinity are no JSON."""

    def one(answer: str, schema: Any) -> bool:
        try:
            value = json.loads(answer.strip(), parse_constant=lambda name: int(name))
        except ValueError:
            return False
        return validators.validator_for(schema, default=validators.validator_for({}))(schema).is_valid(value)

    return np.array([one(row.answer, row.row.details.get("schema", True)) for row in data.rows], dtype=np.float64)


def weighted(kind: str) -> Compared:
    """The definitions over tokens, written out as one long row."""

    def theirs(data: Drawn) -> float:
        values = [v for row in data.rows for v in (row.greedy if kind == "greedy" else row.log_probabilities)]
        weights = [w for row in data.rows for w in (row.weights or (1.0,) * len(row.log_probabilities))]
        return float(np.average(np.array(values, dtype=np.float64), weights=weights))

    return theirs


def bits(data: Drawn) -> float:
    """Base-2 logarithms of the probabilities over bytes."""
    total = sum(-math.log2(math.exp(log)) for row in data.rows for log in row.log_probabilities)
    return total / sum(row.bytes for row in data.rows)


def calibration(data: Drawn) -> float:
    """Expected calibration error, bin by bin as the paper writes it (equation 3)."""
    sure, hit = [], []
    for row in data.rows:
        if len(data.labels) == len(row.choices) and row.predicted in data.labels:
            chances = np.exp(row.choices) / np.exp(row.choices).sum()
            sure.append(chances[data.labels.index(str(row.predicted))])
            hit.append(row.predicted == row.row.label)
    confidence, right_ = np.array(sure), np.array(hit, dtype=np.float64)
    error = 0.0
    for low in range(15):
        inside = (confidence > low / 15) & (confidence <= (low + 1) / 15)
        if inside.any():
            error += inside.sum() / len(confidence) * abs(right_[inside].mean() - confidence[inside].mean())
    return error if len(confidence) else math.nan


def rules(ours: bool) -> Compared:
    """Every rule that both sides know, with random keys, on every answer: followed or not, [N * rules]."""

    def values(data: Drawn) -> NDArray[np.float64]:
        random = np.random.default_rng(data.seed)
        drawn = [(row.answer, rule) for row in data.rows for rule in ifeval_reference.random_rules(random, row.answer)]
        said = [followed(rule, text) if ours else ifeval_reference.follows(rule, text) for text, rule in drawn]
        return np.array([math.nan if one is None else float(one) for one in said])

    return values


def by_token(data: Drawn) -> float:
    """Mean over all tokens of r - 1 - log r, one token after the other."""
    total, count = 0.0, 0.0
    for row in data.rows:
        base = row.row.details.get("log_probabilities", [])
        for place, log in enumerate(row.log_probabilities):
            weight = row.weights[place] if row.weights else 1.0
            gap = log - base[place]
            total, count = total + weight * (math.exp(gap) - 1 - gap), count + weight
    return total / count


REFERENCES = (
    Side("accuracy", "scikit-learn", score("accuracy"), lambda data: metrics.accuracy_score(*labels_of(data))),
    *(Side(name, "scikit-learn, macro", score(name), averaged(name, "macro")) for name in AVERAGED),
    *(
        Side(f"{name}_micro", "scikit-learn, micro", score(f"{name}_micro"), averaged(name, "micro"))
        for name in AVERAGED
    ),
    Side(
        "per_label",
        "scikit-learn",
        our_labels,
        of_each_label,
    ),
    Side("confusion", "scikit-learn", lambda data: np.array(confusion(data.rows, data.labels)), counted),
    Side("loss", "definition", score("loss"), lambda data: -weighted("log")(data)),
    Side("perplexity", "definition", score("perplexity"), lambda data: math.exp(-weighted("log")(data))),
    Side("token_accuracy", "definition", score("token_accuracy"), weighted("greedy")),
    Side("bits_per_byte", "definition", score("bits_per_byte"), bits),
    Side("kl_to_base", "definition", score("kl_to_base"), by_token),
    Side("calibration", "definition", score("calibration"), calibration),
    Side("bleu", "sacrebleu", score("bleu"), corpus(sacrebleu.corpus_bleu)),
    Side("chrf", "sacrebleu", score("chrf"), corpus(sacrebleu.corpus_chrf)),
    *(Side(name, "rouge-score", each(name), rouge(kind)) for name, kind in ROUGE.items()),
    Side("schema_valid", "jsonschema", each("schema_valid"), valid),
    Side("rules_followed_each", "lm-eval's IFEval", rules(True), rules(False)),
)
"""Every scorer that somebody else has written, too, or that has a definition short enough to write out."""
