"""PiSSA (Meng et al., 2024, arXiv 2404.02948): the adapter begins as the principal part of W, the base keeps the rest.

W = W_res + s B0 A0. What is saved is the plain adapter over the original W that gives the same function:
W_res + s B A = W + s (B A - B0 A0), which is one of rank 2 r. Shapes: O rows of W, I columns, R rank.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

START = "tunewright_pissa_start"
"""Attribute of the model: the A0 and B0 of every layer, float32, by trainable name."""


def split_base(model: Any, layers: Mapping[str, Any]) -> None:
    """Move the principal part of each layer's weight into its adapter; `layers` by the name before `.lora_A`.

    The rounding of A0 and B0 to the model's type is taken off the base, too, so nothing is lost but W_res's rounding.
    """
    start: dict[str, Tensor] = {}
    for name, layer in layers.items():
        weight = layer.get_base_layer().weight.detach()
        weight_OI = weight.T if layer.fan_in_fan_out else weight
        a_RI, b_OR = principal(weight_OI, layer.r["default"], scale=layer.scaling["default"])
        with torch.no_grad():
            for part, value in ((layer.lora_A, a_RI), (layer.lora_B, b_OR)):
                part["default"].weight.copy_(value)
            a_RI, b_OR = (part["default"].weight.detach().float() for part in (layer.lora_A, layer.lora_B))
            weight_OI.copy_(weight_OI.float() - layer.scaling["default"] * (b_OR @ a_RI))
        start[f"{name}.lora_A.weight"], start[f"{name}.lora_B.weight"] = a_RI.clone(), b_OR.clone()
    setattr(model, START, start)


def principal(weight_OI: Tensor, rank: int, *, scale: float) -> tuple[Tensor, Tensor]:
    """A0 [R, I] and B0 [O, R] with scale B0 A0 the best approximation of rank R (equations 2 and 3 of the paper)."""
    left_OK, values_K, right_KI = torch.linalg.svd(weight_OI.float(), full_matrices=False)
    root_R = (values_K[:rank] / scale).sqrt()
    left_OR, right_RI = left_OK[:, :rank], right_KI[:rank]
    missing = rank - len(root_R)  # a rank above the layer's own: the rest begins at nothing
    if missing > 0:
        left_OR = torch.nn.functional.pad(left_OR, (0, missing))
        right_RI = torch.nn.functional.pad(right_RI, (0, 0, 0, missing))
        root_R = torch.nn.functional.pad(root_R, (0, missing))
    return root_R[:, None] * right_RI, left_OR * root_R


def widen(weights: Mapping[str, Tensor], start: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Masters as an adapter of rank 2 R over the original base."""
    found = {name: tensor.detach() for name, tensor in weights.items()}
    for name, first in start.items():
        now = found[name]
        first = first.to(now.device)
        found[name] = torch.cat([now, first]) if ".lora_A." in name else torch.cat([now, -first], dim=1)
    return found


def narrow(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `widen`: the masters."""
    found = dict(weights)
    for name, tensor in weights.items():
        if ".lora_A." in name:
            found[name] = tensor[: len(tensor) // 2].contiguous()
        elif ".lora_B." in name:
            found[name] = tensor[:, : tensor.shape[1] // 2].contiguous()
    return found


def doubled_alpha(alpha: float, *, stabilised: bool) -> float:
    """Alpha that keeps the scale at twice the rank: alpha / r, or alpha / sqrt(r)."""
    return alpha * (math.sqrt(2) if stabilised else 2)
