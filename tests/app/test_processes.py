"""Processes that train together: real ones, started, stopped and lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tunewright.app.processes import train_words
from tunewright.core import events
from tunewright.core.events import StepDone


@pytest.fixture
def folder(tmp_path: Path, tiny_model_folder: Path) -> Path:
    """A recipe over 60 rows for the tiny model, long enough to be stopped."""
    rows = [{"text": f"word {number % 7} of {number}", "label": "ab"[number % 2]} for number in range(60)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(
        f"name: ranks\nmodel: {{name: {tiny_model_folder}, precision: fp32}}\ndata: rows.jsonl\n"
        "training: {max_steps: 400, batch_size: 4, checkpoint_every: 50}\n",
        encoding="utf-8",
    )
    return tmp_path


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tunewright", "train", str(folder), "--processes", "2", "--json", *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "TUNEWRIGHT_ALLOCATOR": "system"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def steps(folder: Path) -> int:
    """Steps done so far."""
    files = list(folder.glob(".tunewright/runs/*/events.jsonl"))
    return sum(isinstance(event, StepDone) for event in events.read(files[0])) if files else 0


def wait_for(folder: Path, process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Wait until steps are done; the children then."""
    until = time.monotonic() + 120
    while steps(folder) < 3 and time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    return psutil.Process(process.pid).children()


def gone(children: list[psutil.Process]) -> bool:
    """True once no child lives any more."""
    return not psutil.wait_procs(children, timeout=30)[1]


def test_two_processes_give_one_document_and_one_run(folder: Path) -> None:
    process = start(folder, "--set", "training.max_steps=4")
    out, error = process.communicate(timeout=180)
    assert process.returncode == 0, error
    assert json.loads(out)["steps"] == 4
    assert "processes 2" in error
    assert steps(folder) == 4


def test_a_signal_saves_and_ends_all(folder: Path) -> None:
    process = start(folder)
    children = wait_for(folder, process)
    assert len(children) == 2
    process.send_signal(signal.SIGTERM)
    out, _error = process.communicate(timeout=60)
    assert process.returncode == 75
    assert "the state is saved" in out
    assert gone(children)
    assert list(folder.glob(".tunewright/runs/*/checkpoints/step-*"))


@pytest.mark.parametrize("rank", [0, 1])
def test_one_that_is_lost_ends_the_others_and_says_so(folder: Path, rank: int) -> None:
    process = start(folder)
    children = wait_for(folder, process)
    children[rank].kill()
    out, error = process.communicate(timeout=90)
    assert process.returncode != 0
    assert f"process {rank} of 2 ended with signal SIGKILL" in out + error
    assert gone(children)


def test_a_parent_that_is_killed_leaves_nobody_behind(folder: Path) -> None:
    process = start(folder)
    children = wait_for(folder, process)
    process.kill()
    process.communicate(timeout=30)
    assert gone(children)


def test_words_of_a_rank() -> None:
    words = ["run", ".", "--processes", "2", "--set", "training.epochs=2", "--json"]
    assert train_words(words) == ["train", ".", "--set", "training.epochs=2", "--json"]
    assert train_words(["train", "--processes=4", "."], leave_out=["--json"]) == ["train", "."]
