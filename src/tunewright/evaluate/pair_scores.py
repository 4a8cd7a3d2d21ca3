"""How likely a model finds the two answers of preference pairs, token by token as they are trained. N pairs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tunewright.core.answers import AnsweredRow
from tunewright.core.language_model import Scored, ScoreItem
from tunewright.core.ports import Encoded, Row
from tunewright.evaluate.asking import check_tokens
from tunewright.evaluate.suite import Bench, NotMeasured, Respondent, Sample

Pair = tuple[float, float]


class PairScore(NamedTuple):
    """Log-probabilities of winner and loser summed over their trained tokens, in nats, and how many these are."""

    sums: Pair
    tokens: Pair

    @property
    def means(self) -> Pair:
        """Mean log-probabilities a token."""
        return self.sums[0] / self.tokens[0], self.sums[1] / self.tokens[1]


def pair_scores(model: Respondent, sample: Sample, *, bench: Bench) -> list[PairScore]:
    """The scores of each pair, [N]; the prompt of a pair is computed once.

    Raises NotMeasured for a model with other tokens, and for rows that were not encoded as pairs.
    """
    check_tokens(model, bench)
    encoded = sample.encoded()
    pairs = [(each, each.rejected) for each in encoded if each.rejected is not None]
    if len(pairs) < len(encoded):
        raise NotMeasured("the rows were encoded for an objective that does not learn from pairs; name alignment")
    results = model.score([_item(*pair) for pair in pairs])
    return [
        PairScore(*zip(*map(_summed, pair, scored), strict=True)) for pair, scored in zip(pairs, results, strict=True)
    ]


def preferring(row: Row, choices: Pair) -> AnsweredRow:
    """The row with a number for its winner and its loser; the answer shown is the one that has the greater."""
    lost = row.rejected[-1].get("content", "") if row.rejected else ""
    return AnsweredRow(row, row.target if choices[0] >= choices[1] else lost, choices=choices)


def _start(example: Encoded) -> int:
    return int(np.flatnonzero(example.weights)[0])


def _item(won: Encoded, lost: Encoded) -> ScoreItem:
    prompt = tuple(won.tokens[: _start(won)].tolist())
    return ScoreItem(prompt, tuple(tuple(each.tokens[_start(each) :].tolist()) for each in (won, lost)))


def _summed(example: Encoded, scored: Scored) -> Pair:
    """Sum over trained tokens, and their number."""
    trained = example.weights[_start(example) :] != 0
    return float(scored.log_probabilities[trained].sum(dtype=np.float64)), float(trained.sum())
