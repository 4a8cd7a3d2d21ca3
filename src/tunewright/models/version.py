"""A ModelVersion on disk: named by the digest of its trained weights, immutable, readable without Tunewright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from torch import Tensor

from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.nouns import ModelVersion
from tunewright.core.workspace import Workspace, new_folder, write_text
from tunewright.models.heads import FOLDER as HEAD_FOLDER
from tunewright.models.tensors import read_weights, weights_digest

RECORD = "version.json"
GGUF = "model.gguf"


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


def check_trained_over(folder: Path, base_digest: str | None) -> None:
    """Raise UserError when the record of an adapter's folder names another base; None, or no record: not known."""
    if base_digest is None or not (folder / RECORD).is_file():
        return
    try:
        theirs = read_model_version(folder).base_digest
    except ValidationError as error:
        what = "this adapter is refused: its record cannot be read."
        raise UserError(what, where=str(folder / RECORD), do="Copy the folder again.") from error
    if theirs != base_digest:
        raise UserError(
            "this adapter is refused: it was trained over another base model "
            f"({theirs[:12]}, and here is {base_digest[:12]}).",
            where=str(folder),
            do="Load it over the base that its record names.",
        )


def adopt_model_version(workspace: Workspace, facts: Mapping[str, Any], *, folder: Path) -> ModelVersion:
    """Take a folder that was written in full, below the same home, as `models/<name>/`; it is gone afterwards.

    `facts` are the fields of ModelVersion but its name, which is the digest of the folder's weights.
    """
    version = ModelVersion(name=content_digest(folder), **facts)
    target = workspace.models / version.name
    if is_whole(target):
        shutil.rmtree(folder)
        return version
    write_text(folder / RECORD, version.model_dump_json(indent=1) + "\n")
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(target)
    return version


def is_export(folder: Path) -> bool:
    """True for a folder that holds a form made from another model."""
    try:
        return bool(read_model_version(folder).form)
    except (OSError, ValidationError):
        return False


def content_digest(folder: Path) -> str:
    """Digest of a folder's weights: of its tensors, a head's among them, or of the bytes of its GGUF file."""
    gguf = folder / GGUF
    if gguf.is_file():
        return digest.of_file(gguf)
    return weights_digest(read_weights(folder) | read_weights(folder / HEAD_FOLDER))


def is_whole(folder: Path) -> bool:
    """True when a model's folder holds its record and the very weights that it is named by."""
    try:
        return (folder / RECORD).exists() and content_digest(folder) == folder.name
    except (OSError, SafetensorError):
        return False
