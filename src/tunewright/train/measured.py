"""Numbers of a fixed model for every example, computed once before training and kept in the workspace's cache.

A reference's log-probabilities are such numbers: with them no second model is held while another trains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from tunewright.core.errors import OutsideError
from tunewright.core.events import Emit, Progress
from tunewright.core.ports import Encoded, Measures
from tunewright.core.workspace import write_bytes
from tunewright.models.forward import pack
from tunewright.train.batches import micro_batches

PASS_TOKENS = 4096
"""Tokens of a pass, whatever training uses: what was measured serves every run over the same data and model."""
CHUNK_EXAMPLES = 1024
"""Examples that are sorted by length together."""
OFFSETS = ".offsets"


class Indexed(Protocol):
    """Examples by number."""

    def __len__(self) -> int:
        """How many."""
        ...

    def encoded(self, index: int) -> Encoded:
        """One of them."""
        ...


class Measured:
    """Arrays of each example, memory-light: all of a name behind one another."""

    def __init__(self, values: dict[str, NDArray[Any]]) -> None:
        self.values = {name: each for name, each in values.items() if not name.endswith(OFFSETS)}
        self.offsets = {name: values[name + OFFSETS] for name in self.values}

    def __len__(self) -> int:
        """Examples."""
        return min((len(each) - 1 for each in self.offsets.values()), default=0)

    def of(self, index: int) -> dict[str, NDArray[Any]]:
        """The arrays of one example by name."""
        return {
            name: values[self.offsets[name][index] : self.offsets[name][index + 1]]
            for name, values in self.values.items()
        }


def stored(path: Path, *, examples: int) -> Measured | None:
    """What was measured before, None where there is nothing or it is damaged."""
    try:
        found = Measured(load_file(path))
    except (OSError, SafetensorError, KeyError):
        return None
    return found if len(found) == examples else None


def measure(objective: Measures, model: Any, *, examples: Indexed, path: Path, emit: Emit) -> Measured:
    """Compute what an objective needs of every example, and keep it in a file.

    The model is left as it was found. Raises OutsideError where a number is NaN or infinite.
    """
    training = model.training
    model.eval()
    found: list[dict[str, NDArray[Any]] | None] = [None] * len(examples)
    try:
        with torch.no_grad():
            done = 0
            for places, results in _computed(objective, model, examples):
                for place, result in zip(places, results, strict=True):
                    found[place] = dict(result)
                done += len(places)
                emit(Progress(stage="reference", done=done, total=len(examples), unit="examples"))
    finally:
        model.train(training)
    values = _joined([each for each in found if each is not None])
    _check(values)
    write_bytes(path, save(values))
    return Measured(values)


def _computed(objective: Measures, model: Any, examples: Indexed) -> Iterator[tuple[list[int], Sequence[Any]]]:
    """Places of examples and their results, pack by pack."""
    for begin in range(0, len(examples), CHUNK_EXAMPLES):
        numbers = range(begin, min(begin + CHUNK_EXAMPLES, len(examples)))
        wanted = {number: objective.measured(examples.encoded(number)) for number in numbers}
        rows = np.arange(len(numbers), dtype=np.int64)
        lengths = np.array([wanted[number].length for number in numbers], dtype=np.int64)
        budget = max(PASS_TOKENS, int(lengths.max()))
        for part in micro_batches(rows, lengths, budget_tokens=budget):
            places = [numbers[row] for row in part]
            batch = pack([wanted[place] for place in places], device=str(model.device))
            yield places, objective.measure(model, batch)


def _joined(found: list[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    values: dict[str, NDArray[Any]] = {}
    for name in found[0] if found else ():
        parts = [each[name] for each in found]
        values[name] = np.concatenate(parts)
        values[name + OFFSETS] = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    return values


def _check(values: dict[str, NDArray[Any]]) -> None:
    for name, each in values.items():
        if each.dtype.kind == "f" and not bool(np.isfinite(each).all()):
            raise OutsideError(
                f"the reference model computes NaN or infinity ({name.replace('_', ' ')}).",
                where="model.name",
                do="Its weights are damaged, or it needs model.precision: fp32.",
                retry="useless",
            )
