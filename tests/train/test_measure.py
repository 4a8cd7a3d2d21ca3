"""`auto`: the size of a pass is measured with real steps, stored for this machine, and part of the run's key."""

from __future__ import annotations

from pathlib import Path

from tests.train.runs import losses, project_in
from tunewright.app import flow
from tunewright.core.events import Event, Progress, RunResolved, silent
from tunewright.train.measure import Trial, chosen, stored

AUTO = "training.micro_batch_tokens=auto"


def measured(seen: list[Event]) -> list[int]:
    return [event.done for event in seen if isinstance(event, Progress) and event.stage == "measure"]


def test_the_smallest_of_the_fast_ones_is_chosen() -> None:
    trials = [Trial(512, 50.0, 1), Trial(1024, 97.5, 2), Trial(2048, 100.0, 4), Trial(4096, 99.0, 8)]
    assert chosen(trials) == 1024
    assert chosen(trials[:1]) == 512


def test_auto_is_measured_once_and_kept(recipe: Path) -> None:
    project = project_in(recipe, "home", AUTO, "training.max_steps=3")
    seen: list[Event] = []
    run = flow.train(project, seen.append)
    sizes = measured(seen)
    assert sizes == sorted(sizes) and sizes[0] == 512
    tokens = run.used["micro_batch_tokens"]
    assert tokens in sizes
    files = list((project.workspace.cache / "pass-tokens").glob("*.json"))
    assert len(files) == 1
    again: list[Event] = []
    other = flow.train(project_in(recipe, "home", AUTO, "training.max_steps=3", "training.seed=9"), again.append)
    assert measured(again) == []
    assert other.used["micro_batch_tokens"] == tokens
    assert any(isinstance(event, RunResolved) and event.used["micro_batch_tokens"] == tokens for event in again)


def test_the_key_is_that_of_the_number_written_out(recipe: Path) -> None:
    project = project_in(recipe, "home", AUTO, "training.max_steps=3")
    run = flow.train(project, silent)
    plain = project_in(
        recipe, "home", f"training.micro_batch_tokens={run.used['micro_batch_tokens']}", "training.max_steps=3"
    )
    assert flow.train(plain, silent).key == run.key


def test_a_batch_is_as_many_rows_as_fill_a_pass_within_bounds(recipe: Path) -> None:
    for budget, batch in ((64, 8), (100_000, 64)):
        sets = ("training.batch_size=auto", f"training.micro_batch_tokens={budget}", "training.max_steps=2")
        run = flow.train(project_in(recipe, "home", *sets), silent)
        assert run.used["batch_size"] == batch


def test_a_file_that_was_damaged_is_measured_again(recipe: Path) -> None:
    project = project_in(recipe, "home", AUTO, "training.max_steps=2")
    flow.train(project, silent)
    (file,) = (project.workspace.cache / "pass-tokens").glob("*.json")
    file.write_text("{", encoding="utf-8")
    assert stored(project.workspace, file.stem) is None
    seen: list[Event] = []
    run = flow.train(project_in(recipe, "home", AUTO, "training.max_steps=2", "training.seed=3"), seen.append)
    assert measured(seen)
    assert len(losses(project, run)) == 2
