"""A folder that plain Transformers loads: weights, settings, tokenizer, chat template, and what ends an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tunewright.models.tensors import write_weights
from tunewright.models.whole import whole
from tunewright.text.chat import ChatFormat

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def plain_weights(model: Any, dtype: torch.dtype) -> dict[str, Tensor]:
    """Every tensor of a plain model by the names that Transformers saves, tied ones once, each rounded once."""
    found = whole(model, {})
    return {name: each.to(dtype) if each.dtype.is_floating_point else each for name, each in found.items()}


def write_folder(model: Any, weights: dict[str, Tensor], *, chat: ChatFormat, folder: Path) -> None:
    """Write `model.safetensors` with `weights`, which may be of another number format than the model's own."""
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(folder / "model.safetensors", weights)
    write_settings(model, next(iter(weights.values())).dtype, folder=folder)
    chat.save(folder)


def write_settings(model: Any, dtype: torch.dtype, *, folder: Path) -> None:
    """`config.json` and `generation_config.json`; number format and size of the vocabulary are those of the weights."""
    config = model.config
    before = config.dtype
    config.dtype = dtype
    config.save_pretrained(folder)
    config.dtype = before
    model.generation_config.save_pretrained(folder)
