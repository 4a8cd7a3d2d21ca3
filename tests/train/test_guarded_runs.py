"""Runs in which a step goes wrong: what the guard does, what it says, and that a kill in the middle changes nothing."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.train.runs import Crash, history, losses, project_in
from tunewright.app import flow, resolve, training
from tunewright.app.loaded import base_of
from tunewright.app.project import Project
from tunewright.core.errors import LimitNotMet
from tunewright.core.events import Emit, Event, GuardActed, RunResumed, StepDone, StoppedEarly, Validated, silent
from tunewright.core.nouns import Run
from tunewright.core.ports import Term

MARK = "moss number 3"


class Poisoned:
    """Supervised fine-tuning whose loss is multiplied by `factor` in every pack that holds the tokens of a mark."""

    def __init__(self, plain: Any, marks: list[list[int]], factor: float) -> None:
        self.plain, self.marks, self.factor = plain, marks, factor
        self.counts = plain.counts

    def terms(self, model: Any, batch: Any) -> dict[str, Term]:
        """The terms of the plain objective, some of them gone wrong."""
        found = self.plain.terms(model, batch)
        tokens = " ".join(map(str, batch.tokens.tolist()))
        if any(" ".join(map(str, mark)) in tokens for mark in self.marks):
            return {name: dataclasses.replace(term, sum=term.sum * self.factor) for name, term in found.items()}
        return found


def train(project: Project, emit: Emit, *, factor: float, marks: tuple[str, ...] = (MARK,)) -> Run:
    """The flow's training with the poisoned objective in place of the plain one."""
    base = base_of(project, silent)
    planned = training.plan(project, flow.prepare(project, silent), base=base, emit=silent)
    bad = Poisoned(planned.parts.objective, [base.chat.encode_text(mark) for mark in marks], factor)
    return training.carry_out(
        dataclasses.replace(planned, parts=planned.parts._replace(objective=bad)), project, emit=emit
    )


def crash_when(told: Callable[[Event], bool]) -> Emit:
    def emit(event: Event) -> None:
        if told(event):
            raise Crash

    return emit


def acts(seen: list[Any]) -> list[GuardActed]:
    return [event for event in seen if isinstance(event, GuardActed)]


SKIP = "training.guard={action: skip}"
LOWER = "training.guard={action: lower_rate, spike: 3, window: 5}"
ALL = "data.split={validation: 0, test: 0}"


@pytest.mark.parametrize("factor", [math.nan, math.inf])
def test_a_batch_that_gives_no_number_is_left_out_and_named(recipe: Path, factor: float) -> None:
    project = project_in(recipe, "home", SKIP, ALL)
    run = train(project, silent, factor=factor)
    decisions = acts(history(project, run))
    assert [event.action for event in decisions] == ["skip"]
    assert run.guard_decisions == 1
    assert run.steps == 11
    row = 1 + ["blood", "fire", "rose", "grass", "leaf", "moss"].index("moss") * 7 + 3
    assert f"rows.jsonl:{row}" in decisions[0].rows
    assert decisions[0].loss is None
    assert all(math.isfinite(loss) for loss in losses(project, run))


@pytest.mark.parametrize("setting", [SKIP, LOWER])
@pytest.mark.parametrize("factor", [math.nan, 1000.0])
def test_a_kill_in_the_middle_of_a_recovery_changes_nothing(recipe: Path, setting: str, factor: float) -> None:
    sets = (setting, ALL, "training.guard.window=5", "training.guard.limit=20", "training.checkpoint_every=2")
    whole, broken = project_in(recipe, "whole", *sets), project_in(recipe, "broken", *sets)
    first = train(whole, silent, factor=factor)
    assert first.guard_decisions > 0
    crashes: list[Callable[[Event], bool]] = [
        lambda event: isinstance(event, GuardActed),
        lambda event: isinstance(event, GuardActed) and event.number == min(2, first.guard_decisions),
        lambda event: isinstance(event, StepDone) and event.step == 9,
        lambda event: isinstance(event, StepDone) and event.step == 11,
    ]
    for crash in crashes:
        try:
            again = train(broken, crash_when(crash), factor=factor)
        except Crash:
            continue
    again = train(broken, silent, factor=factor)
    assert again.name == first.name
    assert losses(broken, again) == losses(whole, first)
    assert again.guard_decisions == first.guard_decisions


