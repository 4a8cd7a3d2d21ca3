"""Everything that training reads: parents, resolved settings and the key they give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core import digest
from tunewright.core.nouns import DatasetVersion
from tunewright.core.workspace import Workspace
from tunewright.data.dataset import Dataset
from tunewright.models.find import FoundModel
from tunewright.recipe.recipe import Recipe
from tunewright.text.chat import ChatFormat
from tunewright.train.settings import Settings


@dataclass(frozen=True)
class TrainInputs:
    """What a run is made from. `start`: a folder with trained weights to go on from; `cache`: for what is measured.

    `general`: rows that stand for what the model should keep. `teacher`: opens the model that an objective learns from;
    `teacher_digest`: of its weights.
    """

    recipe: Recipe
    recipe_file: str
    dataset: Dataset
    version: DatasetVersion
    base: FoundModel
    chat: ChatFormat
    settings: Settings
    key: str
    clock: Callable[[], float]
    made_at: str
    cache: Path
    start: Path | None = None
    general: Dataset | None = None
    teacher: Callable[[], Any] | None = None
    teacher_digest: str = ""


def run_folder(workspace: Workspace, key: str) -> Path:
    """Where a run keeps its events, checkpoints and report."""
    return workspace.runs / digest.short(key)
