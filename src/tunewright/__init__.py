"""Tunewright fine-tunes large language models for organisations that must trust the result.

Importing gives the nouns only, and those when they are asked for; the Python API is `tunewright.api`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunewright.core.nouns import Comparison, DatasetVersion, Evaluation, ModelVersion, Receipt, Run

__version__ = "0.1.0"
__all__ = ["Comparison", "DatasetVersion", "Evaluation", "ModelVersion", "Receipt", "Run", "__version__"]


def __getattr__(name: str) -> Any:
    """A noun, loaded when first asked for: `--help` and `check` need none and stay quick."""
    if name not in __all__:
        raise AttributeError(f"module 'tunewright' has no attribute {name!r}")
    return getattr(import_module("tunewright.core.nouns"), name)
