"""Tunewright fine-tunes large language models for organisations that must trust the result.

Importing gives the nouns only; the Python API is `tunewright.api`.
"""

from tunewright.core.nouns import (
    Comparison,
    DatasetVersion,
    Evaluation,
    ModelVersion,
    Receipt,
    Run,
)

__version__ = "0.1.0"
__all__ = ["Comparison", "DatasetVersion", "Evaluation", "ModelVersion", "Receipt", "Run", "__version__"]
