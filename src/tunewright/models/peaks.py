"""What this machine computes and reads a second, measured in about two seconds; and what devices it has."""

from __future__ import annotations

import time
from typing import NamedTuple

import torch
from torch import Tensor

SIDE = 2048
"""Products of 2048 x 2048 fill the matrix units of any processor."""
COPY_BYTES = 256 * 2**20
"""Larger than any cache."""
SECONDS = 0.4


class Peaks(NamedTuple):
    """Floating-point operations a second by type, and bytes read a second."""

    fp32_flops: float
    bf16_flops: float
    read_bytes_s: float


def peaks(*, device: str = "cpu") -> Peaks:
    """The best of some repetitions for each."""
    return Peaks(_products(torch.float32, device), _products(torch.bfloat16, device), _reading(device))


def _products(dtype: torch.dtype, device: str) -> float:
    a, b = (torch.randn(SIDE, SIDE, device=device).to(dtype) for _ in range(2))
    return 2 * SIDE**3 / _best(lambda: a @ b)


def _reading(device: str) -> float:
    source = torch.ones(COPY_BYTES // 4, device=device)
    return COPY_BYTES / _best(lambda: source.sum())


def _best(work: object) -> float:
    """Seconds of the fastest of as many calls as fit the time."""
    assert callable(work), "a piece of work"
    work()
    best = float("inf")
    until = time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        began = time.perf_counter()
        _wait(work())
        best = min(best, time.perf_counter() - began)
    return best


def _wait(result: object) -> None:
    """Devices compute later than they are asked."""
    if isinstance(result, Tensor) and result.device.type == "cuda":
        torch.cuda.synchronize()


def gpus() -> list[str]:
    """Every CUDA device in words, with the others that it reaches directly; empty where there is none."""
    if not torch.cuda.is_available():
        return []
    count = torch.cuda.device_count()
    found: list[str] = []
    for index in range(count):
        facts = torch.cuda.get_device_properties(index)
        linked = [str(other) for other in range(count) if other != index and _linked(index, other)]
        links = f", reaches {', '.join(linked)} directly" if linked else ""
        capability = f"{facts.major}.{facts.minor}"
        found.append(f"{index}: {facts.name}, {facts.total_memory / 1e9:.0f} GB, capability {capability}{links}")
    return found


def _linked(one: int, other: int) -> bool:
    return bool(torch.cuda.can_device_access_peer(one, other))
