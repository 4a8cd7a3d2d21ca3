"""What a run uses on this machine: every `auto` resolved before the run gets its key."""

from __future__ import annotations

from typing import Any, NamedTuple

from tunewright.core import digest
from tunewright.core.nouns import DatasetVersion, Precision
from tunewright.core.ports import Method, Objective, Optimiser, Schedule
from tunewright.models.load import resolve_precision
from tunewright.recipe.recipe import Recipe, TrainingOptions
from tunewright.train.batches import Order

VERSION = 1
"""Raised when the loop changes what it computes, so that old runs are not taken for new ones."""
WITHOUT_EFFECT = {"checkpoint_every", "checkpoints", "evaluate_every", "sample_every", "validation_rows"}
"""Keys that change what is seen or kept, never the weights: a run goes on when they change."""


class TrainParts(NamedTuple):
    """The parts of a recipe that training needs, loaded by `app.resolve`."""

    method: Method
    objective: Objective
    optimiser: Optimiser
    schedule: Schedule


class Settings(NamedTuple):
    """Resolved values. `threads` is stored with the run and used again on resume, it is not part of the key."""

    precision: Precision
    learning_rate: float
    total_steps: int
    evaluate_every: int
    sample_every: int
    order: Order

    def used(self) -> dict[str, str | int | float]:
        """What the record keeps beside what was asked."""
        return {
            "precision": self.precision,
            "learning_rate": self.learning_rate,
            "total_steps": self.total_steps,
            "steps_per_epoch": self.order.steps_per_epoch,
        }


def resolve_settings(recipe: Recipe, parts: TrainParts, *, dataset: DatasetVersion) -> Settings:
    """Resolve everything that is `auto` in a recipe for this machine and this data."""
    training = recipe.training
    order = Order(dataset.receipt.splits["train"], training.batch_size, training.seed)
    total = order.total_steps(epochs=training.epochs, max_steps=training.max_steps)
    rate = training.learning_rate
    evaluate_every = training.evaluate_every or max(1, total // 10)
    return Settings(
        precision=resolve_precision(recipe.model.precision),
        learning_rate=parts.method.learning_rate if rate == "auto" else rate,
        total_steps=total,
        evaluate_every=evaluate_every,
        sample_every=training.sample_every or evaluate_every,
        order=order,
    )


def run_key(recipe: Recipe, settings: Settings, *, dataset: DatasetVersion, base_digest: str) -> str:
    """The key of a run: parents, options and versions; what has no effect on the weights is left out."""
    return digest.of_json(
        {
            "loop": VERSION,
            "dataset": dataset.name,
            "base": base_digest,
            "chat": dataset.chat_digest,
            "method": recipe.method.model_dump(mode="json"),
            "objective": recipe.objective.model_dump(mode="json"),
            "training": effective(recipe.training),
            "used": settings.used(),
        }
    )


def effective(training: TrainingOptions) -> dict[str, Any]:
    """The training options that decide the weights."""
    asked = training.model_dump(mode="json", exclude=WITHOUT_EFFECT)
    resolved = {"learning_rate", "epochs", "max_steps"}
    return {name: value for name, value in asked.items() if name not in resolved}