def test_lowering_goes_back_to_the_last_checkpoint_and_halves_the_rate(recipe: Path) -> None:
    sets = (ALL, "training.guard={action: lower_rate, limit: 1}", "training.schedule={type: linear, warmup: 0}")
    project = project_in(recipe, "home", *sets, "training.checkpoint_every=2")
    seen: list[Event] = []
    with pytest.raises(
        LimitNotMet, match=r"training\.guard: at step \d+ the loss is nan\. The guard had acted 1 times"
    ):
        train(project, seen.append, factor=math.nan)
    decision = acts(seen)[0]
    assert decision.action == "lower_rate"
    assert decision.back_to == (decision.step - 1) // 2 * 2
    assert [event.step for event in seen if isinstance(event, RunResumed)] == [decision.back_to]
    rates: dict[int, list[float]] = {}
    for event in seen:
        if isinstance(event, StepDone):
            rates.setdefault(event.step, []).append(event.learning_rate)
    twice = [pair for pair in rates.values() if len(pair) == 2]
    assert all(pair[1] == pair[0] / 2 for pair in twice)


def test_one_decision_too_many_stops_the_run_and_names_the_rows(recipe: Path) -> None:
    project = project_in(recipe, "home", ALL, "training.guard.limit=1", "training.epochs=3", "training.max_steps=40")
    with pytest.raises(LimitNotMet, match=r"acted 1 times before\. Its rows: .*rows\.jsonl:\d+.*Look at these rows"):
        train(project, silent, factor=math.nan)


def test_stop_stops_at_once_and_a_mended_run_goes_on(recipe: Path) -> None:
    project, other = (project_in(recipe, home, ALL, "training.guard.action=stop") for home in ("home", "other"))
    with pytest.raises(LimitNotMet, match="the loss is nan"):
        train(project, silent, factor=math.nan)
    assert train(project, silent, factor=1.0).name == train(other, silent, factor=1.0).name


def test_a_rate_that_breaks_the_weights_stops_the_run_with_the_cause(recipe: Path) -> None:
    broken = ("training.learning_rate=10", "method=full", "training.optimiser={type: adamw, weight_decay: 1e6}")
    project = project_in(recipe, "home", *broken)
    with pytest.raises(LimitNotMet, match=r"training\.guard: at step \d+ .*(nan|inf|NaN).*Lower|lower training"):
        flow.train(project, silent)
    assert not list((project.workspace.home / "models").glob("*"))


def test_early_stopping_ends_a_run_and_the_best_weights_become_the_model(recipe: Path) -> None:
    sets = ("training.early_stopping={patience: 2, keep: best}", "training.max_steps=60", "training.evaluate_every=2")
    project = project_in(recipe, "home", *sets, "training.learning_rate=0.05")
    run = flow.train(project, silent)
    seen = history(project, run)
    stops = [event for event in seen if isinstance(event, StoppedEarly)]
    checks = {event.step: event.loss for event in seen if isinstance(event, Validated)}
    assert run.stopped_early_at == stops[0].step < 60
    assert stops[0].best_loss == run.validation_loss == min(checks.values()) == checks[stops[0].best_step]
    shorter = project_in(recipe, "short", "training.learning_rate=0.05", "training.max_steps=60")
    longer = flow.train(shorter, silent)
    assert longer.name != run.name


def test_a_run_with_early_stopping_is_equal_after_breaks(recipe: Path) -> None:
    sets = ("training.early_stopping={patience: 2, keep: best}", "training.max_steps=60", "training.evaluate_every=2")
    whole, broken = (project_in(recipe, home, *sets, "training.learning_rate=0.05") for home in ("whole", "broken"))
    first = flow.train(whole, silent)
    stopped_at = first.stopped_early_at or 0
    for step in (3, stopped_at - 1, stopped_at):
        with pytest.raises(Crash):
            flow.train(
                broken,
                crash_when(lambda event, step=step: isinstance(event, Validated | StepDone) and event.step == step),
            )
    with pytest.raises(Crash):
        flow.train(broken, crash_when(lambda event: isinstance(event, StoppedEarly)))
    assert flow.train(broken, silent).name == first.name


def test_looking_at_validation_more_often_is_a_new_run_only_where_it_decides(recipe: Path) -> None:
    def key(*sets: str) -> str:
        project = project_in(recipe, "home", *sets)
        version = flow.prepare(project, silent)
        return training.plan(project, version, base=base_of(project, silent), emit=silent).key

    stopping = "training.early_stopping.patience=3"
    assert key("training.evaluate_every=2") == key("training.evaluate_every=3")
    assert key(stopping, "training.evaluate_every=2") != key(stopping, "training.evaluate_every=3")


def test_schedule_auto_means_what_the_optimiser_says(recipe: Path) -> None:
    parts = resolve.train_parts(project_in(recipe, "home").recipe)
    assert parts.schedule.options.type == parts.optimiser.schedule == "cosine"
