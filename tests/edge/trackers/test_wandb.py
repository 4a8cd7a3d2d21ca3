"""W&B's offline files, read back record by record with W&B's own protocol; no process stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from wandb.proto import wandb_internal_pb2

from tunewright.core.errors import OutsideError
from tunewright.core.ports import Measured, TrackedRun
from tunewright.edge.trackers.wandb import Work
from tunewright.recipe.options.trackers.wandb import Options

HEADER_BYTES, BLOCK_BYTES = 7, 32768
LAST = (1, 4)
"""Chunks of LevelDB's log format that end a record: whole ones, and last pieces."""


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")


@pytest.fixture
def run(tmp_path: Path) -> TrackedRun:
    return TrackedRun("bees", "a1" * 32, tmp_path, {"training": {"seed": 3}}, {"threads": 2})


def opened(run: TrackedRun) -> Work:
    work = Work(Options())
    work.open(run)
    return work


def numbers(*steps: int, loss: float = 0.5) -> list[Measured]:
    return [Measured(step, 1000.0 + step, {"loss": loss}) for step in steps]


def records(path: Path) -> Iterator[Any]:
    """Records of a `.wandb` file: LevelDB's log format after seven bytes."""
    content, at, record = path.read_bytes(), HEADER_BYTES, b""
    assert content.startswith(b":W&B")
    while at + HEADER_BYTES <= len(content):
        if BLOCK_BYTES - at % BLOCK_BYTES < HEADER_BYTES:
            at += BLOCK_BYTES - at % BLOCK_BYTES
            continue
        size, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        record += content[at + HEADER_BYTES : at + HEADER_BYTES + size]
        at += HEADER_BYTES + size
        if kind in LAST:
            yield wandb_internal_pb2.Record.FromString(record)
            record = b""


def files(run: TrackedRun) -> list[Path]:
    return sorted(run.folder.glob("wandb/offline-run-*/*.wandb"))


def newest(run: TrackedRun) -> Path:
    """The newest file, once W&B's own process has written its end: that is a moment after the client's."""
    path, until = files(run)[-1], time.monotonic() + 30
    while not any(record.WhichOneof("record_type") == "exit" for record in records(path)):
        assert time.monotonic() < until
        time.sleep(0.02)
    return path


def history(path: Path) -> list[dict[str, Any]]:
    rows = [record.history.item for record in records(path) if record.WhichOneof("record_type") == "history"]
    return [{item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in row} for row in rows]


def steps(path: Path) -> list[tuple[int, float]]:
    return [(row["_step"], row["loss"]) for row in history(path)]


def test_an_offline_run_holds_recipe_numbers_and_end(run: TrackedRun) -> None:
    work = opened(run)
    work.send(numbers(1, 2))
    work.send([Measured(2, 1002.5, {"validation_loss": 0.75})])
    work.send(numbers(3))
    work.close(status="done", results={"loss": 0.25})
    path = newest(run)
    assert files(run) == [path]
    assert steps(path) == [(1, 0.5), (2, 0.5), (3, 0.5)]
    assert history(path)[1]["validation_loss"] == 0.75
    found = {record.WhichOneof("record_type"): record for record in records(path)}
    begun = found["run"].run
    assert (begun.run_id, begun.display_name, begun.project, begun.host) == (run.key, "bees", "tunewright", "-")
    assert {each.key: json.loads(each.value_json) for each in begun.config.update}["recipe"] == run.options
    assert found["exit"].exit.exit_code == 0
    assert any("final_loss" in str(record.summary) for record in records(path))


def test_steps_that_come_again_are_left_out(run: TrackedRun) -> None:
    work = opened(run)
    work.send(numbers(1, 2, 3))
    work.send(numbers(2, 3, loss=9.0))
    work.send(numbers(4))
    work.close(status="stopped", results={})
    path = newest(run)
    assert files(run) == [path]
    assert steps(path) == [(1, 0.5), (2, 0.5), (3, 0.5), (4, 0.5)]


def test_no_package_list_and_no_place_of_the_machine_is_written(run: TrackedRun) -> None:
    work = opened(run)
    work.send(numbers(1))
    work.close(status="done", results={})
    path = newest(run)
    assert files(run) == [path]
    names = {file.name for file in path.parent.rglob("*") if file.is_file()}
    assert not names & {"requirements.txt", "wandb-metadata.json"}
    assert os.uname().nodename not in [record.run.host for record in records(path)]


def test_error_reports_to_the_makers_are_refused(run: TrackedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_ERROR_REPORTING")
    with pytest.raises(OutsideError, match="WANDB_ERROR_REPORTING=false"):
        opened(run)


CHILD = """
import sys, time
from pathlib import Path
from tunewright.core.ports import Measured, TrackedRun
from tunewright.edge.trackers.wandb import Work
from tunewright.recipe.options.trackers.wandb import Options
work = Work(Options())
work.open(TrackedRun("child", "b2" * 32, Path(sys.argv[1]), {}, {}))
work.send([Measured(step, 1.0, {"loss": 0.5}) for step in (1, 2, 3)])
time.sleep(float(sys.argv[2]))
print("sent", flush=True)
time.sleep(float(sys.argv[3]))
"""


def child(run: TrackedRun, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(run.folder), *words]
    own = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}  # a service of its own
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=own)


def helpers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_no_process_stays_after_an_end_without_close(run: TrackedRun) -> None:
    process = child(run, "0", "1")
    assert process.stdout is not None
    assert process.stdout.readline() == "sent\n"
    helpers = helpers_of(process)
    assert helpers != []
    assert process.wait(30) == 0
    assert psutil.wait_procs(helpers, timeout=15)[1] == []


def test_after_a_kill_no_process_stays_and_what_was_flushed_is_there(run: TrackedRun) -> None:
    process = child(run, "0", "60")
    assert process.stdout is not None
    assert process.stdout.readline() == "sent\n"
    helpers = helpers_of(process)
    assert helpers != []
    until = time.monotonic() + 30
    while len(steps(files(run)[0])) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert psutil.wait_procs(helpers, timeout=15)[1] == []
    assert len(steps(files(run)[0])) >= 2
    again = opened(TrackedRun("child", "b2" * 32, run.folder, {}, {}))
    again.send(numbers(1, 2, 3, 4))
    again.close(status="done", results={})
    assert [step for step, _ in steps(newest(run))] == [1, 2, 3, 4]
