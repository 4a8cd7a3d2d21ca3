"""How far people agree beyond chance: Krippendorff's alpha with its interval, and Cohen's kappa.

U units (answers or pairs that were judged), R raters, C different votes. 1 is full agreement, 0 what chance gives,
below 0 worse than chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tunewright.stats.resampling import RESAMPLES, Bounds, Floats, finite, resamples

Vote = str | float | int | None
Level = Literal["nominal", "ordinal", "interval"]


def krippendorff_alpha(votes: Sequence[Sequence[Vote]], *, level: Level = "nominal") -> float | None:
    """Agreement of any number of raters, of whom any may have missed any unit; `votes` [U][R], None or NaN is missing.

    `level` says how far two votes are apart: `nominal` the same or not (votes may be text), `ordinal` by the votes
    between them in their order, `interval` by the squared difference. Units with fewer than two votes count for
    nothing. None where no unit has two votes, or where all votes are the same: then chance alone would agree, too.
    Raises ValueError for text at the levels `ordinal` and `interval`, and for an unknown level. Source: Krippendorff,
    2011, "Computing Krippendorff's Alpha-Reliability", University of Pennsylvania.
    """
    counts, numbers = _counted(votes, level=level)
    alpha = float(_alphas(_coincidences(counts).sum(axis=0), numbers, level=level)) if len(counts) else math.nan
    return alpha if math.isfinite(alpha) else None


def krippendorff_interval(
    votes: Sequence[Sequence[Vote]],
    *,
    level: Level = "nominal",
    seed: int,
    confidence: float = 0.95,
    rounds: int = RESAMPLES,
) -> Bounds | None:
    """Interval of `krippendorff_alpha` by a percentile bootstrap over units, whose votes stay together.

    None with fewer than two units that have two votes, or where alpha is None. Raises as `krippendorff_alpha` does.
    Source: Zapf, Castell, Morawietz and Karch, 2016, BMC Medical Research Methodology 16:93 (units are resampled, not
    pairs, which would make the interval too narrow).
    """
    counts, numbers = _counted(votes, level=level)
    if len(counts) < 2 or krippendorff_alpha(votes, level=level) is None:
        return None
    units = _coincidences(counts)
    kinds = units.shape[1]
    flat = units.reshape(len(units), -1)
    drawn = finite(
        lambda often: _alphas((often @ flat).reshape(-1, kinds, kinds), numbers, level=level),
        resamples(np.random.default_rng(seed), len(units), rounds=rounds),
    )
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def cohen_kappa(first: Sequence[Vote], second: Sequence[Vote]) -> float | None:
    """Agreement of two raters who both voted on every unit, beyond what their own shares of votes would give.

    None without units, or where both always vote one and the same. Raises ValueError for unequal lengths or missing
    votes. Source: Cohen, 1960, Educational and Psychological Measurement 20(1).
    """
    if len(first) != len(second) or any(_is_missing(vote) for vote in (*first, *second)):
        raise ValueError("two raters must have voted on the same units, all of them.")
    places = _places([*first, *second])
    if not places:
        return None
    table = np.zeros((len(places), len(places)))
    for one, other in zip(first, second, strict=True):
        table[places[one], places[other]] += 1
    table /= table.sum()
    chance = float(table.sum(axis=0) @ table.sum(axis=1))
    return (float(np.trace(table)) - chance) / (1 - chance) if chance < 1 else None


def _counted(votes: Sequence[Sequence[Vote]], *, level: Level) -> tuple[Floats, Floats]:
    """How many raters gave each vote to each unit that has two votes, [U, C], and the votes as numbers, [C]."""
    if level not in ("nominal", "ordinal", "interval"):
        raise ValueError(f"a level is nominal, ordinal or interval, not {level}.")
    given = [[vote for vote in unit if not _is_missing(vote)] for unit in votes]
    given = [unit for unit in given if len(unit) > 1]
    places = _places([vote for unit in given for vote in unit])
    if level != "nominal" and any(isinstance(vote, str) for vote in places):
        raise ValueError(f"votes at the level {level} are numbers; text is nominal.")
    counts = np.zeros((len(given), len(places)))
    for row, unit in enumerate(given):
        for vote in unit:
            counts[row, places[vote]] += 1
    numbers = np.arange(len(places)) if level == "nominal" else np.array([float(vote or 0) for vote in places])
    return counts, numbers.astype(np.float64)


def _places(votes: Sequence[Vote]) -> dict[Vote, int]:
    """The different votes in their order: numbers by size, then text."""
    different = sorted(set(votes), key=lambda vote: (isinstance(vote, str), vote))
    return {vote: place for place, vote in enumerate(different)}


def _is_missing(vote: Vote) -> bool:
    return vote is None or (isinstance(vote, float) and math.isnan(vote))


def _coincidences(counts: Floats) -> Floats:
    """How often each pair of votes meets in a unit, each unit weighing as many as its votes; [U, C, C]."""
    pairs = counts[:, :, None] * counts[:, None, :]
    pairs[:, *np.diag_indices(counts.shape[1])] -= counts
    return pairs / (counts.sum(axis=1)[:, None, None] - 1)


def _alphas(together: Floats, numbers: Floats, *, level: Level) -> Floats:
    """Alpha of coincidence matrices [..., C, C]; no number where all votes are the same."""
    votes = together.sum(axis=-1)
    every = votes.sum(axis=-1)
    apart = _apart(votes, numbers, level=level)
    seen = (together * apart).sum(axis=(-1, -2))
    chance = (votes[..., :, None] * votes[..., None, :] * apart).sum(axis=(-1, -2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - (every - 1) * seen / chance


def _apart(votes: Floats, numbers: Floats, *, level: Level) -> NDArray[np.float64]:
    """Squared distances of votes, [..., C, C]; at the ordinal level they depend on how often each was given."""
    if level == "nominal":
        return 1.0 - np.eye(len(numbers))
    if level == "interval":
        return (numbers[:, None] - numbers[None, :]) ** 2
    upto = np.cumsum(votes, axis=-1) - votes / 2
    return (upto[..., :, None] - upto[..., None, :]) ** 2
