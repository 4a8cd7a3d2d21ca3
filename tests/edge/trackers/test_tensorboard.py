"""TensorBoard's files, read back by TensorBoard."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tunewright.core.ports import Measured, TrackedRun
from tunewright.edge.trackers.tensorboard import Work
from tunewright.recipe.options.trackers.tensorboard import Options


@pytest.fixture
def run(tmp_path: Path) -> TrackedRun:
    return TrackedRun("board", "b" * 64, tmp_path / "runs" / ("b" * 12), {"training": {"seed": 3}}, {"threads": 2})


def opened(run: TrackedRun, options: Options | None = None) -> Work:
    work = Work(options or Options())
    work.open(run)
    return work


def numbers(*steps: int, loss: float = 0.5, name: str = "loss") -> list[Measured]:
    return [Measured(step, 1000.0 + step, {name: loss}) for step in steps]


def read(folder: Path) -> EventAccumulator:
    board = EventAccumulator(str(folder))
    board.Reload()
    return board


def scalars(folder: Path, name: str = "loss") -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in read(folder).Scalars(name)]


def test_what_was_sent_is_read_back_with_its_time(run: TrackedRun) -> None:
    work = opened(run)
    work.send(numbers(1, 2) + numbers(2, name="validation_loss"))
    board = read(run.folder / "tensorboard")
    assert [(each.step, each.value, each.wall_time) for each in board.Scalars("loss")] == [
        (1, 0.5, 1001.0),
        (2, 0.5, 1002.0),
    ]
    assert [each.step for each in board.Scalars("validation_loss")] == [2]
    assert '"seed": 3' in board.Tensors("recipe/text_summary")[0].tensor_proto.string_val[0].decode()
    work.close(status="done", results={"loss": 0.25})
    assert "results/text_summary" in read(run.folder / "tensorboard").Tags()["tensors"]


def test_steps_that_are_measured_again_replace_the_old_ones_and_what_came_after(run: TrackedRun) -> None:
    work = opened(run)
    work.send(numbers(1, 2, 3, 4) + numbers(4, name="validation_loss"))
    work.send(numbers(3, loss=0.25))
    assert scalars(run.folder / "tensorboard") == [(1, 0.5), (2, 0.5), (3, 0.25)]
    work.send(numbers(4, loss=0.125) + numbers(4, name="validation_loss", loss=2.0))
    assert scalars(run.folder / "tensorboard")[-1] == (4, 0.125)
    assert scalars(run.folder / "tensorboard", "validation_loss") == [(4, 2.0)]


def test_a_new_process_leaves_no_number_twice_and_foreign_files_alone(run: TrackedRun) -> None:
    opened(run).send(numbers(1, 2, 3))
    foreign = run.folder / "tensorboard" / "events.out.tfevents.1.elsewhere"
    foreign.write_bytes(b"")
    opened(run).send(numbers(1, 2, loss=0.25))
    assert foreign.exists()
    foreign.unlink()
    assert scalars(run.folder / "tensorboard") == [(1, 0.25), (2, 0.25)]


def test_a_folder_for_many_runs_holds_one_folder_a_run(run: TrackedRun, tmp_path: Path) -> None:
    opened(run, Options(folder="boards")).send(numbers(1))
    assert scalars(tmp_path / "boards" / f"board-{'b' * 12}") == [(1, 0.5)]
