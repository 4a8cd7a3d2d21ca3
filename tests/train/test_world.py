"""Ranks: who computes what, and sums between real processes over gloo."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tunewright.core.errors import UserError
from tunewright.train.world import ALONE, MEETING, RANK, SIZE, World, standing_of

CHILD = """
import os, sys
import torch
from tunewright.train.world import joined
with joined(os.environ) as world:
    place = float(world.rank + 1)
    tensors = [torch.full((3, 2), place), torch.arange(5.0) * place, torch.ones(2, dtype=torch.float64)]
    world.add_up(tensors)
    print(world.rank, [tensor.flatten().tolist() for tensor in tensors], world.sums(1.5, float(world.rank)))
    print(world.any(world.rank == 1), world.any(False))
    world.agree(7.0, what="weights")
    if sys.argv[1] == "differ":
        world.agree(float(world.rank), what="weights")
    if sys.argv[1] == "die" and world.rank == 1:
        os._exit(9)
    world.wait()
"""


def start(rank: int, size: int, *, meeting: Path, how: str) -> subprocess.Popen[str]:
    environment = {RANK: str(rank), SIZE: str(size), MEETING: f"file://{meeting}", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, how],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def pair(tmp_path: Path, how: str) -> list[tuple[int, str, str]]:
    children = [start(rank, 2, meeting=tmp_path / "meeting", how=how) for rank in (0, 1)]
    said = [child.communicate(timeout=90) for child in children]
    return [(child.returncode, *texts) for child, texts in zip(children, said, strict=True)]


def test_two_processes_add_up(tmp_path: Path) -> None:
    results = pair(tmp_path, "well")
    assert [code for code, _out, _error in results] == [0, 0], results
    sums = "[[3.0, 3.0, 3.0, 3.0, 3.0, 3.0], [0.0, 3.0, 6.0, 9.0, 12.0], [2.0, 2.0]] [3.0, 1.0]"
    assert [out.splitlines() for _code, out, _error in results] == [[f"{rank} {sums}", "True False"] for rank in (0, 1)]


def test_different_weights_are_found(tmp_path: Path) -> None:
    for code, _out, error in pair(tmp_path, "differ"):
        assert code == 1
        assert "the processes hold different weights (0.0 and 1.0)" in error


def test_a_lost_process_is_one_sentence_with_what_to_do(tmp_path: Path) -> None:
    (code, _out, error), (other, *_rest) = pair(tmp_path, "die")
    assert (code, other) == (1, 9)
    assert "process 0 of 2 lost the others" in error
    assert "goes on from the last checkpoint" in error


@pytest.mark.parametrize("size", [2, 3, 7])
def test_shares_cover_every_example_once_and_are_even(size: int) -> None:
    lengths = np.random.default_rng(size).integers(1, 500, 64).tolist()
    shares = [World(rank, size).share(lengths) for rank in range(size)]
    assert sorted(place for share in shares for place in share) == list(range(64))
    loads = [sum(lengths[place] for place in share) for share in shares]
    assert max(loads) - min(loads) <= max(lengths)


def test_one_example_for_two_ranks_leaves_one_without() -> None:
    assert [World(rank, 2).share([5]) for rank in (0, 1)] == [[0], []]


def test_alone_changes_nothing() -> None:
    assert ALONE.share([3, 1, 2]) == [0, 1, 2]
    assert ALONE.sums(1.0, 2.0) == [1.0, 2.0]
    assert standing_of({}) == ALONE


def test_what_torchrun_sets_is_understood() -> None:
    assert standing_of({"RANK": "2", "WORLD_SIZE": "4"}) == World(2, 4)
    assert standing_of({RANK: "1", SIZE: "2", "RANK": "0", "WORLD_SIZE": "9"}) == World(1, 2)


@pytest.mark.parametrize(
    "environment", [{RANK: "2", SIZE: "2"}, {RANK: "x", SIZE: "2"}, {RANK: "0"}, {"RANK": "-1", "WORLD_SIZE": "2"}]
)
def test_a_wrong_environment_is_one_sentence(environment: dict[str, str]) -> None:
    with pytest.raises(UserError):
        standing_of(environment)
