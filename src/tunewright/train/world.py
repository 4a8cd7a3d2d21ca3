"""The ranks that train one model together: sums over them, and which examples each computes.

Every rank knows the whole step, because the order of rows is a function of the step. So a loss is divided by its counts
over all ranks without a word between them; only gradients and sums are exchanged.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed

from tunewright.core.errors import OutsideError, UserError

RANK, SIZE, MEETING = "TUNEWRIGHT_RANK", "TUNEWRIGHT_WORLD", "TUNEWRIGHT_MEETING"
"""Set by `tunewright train --processes`; torchrun's RANK, WORLD_SIZE and MASTER_ADDR are understood, too."""
BUCKET_VALUES = 1 << 24
"""Gradients that are exchanged at once: 64 MB in float32."""
PATIENCE_S = 1800.0
"""How long a rank waits for the others: rank 0 may be writing a checkpoint to a slow disk."""


@dataclass(frozen=True)
class World:
    """Who we are among how many. A world of one exchanges nothing."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """True for the rank that writes and speaks."""
        return self.rank == 0

    def share(self, lengths: Sequence[int]) -> list[int]:
        """Places of the examples that this rank computes: the longest first, each to the rank with the least tokens."""
        if self.size == 1:
            return list(range(len(lengths)))
        loads = [0] * self.size
        mine: list[int] = []
        for place in sorted(range(len(lengths)), key=lambda place: (-lengths[place], place)):
            taker = loads.index(min(loads))
            loads[taker] += int(lengths[place])
            if taker == self.rank:
                mine.append(place)
        return sorted(mine)

    def add_up(self, tensors: Iterable[Tensor]) -> None:
        """Sum tensors of equal shapes over all ranks, in place."""
        if self.size == 1:
            return
        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            distributed.all_reduce(flat)
            at = 0
            for tensor in bucket:
                tensor.copy_(flat[at : at + tensor.numel()].view_as(tensor))
                at += tensor.numel()

    def sums(self, *numbers: float) -> list[float]:
        """Each number summed over all ranks, in float64."""
        if self.size == 1:
            return list(numbers)
        together = torch.tensor(numbers, dtype=torch.float64, device=_number_device())
        distributed.all_reduce(together)
        return together.tolist()

    def wait(self) -> None:
        """Wait until every rank is here."""
        self.sums(0.0)

    def any(self, mine: bool) -> bool:
        """True when it is true for any rank."""
        return self.sums(float(mine))[0] > 0

    def agree(self, number: float, *, what: str) -> None:
        """Raise OutsideError when the ranks hold different numbers: they would train different models."""
        if self.size == 1:
            return
        mine = torch.tensor([number, -number], dtype=torch.float64, device=_number_device())
        distributed.all_reduce(mine, op=distributed.ReduceOp.MAX)
        highest, lowest = mine[0].item(), 0.0 - mine[1].item()
        if highest != lowest:
            raise OutsideError(
                f"the processes hold different {what} ({lowest!r} and {highest!r}).",
                do="Run again from the last checkpoint; use equal versions and machines for all processes.",
                retry="safe",
            )


ALONE = World()


def _buckets(tensors: Iterable[Tensor]) -> Iterable[list[Tensor]]:
    """Tensors of one type in groups of bounded size."""
    bucket: list[Tensor] = []
    values = 0
    for tensor in tensors:
        if bucket and (values + tensor.numel() > BUCKET_VALUES or tensor.dtype != bucket[0].dtype):
            yield bucket
            bucket, values = [], 0
        bucket.append(tensor)
        values += tensor.numel()
    if bucket:
        yield bucket


def _number_device() -> str:
    return "cuda" if distributed.get_backend() == "nccl" else "cpu"


def standing_of(environment: Mapping[str, str]) -> World:
    """Rank and size by the environment, before anybody is met. Raises UserError when they make no sense."""
    names = (RANK, SIZE) if RANK in environment else ("RANK", "WORLD_SIZE")
    if names[0] not in environment:
        return ALONE
    try:
        rank, size = int(environment[names[0]]), int(environment[names[1]])
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{names[0]} and {names[1]} must be whole numbers.", where="the environment", do="Unset both, or set both."
        ) from error
    if not 0 <= rank < size:
        raise UserError(f"rank {rank} is none of {size}.", where=f"the environment, {names[0]}", do="Unset it.")
    return World(rank, size)


@contextmanager
def joined(environment: Mapping[str, str], *, device: str = "cpu") -> Generator[World]:
    """Meet the other ranks for the length of the block: gloo on processors, nccl on CUDA devices.

    Raises OutsideError when they do not come, or when one is lost on the way.
    """
    world = standing_of(environment)
    if world.size == 1:
        yield world
        return
    if device == "cuda":
        torch.cuda.set_device(int(environment.get("LOCAL_RANK", world.rank)))
    try:
        distributed.init_process_group(
            "nccl" if device == "cuda" else "gloo",
            init_method=environment.get(MEETING, "env://"),
            rank=world.rank,
            world_size=world.size,
            timeout=timedelta(seconds=PATIENCE_S),
        )
        yield world
    except (distributed.DistError, distributed.DistNetworkError) as error:
        raise _lost(world, error) from error
    except RuntimeError as error:
        if "gloo" not in str(error).lower() and "Connection" not in str(error):
            raise
        raise _lost(world, error) from error
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _lost(world: World, error: Exception) -> OutsideError:
    return OutsideError(
        f"process {world.rank} of {world.size} lost the others: {' '.join(str(error).split())[:160]}.",
        do="Run the same command again; it goes on from the last checkpoint.",
        retry="safe",
    )
