"""Parameters in groups: matrices decay, vectors (biases, norms) do not, and some learn faster than others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn


def groups(
    parameters: Mapping[str, nn.Parameter], rates: Mapping[str, float], *, weight_decay: float
) -> list[dict[str, Any]]:
    """Groups for a torch optimiser, in the order in which they first occur; `factor` multiplies the rate of one."""
    found: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in parameters.items():
        found.setdefault((rates.get(name, 1.0), parameter.ndim >= 2), []).append(parameter)
    return [
        {"params": members, "weight_decay": weight_decay if matrix else 0.0, "factor": factor}
        for (factor, matrix), members in found.items()
    ]
