"""A ModelVersion on disk: named by the digest of its trained weights, immutable, readable without Tunewright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor

from tunewright.core.nouns import ModelVersion
from tunewright.core.workspace import Workspace, new_folder, write_text
from tunewright.models.tensors import read_weights, weights_digest

RECORD = "version.json"


def write_model_version(
    workspace: Workspace, facts: Mapping[str, Any], *, weights: Mapping[str, Tensor], write: Callable[[Path], None]
) -> ModelVersion:
    """Write `models/<name>/` unless it is there, whole. `facts` are the fields of ModelVersion but its name."""
    version = ModelVersion(name=weights_digest(weights), **facts)
    folder = workspace.models / version.name
    if not is_whole(folder):
        shutil.rmtree(folder, ignore_errors=True)  # what a damaged disk or a careless hand left of it
        with new_folder(folder) as temporary:
            write(temporary)
            write_text(temporary / RECORD, version.model_dump_json(indent=1) + "\n")
    return version


def read_model_version(folder: Path) -> ModelVersion:
    """The record of a model folder. Raises FileNotFoundError where there is none."""
    return ModelVersion.model_validate_json((folder / RECORD).read_text(encoding="utf-8"))


def is_whole(folder: Path) -> bool:
    """True when a model's folder holds its record and the very weights that it is named by."""
    try:
        return (folder / RECORD).exists() and weights_digest(read_weights(folder)) == folder.name
    except (OSError, SafetensorError):
        return False
