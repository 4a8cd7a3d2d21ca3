"""Linear maps of one input whose outputs lie side by side, computed as one product.

The weights of query, key and value (and of gate and up) become slices of one tensor, in place: the modules keep
their parameters, which now lie behind one another, so that training and this forward share one copy.
Shapes: T tokens, C inputs, O outputs of all maps together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from tunewright.models.llama.kernels import Kernels
from tunewright.models.llama.lows import Lows


class Projection:
    """y [T, O] = x [T, C] W^T + b, over the weights of one or several linear modules."""

    def __init__(self, modules: Sequence[Any], *, index: int = 0) -> None:
        self.index = index
        """4 x layer + place."""
        self.modules = tuple(module.base_layer if hasattr(module, "lora_A") else module for module in modules)
        self.plain = all(type(module) is nn.Linear for module in self.modules)
        self.widths = tuple(module.out_features for module in self.modules)
        self.kernels: Kernels | None = None
        """Compute products of few rows, where no history is kept."""
        self._weight: Tensor | None = None
        self._bias: Tensor | None = None

    @property
    def has_bias(self) -> bool:
        """True when any of the maps adds a bias."""
        return any(module.bias is not None for module in self.modules)

    def refresh(self) -> None:
        """See weights that were moved or replaced since the last call; values changed in place need none."""
        if not self.plain:
            return
        weights = [module.weight for module in self.modules]
        with torch.no_grad():
            if self._weight is None or not _lies_in(self._weight, weights):
                self._weight = _joined(weights)
            biases = [module.bias for module in self.modules if module.bias is not None]
            if not biases:
                self._bias = None
            elif len(biases) < len(self.modules):
                parts = zip(self.modules, self.widths, strict=True)
                self._bias = torch.cat(
                    [m.bias.data if m.bias is not None else weights[0].new_zeros(wide) for m, wide in parts]
                )
            elif self._bias is None or not _lies_in(self._bias, biases):
                self._bias = _joined(biases)

    def weight(self) -> Tensor:
        """W [O, C]; a fresh tensor with a history where its gradient is wanted."""
        parts = [module.weight for module in self.modules]
        if torch.is_grad_enabled() and any(part.requires_grad for part in parts):
            return torch.cat(parts) if len(parts) > 1 else parts[0]
        assert self._weight is not None, "refresh comes first"
        return self._weight

    def bias(self) -> Tensor | None:
        """b [O] or None."""
        parts = [module.bias for module in self.modules]
        if not self.has_bias:
            return None
        if not self.plain or (torch.is_grad_enabled() and any(p is not None and p.requires_grad for p in parts)):
            zeros = next(part for part in parts if part is not None).new_zeros
            return torch.cat(
                [zeros(wide) if part is None else part for part, wide in zip(parts, self.widths, strict=True)]
            )
        return self._bias

    @property
    def kernels_now(self) -> Kernels | None:
        """What may add what adapters change: kernels over plain weights, where no history is kept."""
        return self.kernels if self.plain and not torch.is_grad_enabled() else None

    def compiled(self, x: Tensor) -> bool:
        """True when kernels compute the product of x, and what adapters add to it."""
        kernels = self.kernels_now
        return kernels is not None and kernels.takes(x)

    def product(self, x: Tensor, *, added: tuple[Lows, Tensor] | None = None) -> Tensor:
        """x W^T + b; where kernels compute it, with what adapters add to each row."""
        if self.plain:
            return self._linear(x, self.bias(), added=added)
        found = [module(x) for module in self.modules]
        return torch.cat(found, -1) if len(found) > 1 else found[0]

    def bare_product(self, x: Tensor) -> Tensor:
        """x W^T."""
        if self.plain:
            return self._linear(x, None)
        found = [module(x) if module.bias is None else module(x) - module.bias for module in self.modules]
        return torch.cat(found, -1) if len(found) > 1 else found[0]

    def _linear(self, x: Tensor, bias: Tensor | None, *, added: tuple[Lows, Tensor] | None = None) -> Tensor:
        if self.kernels is not None and self.compiled(x):
            return self.kernels.product(self.kernels.fitting(x), self.weight(), bias_O=bias, added=added)
        return linear(x, self.weight(), bias)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """One tensor over all parts; each part becomes a view of it, where they are not neighbours already."""
    if len(parts) == 1:
        return parts[0].data
    whole = _neighbours(parts)
    if whole is None:
        whole = torch.cat([part.data for part in parts])
        at = 0
        for part in parts:
            part.data = whole[at : at + len(part)]
            at += len(part)
    return whole


def _neighbours(parts: Sequence[Tensor]) -> Tensor | None:
    """The tensor that the parts already lie in one behind another, None where they do not."""
    first = parts[0].data
    at = first.data_ptr()
    storage = first.untyped_storage().data_ptr()
    for part in parts:
        if part.data_ptr() != at or part.untyped_storage().data_ptr() != storage or not part.is_contiguous():
            return None
        at += part.numel() * part.element_size()
    rows = sum(map(len, parts))
    return first.as_strided((rows, *first.shape[1:]), first.stride())


def _lies_in(whole: Tensor, parts: Sequence[Tensor]) -> bool:
    """True when the parts are still the slices of `whole`."""
    return whole.data_ptr() == parts[0].data_ptr() and (len(parts) == 1 or _neighbours(parts) is not None)
