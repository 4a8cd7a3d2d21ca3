"""A run knows values, not how they were written: a preset and its keys spelled out are one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.train.runs import project_in
from tunewright.app import flow
from tunewright.core.events import Event, StepDone, silent

SHORT = ("training.max_steps=2", "method.rank=4", "model.precision=fp32")


@pytest.mark.parametrize(
    ("preset", "spelled_out"),
    [
        ("qlora", ("model.weights=nf4", "model.double_quantisation=true", "method.targets=all-linear")),
        ("rslora", ("method.scaling=rank_stabilised", "method.alpha=8")),
    ],
)
def test_a_preset_and_its_keys_are_one_run(recipe: Path, preset: str, spelled_out: tuple[str, ...]) -> None:
    first = flow.train(project_in(recipe, "home", f"preset={preset}", *SHORT), silent)
    seen: list[Event] = []
    second = flow.train(project_in(recipe, "home", *spelled_out, *SHORT), seen.append)
    assert (second.key, second.name) == (first.key, first.name)
    assert not [event for event in seen if isinstance(event, StepDone)], "nothing is computed again"
    assert first.recipe["preset"] == [preset]
    other = flow.train(project_in(recipe, "home", *SHORT), silent)
    assert other.key != first.key
