"""What a run uses on this machine: every `auto` resolved before the run gets its key."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from tunewright.core import digest
from tunewright.core.nouns import DatasetVersion, Device, Numbers
from tunewright.models.load import resolve_device, resolve_numbers
from tunewright.recipe.recipe import Recipe
from tunewright.recipe.training import TrainingOptions
from tunewright.train.batches import Kind, Order
from tunewright.train.parts import TrainParts

VERSION = 2
"""Raised when the loop changes what it computes, so that old runs are not taken for new ones."""
WITHOUT_EFFECT = frozenset({"checkpoint_every", "checkpoints", "evaluate_every", "sample_every", "validation_rows"})
"""Keys that change what is seen or kept, never the weights: a run goes on when they change."""
DECIDING = frozenset({"evaluate_every", "validation_rows"})
"""Those of them that decide the weights after all where validation decides which step is kept."""
ORDERS: dict[str, Kind] = {"shuffled": "first_as_given", "as_given": "as_given"}
"""What the step `order` says of later passes."""
RESOLVED = frozenset({"learning_rate", "epochs", "max_steps", "batch_size", "micro_batch_tokens", "schedule"})
SMALLEST_BATCH, LARGEST_BATCH = 8, 64
"""Bounds of `batch_size: auto`: below 8 updates are noisy, above 64 LoRA loses (Schulman, 2025)."""


class Settings(NamedTuple):
    """Resolved values. Threads and ranks are stored with the run and told on resume, they are not part of the key."""

    numbers: Numbers
    device: Device
    learning_rate: float
    total_steps: int
    evaluate_every: int
    sample_every: int
    micro_batch_tokens: int
    order: Order

    def used(self) -> dict[str, str | int | float]:
        """What the record keeps beside what was asked."""
        double = {"double_quantisation": int(self.numbers.double_quantisation)} if self.numbers.weights == "nf4" else {}
        return {
            "weights": self.numbers.weights,
            "precision": self.numbers.products,
            **double,
            "device": self.device,
            "learning_rate": self.learning_rate,
            "total_steps": self.total_steps,
            "steps_per_epoch": self.order.steps_per_epoch,
            "batch_size": self.order.batch_size,
            "micro_batch_tokens": self.micro_batch_tokens,
            **({"order": self.order.kind} if self.order.kind != "shuffled" else {}),
        }


def asks_for_measuring(recipe: Recipe) -> bool:
    """True when the size of a pass is to be measured before the run can be named."""
    return "auto" in (recipe.training.batch_size, recipe.training.micro_batch_tokens)


def numbers_of(recipe: Recipe) -> Numbers:
    """The number formats that a recipe means on this machine."""
    model = recipe.model
    return resolve_numbers(model.weights, model.precision, double_quantisation=model.double_quantisation)


def resolve_settings(
    recipe: Recipe, parts: TrainParts, *, dataset: DatasetVersion, measured_tokens: int | None = None
) -> Settings:
    """Resolve everything that is `auto` in a recipe for this machine and this data.

    `measured_tokens`: the size of a pass that was measured; needed where `asks_for_measuring`.
    """
    training = recipe.training
    budget = training.micro_batch_tokens
    if budget == "auto":
        assert measured_tokens is not None, "the flow measures before it resolves"
        budget = measured_tokens
    batch_size = _batch_size(training, dataset, budget=budget)
    order = Order(dataset.receipt.splits["train"], batch_size, training.seed, order_of(recipe))
    total = order.total_steps(epochs=training.epochs, max_steps=training.max_steps)
    rate = training.learning_rate
    evaluate_every = training.evaluate_every or max(1, total // 10)
    return Settings(
        numbers=numbers_of(recipe),
        device=resolve_device(recipe.model.device),
        learning_rate=parts.method.learning_rate * parts.optimiser.learning_rate_factor if rate == "auto" else rate,
        total_steps=total,
        evaluate_every=evaluate_every,
        sample_every=training.sample_every or evaluate_every,
        micro_batch_tokens=budget,
        order=order,
    )


def order_of(recipe: Recipe) -> Kind:
    """Whether training keeps the order of the data set: where the last step that orders rows made one."""
    kind: Kind = "shuffled"
    for step in recipe.data.steps:
        if step.type == "relevance" and step.action == "rank":
            kind = "first_as_given"
        elif step.type == "order":
            kind = "shuffled" if step.by == "shuffled" else ORDERS[step.then]
    return kind


def _batch_size(training: TrainingOptions, dataset: DatasetVersion, *, budget: int) -> int:
    """As asked, or as many examples of the mean length as fill one pass, within bounds."""
    if training.batch_size != "auto":
        return training.batch_size
    receipt = dataset.receipt
    mean_tokens = receipt.tokens.kept / max(1, sum(receipt.splits.values()))
    return int(min(LARGEST_BATCH, max(SMALLEST_BATCH, budget // max(1.0, mean_tokens))))


def run_key(
    recipe: Recipe,
    settings: Settings,
    *,
    dataset: DatasetVersion,
    base_digest: str,
    more: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The key of a run: parents, options and versions; what has no effect on the weights is left out.

    `more`: digests of what else a run is made from (`start`, `teacher`, `general`); empty ones do not count.
    """
    return digest.of_json(
        {
            "loop": VERSION,
            "dataset": dataset.name,
            "base": base_digest,
            "chat": dataset.chat_digest,
            "method": recipe.method.model_dump(mode="json"),
            "objective": recipe.objective.model_dump(mode="json"),
            "schedule": _dumped(recipe.training.schedule),
            "training": effective(recipe.training),
            "used": settings.used(),
            **{name: value for name, value in more.items() if value},
        }
    )


def _dumped(part: Any) -> Any:
    return part if isinstance(part, str) else part.model_dump(mode="json")


def effective(training: TrainingOptions) -> dict[str, Any]:
    """The training options that decide the weights."""
    stopping = training.early_stopping
    decides = stopping.patience is not None or stopping.keep == "best"
    asked = training.model_dump(mode="json", exclude=set(WITHOUT_EFFECT - DECIDING if decides else WITHOUT_EFFECT))
    held = training.regularisation
    unused = RESOLVED if held.l2_to_start or held.ewc else RESOLVED | {"regularisation"}
    return {name: value for name, value in asked.items() if name not in unused}
