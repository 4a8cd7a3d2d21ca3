"""Full fine-tuning: every weight trains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tunewright.models.dropout import silence
from tunewright.models.tensors import read_weights, write_weights
from tunewright.recipe.options.methods.full import Options


class Work:
    """Nothing is added; everything trains."""

    adapts = False
    learning_rate = 2e-5
    """Taori et al., 2023 (Stanford Alpaca), for full fine-tuning."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def attach(self, model: Any, *, seed: int) -> Any:
        """The same model with gradients on; there is no random start, so `seed` changes nothing."""
        del seed
        silence(model)
        return model.requires_grad_(True)

    def trainable(self, model: Any) -> dict[str, nn.Parameter]:
        """Every parameter once; tied weights stand under their first name."""
        return dict(model.named_parameters())

    def rates(self, model: Any) -> dict[str, float]:
        """All trains at the same rate."""
        del model
        return {}

    def content(self, model: Any, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The masters are what is saved."""
        del model
        return dict(weights)

    def read(self, folder: Path) -> dict[str, Tensor]:
        """The masters of a saved folder."""
        return read_weights(folder)

    def save(self, model: Any, weights: Mapping[str, Tensor], folder: Path) -> None:
        """A folder that Transformers loads: `model.safetensors` in float32 and `config.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        write_weights(folder / "model.safetensors", weights)
        model.config.save_pretrained(folder)
        model.generation_config.save_pretrained(folder)

    def load(self, model: Any, folder: Path) -> Any:
        """The model with the saved weights in place of its own, in the type it computes in."""
        with torch.no_grad():
            parameters = dict(model.named_parameters())
            for name, tensor in read_weights(folder).items():
                parameters[name].copy_(tensor)
        return model.eval()
