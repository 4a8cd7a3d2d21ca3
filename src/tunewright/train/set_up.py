"""From inputs to a bench: the model loaded, attached and checked, masters, optimiser and data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tunewright.core import digest
from tunewright.core.events import Emit, silent
from tunewright.core.ports import Encoded, Measures, Objective
from tunewright.models.forward import causal_lm, prepare_for_packing, without_virtual
from tunewright.models.heads import WithHead
from tunewright.models.load import load
from tunewright.models.start import start_digest, start_weights
from tunewright.models.vocabulary import resize
from tunewright.train.anchoring import anchor_of
from tunewright.train.batches import check_longest
from tunewright.train.bench import Bench
from tunewright.train.examples import Examples
from tunewright.train.inputs import TrainInputs
from tunewright.train.masters import Masters
from tunewright.train.measured import measure, stored
from tunewright.train.parts import TrainParts
from tunewright.train.targets import targets_of
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


def set_up(inputs: TrainInputs, parts: TrainParts, *, world: World, emit: Emit = silent) -> Bench:
    """Everything that the loop works on, at its start. Raises UserError when something does not fit."""
    names = [name for name in ("train", "validation") if inputs.version.receipt.splits.get(name, 0)]
    splits = {name: _examples(inputs, parts, name) for name in names}
    for each in splits.values():
        check_longest(int(each.lengths.max()), budget_tokens=inputs.settings.micro_batch_tokens)
    model = model_of(inputs, parts, example=splits["train"].encoded(0))
    masters = Masters(parts.method.trainable(model))
    measuring = Measuring(inputs, parts.objective, splits, world, emit)
    if inputs.teacher is not None:
        measuring.by("teacher", inputs.teacher)
    measuring.by("base", lambda: model)
    if inputs.start is not None:
        weights = start_weights(parts.method, model, folder=inputs.start, base_digest=inputs.base.digest)
        masters.load(weights)
    measuring.by("start", lambda: model)
    train, validation = splits["train"], splits.get("validation")
    optimiser = parts.optimiser.build(
        masters.weights, learning_rate=inputs.settings.learning_rate, rates=parts.method.rates(model)
    )
    anchor = anchor_of(inputs, model, masters=masters, world=world, emit=emit)
    return Bench(model, masters, optimiser, parts, train, validation, world, anchor)


def _examples(inputs: TrainInputs, parts: TrainParts, name: str) -> Examples:
    """A split as the objective sees it."""
    split = inputs.dataset.split(name)
    targets = targets_of(split, parts.method.outputs) if isinstance(parts.method, WithHead) else None
    return Examples(split, parts.objective, targets=targets)


@dataclass(frozen=True)
class Measuring:
    """Gives examples what the objective measures of them before training, by a file where that was done before."""

    inputs: TrainInputs
    objective: Objective
    splits: Mapping[str, Examples]
    world: World
    emit: Emit

    def by(self, name: Literal["start", "base", "teacher"], model: Callable[[], Any]) -> None:
        """Measure with a model where the objective wants it measured by that one; one rank does, the others wait."""
        objective = self.objective
        if not isinstance(objective, Measures) or objective.measured_by != name:
            return
        for split, examples in self.splits.items():
            path = self._path(objective, name, split=split)
            found = stored(path, examples=len(examples))
            if found is None and self.world.first:
                asked = model()
                with without_virtual(asked) if name == "base" else nullcontext():
                    measure(objective, asked, examples=examples, path=path, emit=self.emit)
            self.world.wait()
            examples.measured = stored(path, examples=len(examples))

    def _path(self, objective: Measures, name: str, *, split: str) -> Path:
        inputs = self.inputs
        start = start_digest(inputs.start) if inputs.start is not None and name == "start" else ""
        facts = [
            [inputs.recipe.objective.type, inputs.recipe.objective.version, inputs.recipe.objective.loss_on],
            dict(objective.measured_with),
            [inputs.recipe.method.model_dump(mode="json"), inputs.recipe.training.seed] if name == "start" else "",
            inputs.teacher_digest if name == "teacher" else inputs.base.digest,
            start,
            inputs.version.name,
            split,
            inputs.settings.numbers.model_dump(mode="json"),
        ]
        return inputs.cache / "reference" / f"{digest.short(digest.of_json(facts))}.safetensors"
