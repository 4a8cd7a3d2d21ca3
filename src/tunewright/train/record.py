"""The Run as a record, folded from the events that stand."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tunewright.core.errors import UserError
from tunewright.core.events import AnyEvent, GuardActed, RunResumed, StepDone, StoppedEarly, Validated
from tunewright.core.nouns import ModelVersion, Run
from tunewright.train.inputs import TrainInputs
from tunewright.train.world import World

LAST_STEPS = 10


def record(
    inputs: TrainInputs, version: ModelVersion, *, history: Sequence[AnyEvent], world: World, peak_bytes: int
) -> Run:
    """What happened, as numbers. Raises UserError when the events are gone."""
    steps = [event for event in history if isinstance(event, StepDone)]
    if not steps:
        raise UserError(
            "the run's events are gone, so nobody can say what happened.",
            where=str(inputs.recipe_file),
            do="Remove the run's folder in the workspace and train again.",
        )
    last = steps[-LAST_STEPS:]
    train_s = sum(step.seconds for step in steps)
    return Run(
        name=version.name,
        key=inputs.key,
        parents=(inputs.version.name, inputs.base.digest),
        made_at=inputs.made_at,
        recipe=inputs.recipe.model_dump(mode="json"),
        recipe_file=inputs.recipe_file,
        used=inputs.settings.used() | {"threads": torch.get_num_threads(), "processes": world.size},
        model=version,
        dataset=inputs.version.name,
        steps=len(steps),
        loss=sum(step.loss for step in last) / len(last),
        validation_loss=_validation_loss(inputs, history),
        tokens=sum(step.tokens for step in steps),
        trained_tokens=sum(step.trained_tokens for step in steps),
        tokens_per_s=sum(step.tokens for step in steps) / train_s,
        train_s=train_s,
        peak_memory_bytes=peak_bytes,
        resumed=sum(isinstance(event, RunResumed) for event in history) - _went_back(history),
        guard_decisions=sum(isinstance(event, GuardActed) for event in history),
        stopped_early_at=next((event.step for event in history if isinstance(event, StoppedEarly)), None),
    )


def _went_back(history: Sequence[AnyEvent]) -> int:
    """Resumes that were the guard's doing."""
    return sum(isinstance(event, GuardActed) and event.back_to is not None for event in history)


def _validation_loss(inputs: TrainInputs, history: Sequence[AnyEvent]) -> float | None:
    """That of the weights which became the model: the last, or the lowest where the best are kept."""
    losses = [event.loss for event in history if isinstance(event, Validated)]
    if not losses:
        return None
    return min(losses) if inputs.recipe.training.early_stopping.keep == "best" else losses[-1]
