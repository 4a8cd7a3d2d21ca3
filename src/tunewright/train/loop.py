"""The one training loop. It knows no method and no objective; every loss is a sum divided once by its own count.

It reads: `for each step: pack, add up gradients, update, tell`. What changes bits (order, rate, masks) is a function of
the step and the seed, so a run that goes on from a checkpoint computes what the unbroken run would have.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tunewright.core.errors import Stopped, UserError
from tunewright.core.events import Emit, StepDone, Validated
from tunewright.core.ports import Encoded
from tunewright.data.dataset import Split
from tunewright.models.forward import pack
from tunewright.recipe.recipe import TrainingOptions
from tunewright.train.batches import micro_batches
from tunewright.train.checkpoints import CheckpointStore
from tunewright.train.masters import Masters
from tunewright.train.meter import Meter, resident_bytes
from tunewright.train.settings import Settings, TrainParts
from tunewright.train.stop import StopSwitch


@dataclass(frozen=True)
class Bench:
    """What the loop works on: the model with its masters, the update rule and the data."""

    model: Any
    masters: Masters
    optimiser: Any
    parts: TrainParts
    train: Split
    validation: Split | None


@dataclass(frozen=True)
class Hooks:
    """What the loop calls at set steps: saving, sampling, telling."""

    store: CheckpointStore
    write_model: Callable[[Path], None]
    sample: Callable[[int], None]
    emit: Emit


class Loop:
    """Runs steps from where it stands to the end."""

    def __init__(self, bench: Bench, hooks: Hooks, *, options: TrainingOptions, settings: Settings) -> None:
        self.bench = bench
        self.hooks = hooks
        self.options = options
        self.settings = settings
        self.meter = Meter()

    def run(self, start: int, *, switch: StopSwitch) -> None:
        """Steps `start` + 1 to the last. Raises Stopped, with the state saved, when a signal asks for it."""
        total = self.settings.total_steps
        for step in range(start + 1, total + 1):
            self._step(step)
            last = step == total
            if last or step % self.settings.evaluate_every == 0:
                self._validate(step)
            if last or step % self.settings.sample_every == 0:
                self.hooks.sample(step)
            asked = switch.asked
            if last or step % self.options.checkpoint_every == 0 or asked:
                self._save(step)
            if asked and not last:
                raise Stopped(
                    f"stopped by {asked} after step {step} of {total}; the state is saved.",
                    do="Run the same command again to go on from here.",
                )

    def _save(self, step: int) -> None:
        self.hooks.store.save(step, write_model=self.hooks.write_model, optimiser=self.bench.optimiser)

    def _step(self, step: int) -> None:
        began = time.perf_counter()
        bench, rate = self.bench, self._rate(step)
        examples = [bench.train.encoded(int(row)) for row in self.settings.order.rows_of(step)]
        bench.model.train()
        loss = self._gradients(examples, epoch=self.settings.order.epoch_of(step))
        norm = bench.masters.gradient_norm()
        _check_finite("gradient norm", float(norm))
        if self.options.clip_norm is not None:
            bench.masters.clip(norm, limit=self.options.clip_norm)
        for group in bench.optimiser.param_groups:
            group["lr"] = rate
        bench.optimiser.step()
        bench.masters.clear()
        bench.masters.publish()
        self._tell(step, examples, loss=loss, norm=float(norm), seconds=time.perf_counter() - began)

    def _gradients(self, examples: Sequence[Encoded], *, epoch: int) -> float:
        """Add the gradients of a step up in the masters; returns the step's loss."""
        counts = self.bench.parts.objective.counts(examples)
        lengths = np.array([len(example.tokens) for example in examples])
        total = 0.0
        for rows in micro_batches(np.arange(len(examples)), lengths, budget_tokens=self.options.micro_batch_tokens):
            batch = pack([examples[row] for row in rows], seed=self._dropout_seed(epoch), device=self.device)
            terms = self.bench.parts.objective.terms(self.bench.model, batch)
            parts = [term.coefficient * term.sum / counts[name] for name, term in terms.items()]
            loss = torch.stack(parts).sum()
            loss.backward()
            total += float(loss.detach())
        _check_finite("loss", total)
        return total

    def _validate(self, step: int) -> None:
        """Loss and token accuracy on the validation rows, in packs of the training size."""
        split = self.bench.validation
        if split is None or not len(split):
            return
        rows = np.arange(min(len(split), self.options.validation_rows))
        examples = [split.encoded(int(row)) for row in rows]
        counts = self.bench.parts.objective.counts(examples)
        self.bench.model.eval()
        loss = right = 0.0
        with torch.no_grad():
            for pack_rows in micro_batches(
                rows, split.lengths[: len(rows)], budget_tokens=self.options.micro_batch_tokens
            ):
                batch = pack([examples[row] for row in pack_rows], device=self.device)
                for name, term in self.bench.parts.objective.terms(self.bench.model, batch).items():
                    loss += term.coefficient * float(term.sum) / counts[name]
                    right += term.metrics.get("right", 0.0)
        _check_finite("validation loss", loss)
        trained = sum(counts.values())
        self.hooks.emit(Validated(step=step, loss=loss, token_accuracy=right / trained, tokens=round(trained)))

    def _tell(self, step: int, examples: Sequence[Encoded], *, loss: float, norm: float, seconds: float) -> None:
        tokens = sum(len(example.tokens) for example in examples)
        self.meter.add(tokens, seconds)
        total = self.settings.total_steps
        self.hooks.emit(
            StepDone(
                step=step,
                total_steps=total,
                epoch=step / self.settings.order.steps_per_epoch,
                loss=loss,
                learning_rate=self._rate(step),
                gradient_norm=norm,
                tokens=tokens,
                trained_tokens=sum(int((example.weights[1:] != 0).sum()) for example in examples),
                seconds=seconds,
                tokens_per_s=self.meter.tokens_per_s(),
                memory_bytes=resident_bytes(),
                left_s=self.meter.left_s(total - step),
            )
        )

    def _rate(self, step: int) -> float:
        return self.settings.learning_rate * self.bench.parts.schedule.factor(step, self.settings.total_steps)

    def _dropout_seed(self, epoch: int) -> int:
        return self.options.seed * 1009 + epoch

    @property
    def device(self) -> str:
        """Where the model lies."""
        return str(self.bench.model.device)


def _check_finite(what: str, value: float) -> None:
    """Stop before a number that is none reaches the weights or the event file."""
    if not np.isfinite(value):
        raise UserError(
            f"the {what} is {value}.", where="training.learning_rate", do="Lower it, or look at the rows of this step."
        )
