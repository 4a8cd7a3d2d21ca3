"""The trained model without rounding: every weight in float32, quantised layers as the plain ones that products saw.

It is what every other form is held against. Shapes: O rows of W, I columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft.utils.integrations import dequantize_module_weight
from torch import Tensor, nn

from tunewright.core.nouns import Device, Numbers
from tunewright.models.eight_bits import weight_of
from tunewright.models.load import load
from tunewright.models.vocabulary import resize

MARKS = ("is_quantized", "is_loaded_in_4bit", "is_loaded_in_8bit")


def exact_base(path: Path, *, numbers: Numbers, device: Device, vocabulary_size: int, added: tuple[int, ...]) -> Any:
    """The base of a run, with room for its added tokens, in the numbers it was trained in; then widened to float32.

    Widening changes no value: over NF4 or int8 the weights are those that an adapter trained on.
    """
    model = load(path, numbers=numbers, device=device)
    resize(model, vocabulary_size, added=added)
    return widened(model)


def widened(model: Any) -> Any:
    """The same model with every weight in float32 and no quantised layer, in place."""
    dtype = model.dtype
    for name, module in list(model.named_modules()):
        if _is_quantised(module):
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, _plain(module, dtype))
    for mark in MARKS:
        if getattr(model, mark, False):
            setattr(model, mark, False)
    vars(model.config).pop("quantization_config", None)
    vars(model).pop("hf_quantizer", None)
    return model.float().eval()


def _is_quantised(module: nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    return getattr(weight, "quant_state", None) is not None or getattr(weight, "SCB", None) is not None


def _plain(layer: Any, dtype: torch.dtype) -> nn.Linear:
    weight_OI = seen_weight(layer, dtype).float()
    plain = nn.Linear(weight_OI.shape[1], weight_OI.shape[0], bias=layer.bias is not None, device=weight_OI.device)
    with torch.no_grad():
        plain.weight.copy_(weight_OI)
        if layer.bias is not None:
            plain.bias.copy_(layer.bias.detach().float())
    plain.requires_grad_(False)
    return plain


def seen_weight(layer: Any, dtype: torch.dtype) -> Tensor:
    """The weight [O, I] that a quantised layer multiplies with, in the type of the products."""
    if getattr(layer.weight, "SCB", None) is not None:
        return weight_of(layer, dtype)
    return dequantize_module_weight(layer).detach().to(dtype)
