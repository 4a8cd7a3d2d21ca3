"""How many tokens a pass should hold on this machine: measured with real steps on the longest rows of a data set."""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from tunewright.core import digest
from tunewright.core.errors import OutsideError
from tunewright.core.events import Emit, Note, Progress
from tunewright.core.ports import Encoded
from tunewright.core.workspace import Workspace, write_text
from tunewright.models.forward import pack
from tunewright.train.bench import Bench
from tunewright.train.examples import Examples
from tunewright.train.meter import peak_bytes, reset_peak
from tunewright.train.parts import TrainParts

SMALLEST_TOKENS, LARGEST_TOKENS = 512, 65_536
MEMORY_SHARE = 0.7
"""Of what is free: the rest is for validation, checkpoints and other programs."""
GOOD_ENOUGH = 0.97
"""The smallest pass within 3 % of the fastest wins: speed is flat in size, memory is not."""
WORSE = 0.9
"""A pass this much slower than the fastest ends the search."""
FILE = "pass-tokens"


class Trial(NamedTuple):
    """One size tried: tokens really packed, tokens a second, and bytes above what the model alone takes."""

    budget_tokens: int
    tokens_per_s: float
    bytes: int


class Found(BaseModel):
    """What was measured, kept for this machine: the size chosen, and every size tried with speed and memory."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tokens: int
    trials: tuple[tuple[int, float, int], ...]


def measuring_key(facts: dict[str, object]) -> str:
    """Names a measurement: `facts` are base, method, data and numbers; processor, memory and versions are added."""
    here = [platform.machine(), platform.processor(), psutil.cpu_count(), psutil.virtual_memory().total // 10**9]
    return digest.of_json([facts, here, torch.get_num_threads(), torch.__version__])


def stored(workspace: Workspace, key: str) -> Found | None:
    """What was measured here before, or None."""
    try:
        return Found.model_validate_json(_file(workspace, key).read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None


def _file(workspace: Workspace, key: str) -> Path:
    return workspace.cache / FILE / f"{digest.short(key)}.json"


def measure(bench: Bench, parts: TrainParts, *, workspace: Workspace, key: str, emit: Emit) -> Found:
    """Try growing passes with forward and backward until memory or speed says stop, and store the choice.

    Raises OutsideError when not even the longest example fits.
    """
    trials: list[Trial] = []
    bench.model.train()
    longest = int(bench.train.lengths.max())
    for budget in _sizes(longest):
        if trials and not _fits(trials[-1], budget):
            break
        trial = _try(bench, parts, budget=budget)
        if trial is None:
            break
        trials.append(trial)
        emit(Progress(stage="measure", done=trial.budget_tokens, unit="tokens a pass"))
        if trial.tokens_per_s < WORSE * max(each.tokens_per_s for each in trials):
            break
    if not trials:
        raise OutsideError(
            f"a pass over the longest example ({longest} tokens) does not fit in memory.",
            where="training.micro_batch_tokens",
            do="Set training.recompute: layers, model.weights: nf4, or a smaller data.max_tokens.",
        )
    found = Found(
        tokens=chosen(trials), trials=tuple((trial.budget_tokens, trial.tokens_per_s, trial.bytes) for trial in trials)
    )
    write_text(_file(workspace, key), found.model_dump_json(indent=1) + "\n")
    fastest = max(each.tokens_per_s for each in trials)
    emit(Note(text=f"Measured on the longest rows: passes of {found.tokens:,} tokens, {fastest:.0f} tokens/s."))
    return found


def chosen(trials: Sequence[Trial]) -> int:
    """The smallest size that is nearly as fast as the fastest."""
    fastest = max(trial.tokens_per_s for trial in trials)
    return next(trial.budget_tokens for trial in trials if trial.tokens_per_s >= GOOD_ENOUGH * fastest)


def _sizes(longest: int) -> Iterator[int]:
    """Powers of two from what the longest example needs."""
    size = SMALLEST_TOKENS
    while size < longest:
        size *= 2
    while size <= max(LARGEST_TOKENS, longest):
        yield size
        size *= 2


def _fits(last: Trial, budget: int) -> bool:
    """True when a pass of `budget` tokens should stay within what is free, by the one before it."""
    expected = last.bytes * budget / last.budget_tokens
    return expected < MEMORY_SHARE * (_free_bytes() + last.bytes)


def _free_bytes() -> int:
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    return int(psutil.virtual_memory().available)


def _try(bench: Bench, parts: TrainParts, *, budget: int) -> Trial | None:
    """Two passes over the longest rows that fit, the second timed; None when memory was short."""
    examples = _longest(bench.train, budget)
    tokens = sum(example.length for example in examples)
    gc.collect()
    before = reset_peak()
    seconds = 0.0
    try:
        for _ in range(2):
            began = time.perf_counter()
            terms = parts.objective.terms(bench.model, pack(examples, device=str(bench.model.device)))
            torch.stack([term.coefficient * term.sum for term in terms.values()]).sum().backward()
            seconds = time.perf_counter() - began
    except (MemoryError, torch.OutOfMemoryError):
        return None
    except RuntimeError as error:
        if "memory" not in str(error):
            raise
        return None
    finally:
        bench.masters.clear()
    return Trial(budget, tokens / seconds, max(1, peak_bytes() - before))


def _longest(split: Examples, budget: int) -> list[Encoded]:
    """The longest rows, and the longest again, until the budget is full."""
    order = np.argsort(-split.lengths, kind="stable")
    rows: list[int] = []
    used = 0
    while True:
        row = int(order[len(rows) % len(order)])
        if rows and used + int(split.lengths[row]) > budget:
            return [split.encoded(row) for row in rows]
        rows.append(row)
        used += int(split.lengths[row])
