"""Weights in 8 bits for use: an integer a weight and a scale a row of W, as bitsandbytes and Transformers read them.

Rounding is to the nearest of 127 steps of the row's largest weight (Dettmers et al., 2022, arXiv 2208.07339, section
2.1, for weights alone). Vocabulary and norms stay bf16. Shapes: O rows of W, I columns.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tunewright.core.errors import UserError
from tunewright.models.eight_bits import LARGEST
from tunewright.models.export.plain import plain_weights, write_folder
from tunewright.text.chat import ChatFormat

SETTINGS = {"quant_method": "bitsandbytes", "load_in_8bit": True, "load_in_4bit": False, "llm_int8_threshold": 6.0}


def int8_weights(model: Any) -> dict[str, Tensor]:
    """Every tensor by name: `weight` int8 [O, I] with `SCB` float32 [O] for linear layers but the head, else bf16."""
    found = plain_weights(model, torch.bfloat16)
    head = model.get_output_embeddings()
    for name, module in model.named_modules():
        if not isinstance(module, nn.Linear) or module is head:
            continue
        integers_OI, scales_O = rounded(module.weight.detach().float())
        found[f"{name}.weight"] = integers_OI
        found[f"{name}.SCB"] = scales_O
        found[f"{name}.weight_format"] = torch.tensor(0, dtype=torch.uint8)  # 0: rows one after another
    if not any(name.endswith(".SCB") for name in found):
        raise UserError("this model has no linear layers to hold in 8 bits.", where="--form", do="Use --form merged.")
    return found


def rounded(weight_OI: Tensor) -> tuple[Tensor, Tensor]:
    """The integers [O, I] and each row's largest weight [O]; a row of zeros stays one."""
    scales_O = weight_OI.abs().amax(1)
    steps_OI = weight_OI * (LARGEST / scales_O.clamp_min(torch.finfo(torch.float32).tiny))[:, None]
    return steps_OI.round().to(torch.int8), scales_O


def write_int8(model: Any, weights: dict[str, Tensor], *, chat: ChatFormat, folder: Path) -> None:
    """The folder, with `quantization_config` in its `config.json`."""
    write_folder(model, weights, chat=chat, folder=folder)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config |= {"dtype": "bfloat16", "quantization_config": SETTINGS}
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
