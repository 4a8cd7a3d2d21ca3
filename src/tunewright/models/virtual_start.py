"""Random starts of the networks that make virtual tokens: as torch draws them, but each weight from its own name."""

from __future__ import annotations

import math

from torch import nn

from tunewright.models.drawn import draw_normal, draw_within


def draw_encoder(encoder: nn.Module, *, seed: int) -> None:
    """Draw every weight from `seed` and its name: embeddings normal, linear and LSTM layers uniform in their bounds."""
    for place, module in encoder.named_modules():
        for own, parameter in module.named_parameters(recurse=False):
            name = f"{place}.{own}"
            if isinstance(module, nn.Embedding):
                draw_normal(parameter, name, seed=seed)
            else:
                draw_within(parameter, name, seed=seed, bound=1 / math.sqrt(_inputs(module)))


def _inputs(module: nn.Module) -> int:
    """What torch takes for the number of inputs of a layer when it draws."""
    if isinstance(module, nn.LSTM):
        return module.hidden_size
    assert isinstance(module, nn.Linear), "the encoders have no other layers"
    return module.in_features
