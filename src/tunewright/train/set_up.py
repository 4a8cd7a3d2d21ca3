"""From inputs to a bench: the model loaded, attached and checked, masters, optimiser and data."""

from __future__ import annotations

from typing import Any

from tunewright.core.ports import Encoded
from tunewright.models.forward import causal_lm, prepare_for_packing
from tunewright.models.load import load
from tunewright.models.start import start_weights
from tunewright.models.vocabulary import resize
from tunewright.train.batches import check_longest
from tunewright.train.bench import Bench
from tunewright.train.inputs import TrainInputs
from tunewright.train.masters import Masters
from tunewright.train.parts import TrainParts
from tunewright.train.world import World


def model_of(inputs: TrainInputs, parts: TrainParts, *, example: Encoded) -> Any:
    """The base model with the method attached, ready for packed passes; `example` is what it is checked with.

    Raises UserError when the architecture or the method does not fit.
    """
    model: Any = load(inputs.base.path, numbers=inputs.settings.numbers, device=inputs.settings.device)
    resize(model, inputs.chat.vocabulary_size, added=tuple(inputs.chat.added_ids.values()))
    prepare_for_packing(model, example)
    model = parts.method.attach(model, seed=inputs.recipe.training.seed)
    if inputs.recipe.training.recompute == "layers":
        causal_lm(model).gradient_checkpointing_enable({"use_reentrant": False})
    return model


def set_up(inputs: TrainInputs, parts: TrainParts, *, world: World) -> Bench:
    """Everything that the loop works on, at its start. Raises UserError when something does not fit."""
    budget_tokens = inputs.settings.micro_batch_tokens
    train = inputs.dataset.split("train")
    has_validation = inputs.version.receipt.splits.get("validation", 0) > 0
    validation = inputs.dataset.split("validation") if has_validation else None
    for split in (train, validation):
        if split is not None:
            check_longest(int(split.lengths.max()), budget_tokens=budget_tokens)
    model = model_of(inputs, parts, example=train.encoded(0))
    masters = Masters(parts.method.trainable(model))
    if inputs.start is not None:
        weights = start_weights(parts.method, model, folder=inputs.start, base_digest=inputs.base.digest)
        masters.load(weights)
    optimiser = parts.optimiser.build(
        masters.weights, learning_rate=inputs.settings.learning_rate, rates=parts.method.rates(model)
    )
    return Bench(model, masters, optimiser, parts, train, validation, world)
