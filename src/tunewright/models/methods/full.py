"""Full fine-tuning: every weight trains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tunewright.models.dropout import silence
from tunewright.models.whole import load_whole, read_trained, refuse_quantised, save_whole, whole
from tunewright.recipe.options.methods.full import Options


class Work:
    """Nothing is added; everything trains."""

    adapts = False
    learning_rate = 2e-5
    """Taori et al., 2023 (Stanford Alpaca), for full fine-tuning."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def attach(self, model: Any, *, seed: int) -> Any:
        """The same model with gradients on; there is no random start, so `seed` changes nothing.

        Raises UserError for quantised weights.
        """
        del seed
        refuse_quantised(model)
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
        """The masters, and numbers that belong to the model and never train, where it has any."""
        return whole(model, weights)

    def save(self, model: Any, weights: Mapping[str, Tensor], folder: Path) -> None:
        """A folder that Transformers loads: `model.safetensors` in float32 and `config.json`."""
        save_whole(model, weights, folder=folder)

    def read(self, folder: Path) -> dict[str, Tensor]:
        """The masters of a saved folder."""
        return read_trained(folder)

    def load(self, model: Any, folder: Path) -> Any:
        """The model with the saved weights in place of its own, in the type it computes in."""
        return load_whole(model, folder)
