"""What a judge's verdicts amount to: how often the second model wins, whether the place decides, whether it is steady.

N pairs. Every figure is a mean over pairs, each pair's value a mean of both orders; intervals count families as one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from tunewright.evaluate.judging.ask import JudgedPair
from tunewright.stats.families import by_family
from tunewright.stats.resampling import Bounds, Floats, Value
from tunewright.stats.single import metric_interval

SEED = 0
"""Of the draws that intervals rest on."""
Interval = tuple[float, float]


class Figure(BaseModel):
    """A number with its interval at 95 %; None where `n` values in `families` families cannot say it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    value: float | None = None
    interval: Interval | None = None
    n: int = 0
    families: int = 0


def figure(values: Sequence[float], families: Sequence[str], *, span: Bounds = (0.0, 1.0)) -> Figure:
    """The mean of N values within `span`, as a figure; below six families it has no interval."""
    if not values:
        return Figure()
    sums = by_family(np.stack([np.array(values, dtype=np.float64), np.ones(len(values))], axis=1), families)
    return figure_of(sums, value=_mean, n=len(values), span=span)


def figure_of(sums: Floats, *, value: Value, n: int, span: Bounds) -> Figure:
    """A metric of the sums of F families [F, K] over `n` pairs; without a value where it is no finite number."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = float(value(sums.sum(axis=0)))
    if not np.isfinite(found):
        return Figure(n=n, families=len(sums))
    interval = metric_interval(sums, value=value, seed=SEED, bounds=span)
    return Figure(value=found, interval=interval, n=n, families=len(sums))


def _mean(sums: Floats) -> Floats:
    return sums[..., 0] / sums[..., 1]


def win_rate(pairs: Sequence[JudgedPair]) -> Figure:
    """How often the second model wins, ties as half, where the answers differ: over pairs judged in both orders."""
    return _over(pairs, _won)


def steady_win_rate(pairs: Sequence[JudgedPair]) -> Figure:
    """The same over pairs in which both orders agree: what is left of it without those that the place decides."""
    return _over([judged for judged in pairs if _agrees(judged) == 1], _won)


def position_bias(pairs: Sequence[JudgedPair]) -> Figure:
    """How much more often the first place wins than the second, from -1 to 1; without bias it is 0.

    Every pair is seen in both orders, so that which answer is better cancels out.
    Source: the order swap of Zheng et al., 2023, "Judging LLM-as-a-judge", section 3.4, here as a signed share.
    """
    return _over(pairs, _first_place, span=(-1.0, 1.0))


def consistency(pairs: Sequence[JudgedPair]) -> Figure:
    """The share of pairs for which both orders give the same verdict about the answers, ties among them."""
    return _over(pairs, _agrees)


def tie_rate(pairs: Sequence[JudgedPair]) -> Figure:
    """The share of verdicts that are ties, identical answers left out."""
    return _over(pairs, lambda judged: float(np.mean([heard.verdict == "tie" for heard in judged.heard])))


def _over(
    pairs: Sequence[JudgedPair],
    value: Callable[[JudgedPair], float],
    *,
    span: Bounds = (0.0, 1.0),
) -> Figure:
    kept = [judged for judged in pairs if judged.fate == "judged"]
    return figure([value(judged) for judged in kept], [judged.pair.family for judged in kept], span=span)


def _won(judged: JudgedPair) -> float:
    """1 where the second model's answer won, 0 where the first's did, a half for a tie; the mean of both orders."""
    return float(np.mean([0.5 if heard.winner is None else heard.winner for heard in judged.heard]))


def _first_place(judged: JudgedPair) -> float:
    return float(np.mean([{"first": 1, "second": -1}.get(heard.verdict or "", 0) for heard in judged.heard]))


def _agrees(judged: JudgedPair) -> float:
    return float(judged.fate == "judged" and len({heard.winner for heard in judged.heard}) == 1)
