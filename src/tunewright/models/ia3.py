"""PEFT's (IA)3 layers as they must be for training: factors in float32, one pass for every kind of weights."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from peft.tuners.ia3 import IA3Layer
from peft.tuners.ia3.layer import Linear
from torch import Tensor

from tunewright.core.errors import UserError
from tunewright.models.targets import LINEAR

FAMILIES = (
    ("k_proj", "v_proj", "down_proj"),
    ("k_proj", "v_proj", "fc2"),
    ("k_proj", "v_proj", "w2"),
    ("qkv_proj", "down_proj"),
    ("query_key_value", "dense_4h_to_h"),
    ("c_attn", "mlp.c_proj"),
)
"""Keys, values and last the second matrix of the MLP, as families call them. Where one matrix makes queries as well,
those are scaled, too, as PEFT does."""


def paper_targets(model: Any) -> list[str]:
    """What the paper scales, by this model's names. Raises UserError for a family that is not known."""
    linear = [name for name, module in model.named_modules() if isinstance(module, LINEAR)]
    for names in FAMILIES:
        if all(any(name.endswith(f".{wanted}") for name in linear) for wanted in names):
            return list(names)
    raise UserError(
        f"keys, values and the MLP of the architecture {model.config.model_type} are not known by name.",
        where="method.targets",
        do="Name the layers in targets, and those whose inputs are scaled in feedforward.",
    )


def layers_of(model: Any) -> dict[str, Any]:
    """PEFT's (IA)3 layers by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, IA3Layer)}


def whole_factors(model: Any) -> None:
    """Keep factors in float32 (PEFT moves them to the type of the weights) and let quantised layers compute plainly.

    Around 1 the steps of bf16 are 0.4 and 0.8 %, no less than what is learnt. PEFT's own pass over quantised weights
    gives float32 where the model computes in bf16, which attention refuses.
    """
    for layer in layers_of(model).values():
        weight = layer.get_base_layer().weight
        for factor in layer.ia3_l.values():
            factor.data = factor.data.to(torch.float64 if weight.dtype == torch.float64 else torch.float32)
        if not isinstance(layer, Linear):
            layer.forward = partial(_forward, layer)


def _forward(layer: Any, x: Tensor) -> Tensor:
    """As PEFT's layer over plain weights."""
    factors = [layer.ia3_l[name].flatten() for name in layer.active_adapters if name in layer.ia3_l]
    if layer.disable_adapters or not factors:
        return layer.base_layer(x)
    factor = torch.stack(factors).prod(0) if len(factors) > 1 else factors[0]
    if layer.is_feedforward:
        return layer.base_layer((x * factor).to(x.dtype))
    out = layer.base_layer(x)
    return (out * factor).to(out.dtype)
