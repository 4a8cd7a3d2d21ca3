"""Random adapters in folders, as PEFT saves them, and the same ones computed by PEFT."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model

FORMS: dict[str, dict[str, Any]] = {
    "attention": {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]},
    "some": {"r": 3, "lora_alpha": 7, "target_modules": ["v_proj", "down_proj"]},
    "all": {"r": 8, "lora_alpha": 16, "target_modules": "all-linear", "use_rslora": True},
    "one layer": {"r": 2, "lora_alpha": 4, "target_modules": ["gate_proj"], "layers_to_transform": [1]},
    "dora": {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "use_dora": True},
    "dora in part": {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "up_proj"], "use_dora": True},
}


def peft_model(model: Any, form: str, *, seed: int = 1) -> Any:
    """A copy of a model with a random adapter that changes it visibly."""
    torch.manual_seed(seed)
    found = get_peft_model(deepcopy(model), LoraConfig(**FORMS[form]), autocast_adapter_dtype=False)
    with torch.no_grad():
        for name, parameter in found.named_parameters():
            if "lora_" in name:
                low = parameter.dim() == 2
                parameter.copy_(torch.randn_like(parameter) * 0.2 if low else parameter * (1 + 0.2 * parameter.cos()))
    return found.eval()


def saved(model: Any, form: str, folder: Path, *, seed: int = 1) -> Path:
    """The folder of a random adapter."""
    peft_model(model, form, seed=seed).save_pretrained(folder)
    return folder


def by_peft(model: Any, folder: Path) -> Any:
    """A copy of a model with the adapter of a folder, computed by PEFT."""
    return PeftModel.from_pretrained(deepcopy(model), folder, autocast_adapter_dtype=False).eval()
