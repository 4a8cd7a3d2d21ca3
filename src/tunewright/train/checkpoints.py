"""Checkpoints: complete or absent, checked by digest, no pickle.

`step-00000060/`: `model/` (what the method saves: plain PEFT or Transformers loads it), `optimiser.safetensors`,
`training.safetensors` (only where the weights that train differ from those for use), `state.json` (step, scalars of the
optimiser, what the loop has decided so far, digest of every other file; written last).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.events import CheckpointRefused, CheckpointSaved, Emit
from tunewright.core.workspace import new_folder, write_json
from tunewright.models.tensors import write_weights
from tunewright.recipe.training import CheckpointOptions

STATE = "state.json"
OPTIMISER = "optimiser.safetensors"
TRAINING = "training.safetensors"
ReadModel = Callable[[Path], Mapping[str, Tensor]]


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to go on: weights by trainable name, states of optimiser and loop, and random state."""

    step: int
    weights: Mapping[str, Tensor]
    optimiser: dict[str, Any]
    course: dict[str, Any]
    random: Tensor


@dataclass(frozen=True)
class State:
    """What is saved at a step: the optimiser's `state_dict`, plain numbers of the loop, and how to write the model.

    `training`: the weights that train, by name, where they differ from those that `write_model` writes.
    """

    step: int
    optimiser: dict[str, Any]
    course: dict[str, Any]
    write_model: Callable[[Path], None]
    training: Mapping[str, Tensor] | None = None


class CheckpointStore:
    """The checkpoints of one run, newest last; keeps to a number and to a disk budget.

    `read_model` gives the trained weights of a `model/` folder back by trainable name.
    """

    def __init__(self, folder: Path, *, options: CheckpointOptions, read_model: ReadModel, emit: Emit) -> None:
        self.folder = folder
        self._keep = options.keep
        self._budget = options.disk_budget
        self._read_model = read_model
        self._emit = emit

    def save(self, state: State) -> None:
        """Write the checkpoint of a step, then let old ones go. Raises OutsideError when the disk is full."""
        target = self.folder / f"step-{state.step:08d}"
        if target.exists():
            return
        self._make_room()
        with new_folder(target) as temporary:
            state.write_model(temporary / "model")
            tensors, scalars = split_state(state.optimiser)
            write_weights(temporary / OPTIMISER, tensors | {"random": torch.get_rng_state()})
            if state.training is not None:
                write_weights(temporary / TRAINING, state.training)
            files = {str(p.relative_to(temporary)): digest.of_file(p) for p in temporary.rglob("*") if p.is_file()}
            record = {"step": state.step, "optimiser": scalars, "course": state.course, "files": files}
            write_json(temporary / STATE, record | {"digest": digest.of_json(record)})
        self._emit(CheckpointSaved(step=state.step, bytes=size_bytes(target)))
        for path in self.paths()[: -self._keep]:
            shutil.rmtree(path)

    def sweep(self) -> None:
        """Remove what a kill left half written, and checkpoints that were refused before."""
        for path in (*self.folder.glob(".step-*"), *self.folder.glob("damaged-*")):
            shutil.rmtree(path, ignore_errors=True)

    def newest(self) -> Checkpoint | None:
        """The newest undamaged checkpoint, or None. A damaged one is reported and set aside."""
        for path in reversed(self.paths()):
            try:
                return read_checkpoint(path, self._read_model)
            except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
                self._emit(CheckpointRefused(step=int(path.name.removeprefix("step-")), why=str(error)))
                path.rename(path.with_name(f"damaged-{path.name}"))
        return None

    def paths(self) -> list[Path]:
        """Folders of complete checkpoints, oldest first."""
        return sorted(path for path in self.folder.glob("step-*") if path.is_dir())

    def check_budget(self, checkpoint_bytes: int) -> None:
        """Raise UserError before the run when two checkpoints do not fit the budget."""
        if 2 * checkpoint_bytes > self._budget:
            raise UserError(
                f"two checkpoints of this run take {2 * checkpoint_bytes / 1e9:.1f} GB, over the budget of "
                f"{self._budget / 1e9:.1f} GB.",
                where="training.checkpoints.disk_budget",
                do="Raise the budget, or choose a method that trains fewer weights.",
            )

    def _make_room(self) -> None:
        """Let the oldest go until one more of the newest's size stays within the budget; the newest always stays."""
        paths = self.paths()
        needed = size_bytes(paths[-1]) if paths else 0
        while len(paths) > 1 and sum(map(size_bytes, paths)) + needed > self._budget:
            shutil.rmtree(paths.pop(0))


def read_checkpoint(folder: Path, read_model: ReadModel) -> Checkpoint:
    """Read and verify one checkpoint. Raises ValueError that names the damaged file."""
    state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    if state.pop("digest") != digest.of_json(state) or folder.name != f"step-{state['step']:08d}":
        raise ValueError(f"{STATE} does not have the digest that was written with it")
    for name, expected in state["files"].items():
        if digest.of_file(folder / name) != expected:
            raise ValueError(f"{name} does not have the digest that was written with it")
    tensors = load_file(folder / OPTIMISER)
    random = tensors.pop("random")
    training = folder / TRAINING
    weights = load_file(training) if training.exists() else read_model(folder / "model")
    return Checkpoint(state["step"], weights, join_state(tensors, state["optimiser"]), state["course"], random)


def split_state(state: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimiser's state as tensors by name ("3/exp_avg") and what JSON can hold; groups inside groups stay."""
    tensors: dict[str, Tensor] = {}
    places: set[int] = set()

    def without_tensors(value: Any, name: str) -> Any:
        if isinstance(value, Tensor):
            shared = value.data_ptr() in places  # 8-bit optimisers share one table of values among all
            tensors[name] = value.clone() if shared else value.contiguous()
            places.add(value.data_ptr())
            return None
        if not isinstance(value, dict):
            return value
        inside = {key: without_tensors(each, f"{name}/{key}") for key, each in cast("dict[Any, Any]", value).items()}
        return {str(key): each for key, each in inside.items() if f"{name}/{key}" not in tensors}

    scalars = {str(index): without_tensors(values, str(index)) for index, values in state["state"].items()}
    return tensors, {"state": scalars, "param_groups": state["param_groups"]}


def join_state(tensors: dict[str, Tensor], scalars: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `split_state`."""
    state: dict[int, dict[str, Any]] = {int(index): dict(values) for index, values in scalars["state"].items()}
    for name, tensor in tensors.items():
        index, *path, last = name.split("/")
        place = state[int(index)]
        for step in path:
            place = place[step]
        place[last] = tensor
    return {"state": state, "param_groups": scalars["param_groups"]}


def size_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
