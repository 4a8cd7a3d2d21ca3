"""Trained reward models as metrics: which run is meant, and how its model is opened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewright.app import resolve
from tunewright.app.loaded import base_of, models_of
from tunewright.app.project import Project, open_run
from tunewright.core.answers import AnsweredRow, NeedsReward, RewardModel
from tunewright.core.errors import UserError
from tunewright.core.events import Emit
from tunewright.core.language_model import HeadedModel
from tunewright.core.nouns import Run
from tunewright.core.ports import Message, RowProblem
from tunewright.core.workspace import Workspace
from tunewright.text.chat import ChatFormat
from tunewright.text.turns import Conversation

WHERE = "evaluate.scorers.reward.model"


@dataclass
class Rewards:
    """A reward model over answers, written as it was trained on them. What was read once is remembered."""

    chat: ChatFormat
    head: HeadedModel
    context_tokens: int | None = None
    known: dict[tuple[str, str], float] = field(default_factory=dict)

    def rewards(self, rows: Sequence[AnsweredRow]) -> NDArray[np.float64]:
        """One number a row, [N]; NaN for a conversation that cannot be written, or is longer than the model reads."""
        new = {(row.row.id, row.answer): row for row in rows if (row.row.id, row.answer) not in self.known}
        written = self.chat.encode_many([_conversation(row) for row in new.values()], loss_on="answers")
        tokens = {
            key: found[0].tolist()
            for key, found in zip(new, written, strict=True)
            if not isinstance(found, RowProblem) and len(found[0]) <= (self.context_tokens or len(found[0]))
        }
        self.known |= dict.fromkeys(new, float("nan"))
        self.known |= dict(zip(tokens, self.head.outputs(list(tokens.values()))[:, 0].tolist(), strict=True))
        return np.array([self.known[row.row.id, row.answer] for row in rows], dtype=np.float64)


def _conversation(row: AnsweredRow) -> Conversation:
    answer: Message = {"role": "assistant", "content": row.answer}
    return Conversation((*row.row.prompt, answer), row.row.tools)


def run_of(name: str, *, folder: Path, workspace: Workspace) -> tuple[Project, Run]:
    """The run that a name means: a folder relative to `folder`, or a model of the workspace.

    Raises UserError for an empty name, for what is no run, and for a run that trained no reward model.
    """
    if not name:
        raise UserError(
            "the metric reward needs a reward model.",
            where=WHERE,
            do="Name one: evaluate.scorers: [{type: reward, model: FOLDER}].",
        )
    path = folder / Path(name).expanduser()
    project, run = open_run(path if path.is_dir() else workspace.models / name)
    if resolve.head(project.recipe) != "reward":
        raise UserError(
            f"{name} was trained for {project.recipe.objective.type} and is no reward model.",
            where=WHERE,
            do="Name a run of objective: reward.",
        )
    return project, run


def names(given: Iterable[Any], *, folder: Path, workspace: Workspace) -> list[str]:
    """What the reward models that options name are filed under: their digests. Raises UserError as `run_of` does."""
    named = [options.model for options in given if options.type == "reward"]
    return [run_of(name, folder=folder, workspace=workspace)[1].name for name in named]


def bind(scorers: Iterable[Any], *, folder: Path, workspace: Workspace, emit: Emit) -> None:
    """Hand reward models to the scorers that ask one. Raises UserError where none is named or there."""

    def opened(name: str) -> RewardModel:
        project, run = run_of(name, folder=folder, workspace=workspace)
        base = base_of(project, emit)
        head = models_of(project, run, base=base).head
        assert head is not None, "`run_of` asked for one"
        return Rewards(base.chat, head, base.found.context_tokens)

    for scorer in scorers:
        if isinstance(scorer, NeedsReward):
            run_of(scorer.options.model, folder=folder, workspace=workspace)
            scorer.bind(opened)
