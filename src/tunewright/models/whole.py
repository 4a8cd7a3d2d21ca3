"""Methods that train the model's own weights save a whole model: what trained in float32, the rest as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tunewright.core.errors import UserError
from tunewright.models.tensors import read_weights, write_weights

TRAINED = "trained.json"
"""Names of the tensors that trained; the others are the base's."""


def refuse_quantised(model: Any) -> None:
    """Raise UserError for a base whose weights cannot take an update."""
    if getattr(model, "is_quantized", False):
        raise UserError(
            "quantised weights cannot take an update: a step is smaller than the distance of two of their values.",
            where="method",
            do="Choose method: lora, or weights in bf16 or fp32.",
        )


def whole(model: Any, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`weights` and every other tensor of the model, tied ones once, by the names that Transformers saves."""
    parameters = dict(model.named_parameters())
    every = dict(model.named_parameters(remove_duplicate=False))
    buffers = {name: tensor for name, tensor in model.state_dict().items() if name not in every}
    return {name: tensor.detach() for name, tensor in (parameters | buffers | dict(weights)).items()}


def save_whole(model: Any, weights: Mapping[str, Tensor], *, folder: Path) -> None:
    """A folder that Transformers loads: `model.safetensors` and its settings; and which tensors are `weights`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(folder / "model.safetensors", whole(model, weights))
    (folder / TRAINED).write_text(json.dumps({"trained": sorted(weights)}, indent=1) + "\n", encoding="utf-8")
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)


def read_trained(folder: Path) -> dict[str, Tensor]:
    """The weights that were given to `save_whole`."""
    found = read_weights(folder)
    names = json.loads((folder / TRAINED).read_text(encoding="utf-8"))["trained"]
    return {name: found[name] for name in names}


def load_whole(model: Any, folder: Path) -> Any:
    """The model with saved weights in place of its own, in the type it computes in."""
    own = model.state_dict()
    with torch.no_grad():
        for name, tensor in read_weights(folder).items():
            own[name].copy_(tensor)
    return model.eval()
