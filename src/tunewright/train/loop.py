"""The one training loop. It knows no method and no objective; every loss is a sum divided once by its own count.

It reads: `for each step: pack, add up gradients, update, tell`. What changes bits (order, rate, masks) is a function of
the step and the seed, and what the loop decides by itself (skipped batches, lowered rates, the best step) is in every
checkpoint; so a run that goes on from one computes what the unbroken run would have.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import LimitNotMet, Stopped
from tunewright.core.events import Emit, GuardActed, Note, RunResumed, StepDone, StoppedEarly, Validated
from tunewright.core.ports import Encoded
from tunewright.recipe.training import TrainingOptions
from tunewright.train.bench import Bench
from tunewright.train.best import BestStore
from tunewright.train.checkpoints import CheckpointStore, State
from tunewright.train.guard import Guard
from tunewright.train.meter import Meter, resident_bytes
from tunewright.train.passes import Passes
from tunewright.train.patience import Patience
from tunewright.train.settings import Settings
from tunewright.train.stop import StopSwitch

NAMED_ROWS = 20


@dataclass(frozen=True)
class Hooks:
    """What the loop calls at set steps: saving, sampling, telling. Ranks beside the first save and tell nothing."""

    store: CheckpointStore
    best: BestStore
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
        self.guard = Guard(options.guard)
        self.patience = Patience(options.early_stopping)
        self.passes = Passes(
            bench.model, bench.masters, bench.parts.objective, bench.world, settings.micro_batch_tokens, bench.anchor
        )
        self.ended = False

    def resume(self) -> int:
        """Stand where the newest checkpoint was made; returns its step, 0 when there is none. Raises KeyError."""
        world = self.bench.world
        if not world.first:
            world.wait()  # the first rank sets damaged ones aside, the others read what is left
        checkpoint = self.hooks.store.newest()
        if world.first:
            world.wait()
        if checkpoint is None:
            return 0
        self.bench.restore(checkpoint)
        self.guard.restore(checkpoint.course["guard"])
        self.patience.restore(checkpoint.course["patience"])
        self.ended = bool(checkpoint.course["ended"])
        return checkpoint.step

    def run(self, start: int, *, switch: StopSwitch) -> None:
        """Steps `start` + 1 to the last, or until nothing is gained any more.

        Raises Stopped, with the state saved, when a signal asks for it, LimitNotMet when the guard may act no more.
        """
        step, total = start, self.settings.total_steps
        if step == 0 and self.options.guard.action == "lower_rate":
            self._save(0)
        while step < total and not self.ended:
            step = self._step(step + 1)
            asked = self.bench.world.any(switch.asked is not None)
            if not (asked or self._due(step)):
                continue
            if not self.bench.masters.finite():
                step = self._back(step, "weights are NaN or infinite", loss=math.nan)
                continue
            self._look(step)
            last = self.ended or step == total
            if last or asked or step % self.options.checkpoint_every == 0:
                self._save(step)
            if asked and not last:
                raise Stopped(
                    f"stopped by {switch.asked or 'a signal'} after step {step} of {total}; the state is saved.",
                    do="Run the same command again to go on from here.",
                )

    def _due(self, step: int) -> bool:
        """True when something besides training happens after a step."""
        every = (self.settings.evaluate_every, self.settings.sample_every, self.options.checkpoint_every)
        return step == self.settings.total_steps or any(step % each == 0 for each in every)

    def _look(self, step: int) -> None:
        """Validate and sample where that is due."""
        last = step == self.settings.total_steps
        if last or step % self.settings.evaluate_every == 0:
            self._validate(step)
        if last or self.ended or step % self.settings.sample_every == 0:
            self._sample(step)

    def _step(self, step: int) -> int:
        """Take one step; returns the step where the run stands then, an earlier one when the guard went back."""
        began = time.perf_counter()
        bench, rows = self.bench, self.settings.order.rows_of(step)
        examples = [bench.train.encoded(int(row)) for row in rows]
        bench.model.train()
        loss = self.passes.gradients(examples, seed=self._dropout_seed(self.settings.order.epoch_of(step)))
        norm = bench.masters.gradient_norm()
        if why := self.guard.trouble(loss, float(norm)):
            return self._recover(step, why, loss=loss)
        rate = self._rate(step)
        if self.options.clip_norm is not None:
            bench.masters.clip(norm, limit=self.options.clip_norm)
        for group in bench.optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        bench.optimiser.step()
        bench.masters.clear()
        bench.masters.publish()
        self.guard.passed(loss)
        self._tell(step, examples, loss=loss, norm=float(norm), seconds=time.perf_counter() - began)
        return step

    def _recover(self, step: int, why: str, *, loss: float) -> int:
        """Leave the batch out, or go back and lower the rate. Raises LimitNotMet when the guard may not act."""
        self.bench.masters.clear()
        first_time = all(each.step != step for each in self.guard.decisions)
        if (self.options.guard.action == "lower_rate" and first_time) or not self.bench.masters.finite():
            return self._back(step, why, loss=loss)
        if not self.guard.may_act():
            raise self._given_up(step, why)
        self.guard.skipped(step, why)
        self._tell_guard(step, why, loss=loss, back_to=None)
        return step

    def _back(self, step: int, why: str, *, loss: float) -> int:
        """Stand at the newest checkpoint again, with a lower rate from there. Raises LimitNotMet when it may not."""
        if not self.guard.may_act():
            raise self._given_up(step, why)
        decisions, rate = self.guard.decisions, self.guard.rate
        back_to = self.resume()
        if back_to == 0 and not self.hooks.store.paths():
            raise self._given_up(step, f"{why}, and there is no checkpoint yet to go back to")
        self.guard.decisions = [each for each in decisions if each.step <= back_to or each.action == "lower_rate"]
        self.guard.rate = rate
        self.guard.lowered(step, why)
        self.hooks.emit(RunResumed(step=back_to))
        self._tell_guard(step, why, loss=loss, back_to=back_to)
        return back_to

    def _tell_guard(self, step: int, why: str, *, loss: float, back_to: int | None) -> None:
        self.hooks.emit(
            GuardActed(
                step=step,
                action=self.guard.decisions[-1].action,
                why=why,
                loss=loss if math.isfinite(loss) else None,
                back_to=back_to,
                number=len(self.guard.decisions),
                rows=self._names(step),
            )
        )

    def _given_up(self, step: int, why: str) -> LimitNotMet:
        acted = len(self.guard.decisions)
        before = f" The guard had acted {acted} times before." if acted else ""
        return LimitNotMet(
            f"at step {step} {why}.{before} Its rows: {', '.join(self._names(step))}.",
            where="training.guard",
            do="Look at these rows, or lower training.learning_rate.",
        )

    def _names(self, step: int) -> tuple[str, ...]:
        """Rows of a step as file:line, the first of them."""
        rows = self.settings.order.rows_of(step)
        found = [self.bench.train.row(int(row)) for row in rows[:NAMED_ROWS]]
        names = [f"{row.source}:{row.line}" for row in found]
        return (*names, f"and {len(rows) - NAMED_ROWS} more") if len(rows) > NAMED_ROWS else tuple(names)

    def _validate(self, step: int) -> None:
        """Loss and token accuracy on the validation rows; may end the run."""
        split = self.bench.validation
        if split is None or not len(split):
            return
        examples = split.first(self.options.validation_rows)
        self.bench.model.eval()
        with self.bench.for_use():
            loss, metrics = self.passes.scores(examples)
            if self.patience.validated(step, loss) and self._keeps_best and self.bench.world.first:
                self.hooks.best.save(step, self.hooks.write_model)
        if math.isfinite(loss):
            trained = sum(example.trained for example in examples)
            self.hooks.emit(Validated(step=step, loss=loss, metrics=metrics, tokens=trained))
        else:
            self.hooks.emit(Note(text=f"The validation loss after step {step} is {loss}; it counts as no gain."))
        if self.patience.spent:
            self.ended = True
            self.hooks.emit(
                StoppedEarly(step=step, best_step=self.patience.best_step, best_loss=self.patience.best_loss)
            )

    def _sample(self, step: int) -> None:
        if self.bench.world.first:
            with self.bench.for_use():
                self.hooks.sample(step)

    def _save(self, step: int) -> None:
        bench = self.bench
        bench.world.agree(bench.masters.total(), what="weights")
        if not bench.world.first:
            return
        optimiser = bench.optimiser.state_dict()
        with bench.for_use() as training:
            self.hooks.store.save(State(step, optimiser, self._course(), self.hooks.write_model, training))
        self.hooks.best.forget_but(self.patience.best_step)

    def _course(self) -> dict[str, Any]:
        """What the loop has decided so far, as plain numbers."""
        return {"guard": self.guard.state(), "patience": self.patience.state(), "ended": self.ended}

    @property
    def _keeps_best(self) -> bool:
        return self.options.early_stopping.keep == "best"

    def _tell(self, step: int, examples: Sequence[Encoded], *, loss: float, norm: float, seconds: float) -> None:
        tokens = sum(example.length for example in examples)
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
                trained_tokens=sum(example.trained for example in examples),
                seconds=seconds,
                tokens_per_s=self.meter.tokens_per_s(),
                memory_bytes=resident_bytes(),
                left_s=self.meter.left_s(total - step),
            )
        )

    def _rate(self, step: int) -> float:
        factor = self.bench.parts.schedule.factor(step, self.settings.total_steps)
        return self.settings.learning_rate * factor * self.guard.rate

    def _dropout_seed(self, epoch: int) -> int:
        return self.options.seed * 1009 + epoch
