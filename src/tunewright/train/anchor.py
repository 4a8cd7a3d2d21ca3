"""What holds weights near where they began: L2 to the start, and elastic weight consolidation.

Elastic weight consolidation: Kirkpatrick et al., 2017, arXiv 1612.00796, equation 3; its Fisher information is the
empirical one, the mean over general rows of the squared gradient of a row's log-likelihood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tunewright.core.events import Emit, Progress
from tunewright.core.ports import Encoded
from tunewright.core.workspace import new_folder
from tunewright.models.forward import pack, packed_loss
from tunewright.models.tensors import write_weights
from tunewright.train.masters import Masters

FILE = "fisher.safetensors"


@dataclass(frozen=True)
class Anchor:
    """Where weights began, and how strongly each is held there: `l2` for all, `ewc` times `fisher` by name."""

    start: Mapping[str, Tensor]
    l2: float
    ewc: float = 0.0
    fisher: Mapping[str, Tensor] | None = None

    def add(self, masters: Masters) -> float:
        """Add the penalty's gradient to that of every master, once a step; returns the penalty."""
        total = 0.0
        with torch.no_grad():
            for name, weight in masters.weights.items():
                gone = weight - self.start[name]
                pull = gone * self.l2
                if self.fisher is not None:
                    pull += self.ewc * self.fisher[name] * gone
                total += 0.5 * float((pull * gone).sum(dtype=torch.float64))
                weight.grad = pull if weight.grad is None else weight.grad.add_(pull)
        return total


def fisher(model: Any, masters: Masters, *, rows: Sequence[Encoded], emit: Emit) -> dict[str, Tensor]:
    """The diagonal of the empirical Fisher information of what trains, float32 by name."""
    found = {name: torch.zeros_like(weight, dtype=torch.float32) for name, weight in masters.weights.items()}
    training = model.training
    model.eval()
    for done, row in enumerate(rows, start=1):
        packed_loss(model, pack([row], device=str(model.device))).loss.backward()
        for name, weight in masters.weights.items():
            if weight.grad is not None:
                found[name] += weight.grad.float().square()
        masters.clear()
        emit(Progress(stage="fisher", done=done, total=len(rows), unit="rows"))
    model.train(training)
    return {name: each / max(1, len(rows)) for name, each in found.items()}


def stored(folder: Path, masters: Masters) -> dict[str, Tensor] | None:
    """A Fisher information that was measured before, None where there is none for these weights."""
    try:
        found = load_file(folder / FILE)
    except (OSError, SafetensorError):
        return None
    return found if {n: t.shape for n, t in found.items()} == {n: w.shape for n, w in masters.weights.items()} else None


def keep(folder: Path, found: Mapping[str, Tensor]) -> None:
    """Keep a Fisher information as safetensors."""
    with new_folder(folder) as work:
        write_weights(work / FILE, found)
