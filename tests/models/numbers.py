"""Number formats in tests."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from tunewright.core.nouns import Numbers


def plain(name: Any) -> Numbers:
    """Weights and products of one type."""
    return Numbers(weights=name, products=name, double_quantisation=False)


def logits_of(language_model: Any, tokens: Tensor) -> Tensor:
    """Scores [1, T, V] of one row, whoever computes."""
    row = tokens[0].tolist()
    if language_model.forward.startswith("tunewright"):
        return language_model.shared.decoder.logits(language_model.hidden([row])[0])[None]
    return language_model.model(tokens).logits
