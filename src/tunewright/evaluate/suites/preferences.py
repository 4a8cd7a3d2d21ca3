"""Preferences: held-out pairs, and how much likelier a model finds the answer that won."""

from __future__ import annotations

from typing import Any

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Row
from tunewright.evaluate.pair_scores import Pair, PairScore, pair_scores, preferring
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, NotMeasured, PlainSuite, Respondent, Sample, measured_rows

SUMS, MEANS, OVER_BASE = "preferences", "preferences_per_token", "preferences_over_base"


class Work(PlainSuite):
    """`choices` are numbers of the winner and of the loser: summed log-probabilities (`preferences`), means a token
    (`preferences_per_token`), and sums less those of the base model (`preferences_over_base`).

    The last are the implicit rewards of Rafailov et al. (2023, arXiv 2305.18290, section 4), in nats: beta is left out,
    which changes no order. The base has 0 there, so that it prefers neither.
    """

    name = "preferences"
    ways = (SUMS, MEANS, OVER_BASE)
    own = False

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._scores: dict[tuple[str, tuple[int, ...]], list[PairScore]] = {}

    def fits(self, row: Row) -> bool:
        """Pairs."""
        return bool(row.rejected)

    def examples(self, bench: Bench) -> Sample:
        """The pairs of the split. Raises NotMeasured where there is none."""
        return measured_rows(self, bench, otherwise="no measured row has an answer that lost against another")

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with both numbers. Raises NotMeasured for a model that is far away or has other tokens."""
        found = self._of(model, sample, bench)
        if way == OVER_BASE:
            if bench.base is None:
                raise NotMeasured("there is no base model")
            base = self._of(bench.base, sample, bench)
            numbers = [_less(one.sums, other.sums) for one, other in zip(found, base, strict=True)]
        else:
            numbers = [each.means if way == MEANS else each.sums for each in found]
        return [preferring(row, pair) for row, pair in zip(sample.rows(), numbers, strict=True)]

    def _of(self, model: Respondent, sample: Sample, bench: Bench) -> list[PairScore]:
        """The scores of one model, asked for once for all ways."""
        key = (model.identity, sample.indices)
        if key not in self._scores:
            self._scores[key] = pair_scores(model, sample, bench=bench)
        return self._scores[key]


def _less(one: Pair, other: Pair) -> Pair:
    return one[0] - other[0], one[1] - other[1]
