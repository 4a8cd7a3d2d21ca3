"""Float32 masters: gradients are summed and updates made in float32, products use the type of the model."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Masters:
    """One float32 (or wider) parameter for each trainable one; the same object where the model computes in it."""

    def __init__(self, trainable: Mapping[str, nn.Parameter]) -> None:
        self._live = dict(trainable)
        self.weights: dict[str, nn.Parameter] = {}
        for name, parameter in self._live.items():
            if parameter.dtype in (torch.float32, torch.float64):
                self.weights[name] = parameter
                continue
            master = nn.Parameter(parameter.detach().to(torch.float32))
            self.weights[name] = master
            parameter.register_post_accumulate_grad_hook(_into(master))

    def publish(self) -> None:
        """Copy the masters into the model after an update."""
        with torch.no_grad():
            for name, parameter in self._live.items():
                if parameter is not self.weights[name]:
                    parameter.copy_(self.weights[name])

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take over saved weights, into masters and model. Raises KeyError when a name is missing."""
        with torch.no_grad():
            for name, master in self.weights.items():
                master.copy_(weights[name])
        self.publish()

    def clear(self) -> None:
        """Forget the gradients of the last step."""
        for master in self.weights.values():
            master.grad = None

    def gradients(self) -> list[Tensor]:
        """The gradient of every master, in order; one that got none yet gets zeros."""
        for master in self.weights.values():
            if master.grad is None:
                master.grad = torch.zeros_like(master)
        return [master.grad for master in self.weights.values() if master.grad is not None]

    def finite(self) -> bool:
        """True when no weight is NaN or infinite."""
        return all(bool(torch.isfinite(master).all()) for master in self.weights.values())

    def copy(self) -> dict[str, Tensor]:
        """The weights as they are now, by name."""
        return {name: master.detach().clone() for name, master in self.weights.items()}

    def total(self) -> float:
        """Sum of all weights in float64: equal on ranks that hold the same."""
        return float(sum(master.detach().double().sum() for master in self.weights.values()))

    def gradient_norm(self) -> Tensor:
        """L2 norm over all gradients, as a scalar on their device."""
        gradients = [master.grad for master in self.weights.values() if master.grad is not None]
        return torch.stack(torch._foreach_norm(gradients)).norm()  # pyright: ignore[reportPrivateImportUsage]

    def clip(self, norm: Tensor, *, limit: float) -> None:
        """Scale all gradients so that their norm is at most `limit` (Pascanu et al., 2013)."""
        factor = torch.clamp(limit / (norm + 1e-6), max=1.0)
        for master in self.weights.values():
            if master.grad is not None:
                master.grad.mul_(factor)


def _into(master: nn.Parameter):
    """A hook that moves a finished gradient into the master's own and frees it."""

    def add(parameter: Tensor) -> None:
        gradient = parameter.grad
        if gradient is None:
            return
        if master.grad is None:
            master.grad = gradient.to(torch.float32)
        else:
            master.grad.add_(gradient)
        parameter.grad = None

    return add
