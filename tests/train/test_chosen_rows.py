"""What data steps decide, training does: the order of rows, their weights, and what the base model finds hard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.train.runs import Crash, crash_at, losses, project_in
from tunewright.app import flow
from tunewright.app.project import Project
from tunewright.core.events import silent
from tunewright.core.nouns import DatasetVersion, Run
from tunewright.core.ports import Row
from tunewright.data.dataset import open_dataset
from tunewright.models.tensors import read_weights
from tunewright.train.settings import order_of

ALL = ("data.split.validation=0", "data.split.test=0")
STILL = "training.learning_rate=1e-9"


def rows_of(project: Project, run: Run) -> list[Row]:
    """The training rows that a run saw, in their order."""
    version = next(each for each in project.workspace.records("data", DatasetVersion) if each.name == run.dataset)
    split = open_dataset(project.workspace, version).split("train")
    return [split.row(index) for index in range(len(split))]


def weighed(recipe: Path, *, extra: int, weights: list[float]) -> None:
    """Eight rows with a weight each, the first of them `extra` times more."""
    rows = [
        {"text": f"Which colour has thing {number}?", "label": ["red", "green"][number % 2], "w": weight}
        for number, weight in enumerate(weights)
    ]
    rows += rows[:1] * extra
    (recipe.parent / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def test_a_weight_of_two_is_the_row_twice(recipe: Path) -> None:
    """One step over all rows by plain gradients: the loss and the weights after it."""
    sets = (*ALL, "data.keep=[w]", "method=full", "training.batch_size=100", "training.max_steps=2")
    sets = (*sets, "training.optimiser={type: adamw, epsilon: 1.0}")
    runs: dict[str, tuple[list[float], dict[str, torch.Tensor]]] = {}
    for name, steps, extra, first in (
        ("weighted", "data.steps=[{weight: {column: w}}]", 0, 2.0),
        ("twice", "data.steps=[]", 1, 1.0),
        ("once", "data.steps=[]", 0, 1.0),
    ):
        weighed(recipe, extra=extra, weights=[first, *[1.0] * 7])
        project = project_in(recipe, name, *sets, steps)
        run = flow.train(project, silent)
        runs[name] = losses(project, run), read_weights(project.workspace.models / run.name)
    assert runs["weighted"][0] == pytest.approx(runs["twice"][0], rel=1e-5)
    assert abs(runs["weighted"][0][0] - runs["once"][0][0]) > 1e-3
    for name, weight in runs["weighted"][1].items():
        torch.testing.assert_close(weight, runs["twice"][1][name], rtol=1e-5, atol=1e-6)


def test_a_weight_of_all_rows_changes_nothing(recipe: Path) -> None:
    found = []
    for weight in (1.0, 4.0):
        weighed(recipe, extra=0, weights=[weight] * 8)
        project = project_in(recipe, f"w{weight}", *ALL, "data.keep=[w]", "data.steps=[{weight: {column: w}}]")
        found.append(losses(project, flow.train(project, silent)))
    assert found[0] == pytest.approx(found[1], rel=1e-5)


@pytest.mark.parametrize("then", ["shuffled", "as_given"])
def test_the_first_pass_follows_the_curriculum(recipe: Path, then: str) -> None:
    """A model that stands still has the losses of its rows: they rise in the first pass, also after a break."""
    step = f"data.steps=[{{order: {{by: loss, then: {then}}}}}]"
    sets = (*ALL, STILL, step, "training.max_steps=32", "method=full")
    project, broken = project_in(recipe, "home", *sets), project_in(recipe, "broken", *sets)
    run = flow.train(project, silent)
    assert run.used["order"] == order_of(project.recipe) == ("as_given" if then == "as_given" else "first_as_given")
    seen = losses(project, run)
    first, second = seen[:15], seen[16:31]  # 63 rows in steps of 4: the sixteenth has three
    assert first == sorted(first) and first[-1] > first[0] + 0.1
    assert (second == sorted(second)) == (then == "as_given")
    for at in (5, 17):
        with pytest.raises(Crash):
            flow.train(broken, crash_at(at))
    assert flow.train(broken, silent).name == run.name


def test_the_steps_see_the_rows_in_order(recipe: Path) -> None:
    project = project_in(recipe, "home", *ALL, STILL, "data.steps=[{order: {by: characters, first: highest}}]")
    lengths = [
        sum(len(turn["content"]) for turn in row.messages) for row in rows_of(project, flow.train(project, silent))
    ]
    assert lengths == sorted(lengths, reverse=True) and lengths[0] > lengths[-1]


def test_without_an_order_nothing_changes(recipe: Path) -> None:
    run = flow.train(project_in(recipe, "home"), silent)
    assert "order" not in run.used


def test_hard_rows_are_those_of_the_highest_loss(recipe: Path) -> None:
    hard, easy = (
        flow.train(project, silent)
        for project in (
            project_in(
                recipe, by, *ALL, STILL, "training.batch_size=21", f"data.steps=[{{select: {{by: {by}, rows: 21}}}}]"
            )
            for by in ("hard", "easy")
        )
    )
    projects = project_in(recipe, "hard"), project_in(recipe, "easy")
    kept = [{row.id for row in rows_of(project, run)} for project, run in zip(projects, (hard, easy), strict=True)]
    assert len(kept[0]) == len(kept[1]) == 21 and not kept[0] & kept[1]
    assert losses(projects[0], hard)[0] > losses(projects[1], easy)[0] + 0.1
