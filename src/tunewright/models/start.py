"""Trained weights that training goes on from: an adapter, a model, a run or a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from tunewright.core.errors import UserError
from tunewright.core.workspace import Workspace
from tunewright.models.tensors import read_weights, weights_digest


def start_folder(path: str, *, folder: Path, workspace: Workspace) -> Path:
    """The folder with weights that `model.start_from` names, relative to `folder`."""
    del workspace
    return folder / path


def start_digest(folder: Path) -> str:
    """A digest of the weights, for the run's key."""
    return weights_digest(read_weights(folder))


def start_weights(method: Any, model: Any, *, folder: Path) -> dict[str, Tensor]:
    """Weights by trainable name. Raises UserError when they do not fit."""
    found, wanted = method.read(folder), method.trainable(model)
    if set(found) != set(wanted):
        raise UserError("these weights do not fit the method.", where=str(folder), do="Use the method of that folder.")
    return found
