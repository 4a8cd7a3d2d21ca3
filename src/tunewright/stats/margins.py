"""Not worse than another model by more than a margin: decided on an interval, and as a test with a p.

The hypothesis that a gate must reject is "the other model is worse than the base by the margin or more". `higher` and
`lower` say which way is better; the margin is never negative and in the metric's own unit.
"""

from __future__ import annotations

from tunewright.core.answers import Direction
from tunewright.stats.paired import p_above
from tunewright.stats.resampling import Bounds, Floats, Value


def non_inferior(interval: Bounds | None, *, margin: float, direction: Direction) -> bool:
    """Whether the interval of other - base says that the other model is not worse by `margin` or more.

    `higher`: the lower end lies above -margin. `lower`: the upper end lies below margin. With a two-sided interval at
    95 % a false "not worse" comes about 25 times in a thousand. False without an interval: nothing was shown. With a
    margin of 0 the other model must be better. Raises ValueError for a margin below 0 or the direction `neither`.
    Source: Piaggio and others, 2012, JAMA 308(24), CONSORT statement on noninferiority.
    """
    _check(margin, direction)
    if interval is None:
        return False
    low, high = interval
    return low > -margin if direction == "higher" else high < margin


def non_inferiority_p(
    base: Floats, other: Floats, *, value: Value, margin: float, direction: Direction, seed: int
) -> float | None:
    """One-sided p of "other is worse than base by `margin` or more"; small where it is surely not.

    `base` and `other` are sums a row, [N, K], the same rows in the same order. The test is the one that
    `paired.difference_interval` inverts: exact for shares below 200 rows, the score test of Tango above, and else sign
    flips of the rows around the margin. So p below 0.025 and `non_inferior` at 95 % say the same. None where the
    metric is no finite number, or with fewer than two rows. Raises ValueError as `non_inferior` does.
    """
    _check(margin, direction)
    worse, better = (base, other) if direction == "higher" else (other, base)
    return p_above(worse, better, value=value, than=-margin, seed=seed)


def _check(margin: float, direction: Direction) -> None:
    if not margin >= 0:
        raise ValueError(f"a margin is a number not below 0, not {margin}.")
    if direction not in ("higher", "lower"):
        raise ValueError("a metric without a better direction has no margin of inferiority.")
