"""Several tests at once: p values adjusted so that the chance of any false alarm stays at the level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values in the given order; those at or below a level may be called differences together.

    With `m` values, the i-th smallest is multiplied by m - i + 1, is never below the one before it, and never above 1.
    The chance of even one false alarm is then at most the level, however the tests depend on one another.
    Raises ValueError for a value outside 0 to 1 or NaN. Source: Holm, 1979, Scandinavian Journal of Statistics 6(2).
    """
    values = np.asarray(p_values, dtype=np.float64)
    if not np.all((values >= 0) & (values <= 1)):
        raise ValueError(f"p values lie between 0 and 1: {[float(value) for value in values]}.")
    order = np.argsort(values, kind="stable")
    stepped = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted.tolist()
