"""Number formats in tests."""

from __future__ import annotations

from typing import Any

from tunewright.core.nouns import Numbers


def plain(name: Any) -> Numbers:
    """Weights and products of one type."""
    return Numbers(weights=name, products=name, double_quantisation=False)
