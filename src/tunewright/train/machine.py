"""Threads and ranks that a run began with: the order of sums, and so the bits, depend on them."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from tunewright.core.events import Emit, Note
from tunewright.core.workspace import write_json
from tunewright.train.world import World

FILE = "machine.json"


def take_up(folder: Path, world: World, *, emit: Emit) -> None:
    """Use the thread count that the run began with where it goes on with as many ranks; say what is different.

    A new run writes down what it uses.
    """
    now = {"threads": torch.get_num_threads(), "processes": world.size, "torch": torch.__version__}
    path = folder / FILE
    if not path.exists():
        world.wait()  # nobody writes before everybody has looked
        if world.first:
            write_json(path, now)
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    world.wait()
    processes = int(before.get("processes", 1))
    if processes != world.size:
        emit(
            Note(
                text=f"This run began with {_processes(processes)} and goes on with {world.size}: "
                "the result is that of the unbroken run but for rounding."
            )
        )
        return
    if before["torch"] != now["torch"]:
        emit(
            Note(text=f"This run began with torch {before['torch']} and goes on with {now['torch']}; bits may differ.")
        )
    if int(before["threads"]) != now["threads"]:
        emit(Note(text=f"This run began with {before['threads']} threads and goes on with them."))
        torch.set_num_threads(int(before["threads"]))


def _processes(count: int) -> str:
    return "1 process" if count == 1 else f"{count} processes"
