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
        found.setdefault((rates.get(name, 1.0), _is_matrix(parameter)), []).append(parameter)
    return [
        {"params": members, "weight_decay": weight_decay if matrix else 0.0, "factor": factor}
        for (factor, matrix), members in found.items()
    ]


def _is_matrix(parameter: nn.Parameter) -> bool:
    """False for a vector that lies in a matrix of one row or column, such as the factors of (IA)3, which begin at 1."""
    return sum(side > 1 for side in parameter.shape) >= 2
