"""Tensors by name: their digest, writing them and reading them back. Safetensors only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tunewright.core import digest


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes, in the order of names: equal on any machine for equal tensors."""

    def parts() -> Iterator[bytes]:
        for name in sorted(weights):
            tensor = weights[name].detach().cpu().contiguous()
            yield f"{name}:{tensor.dtype}:{tuple(tensor.shape)}".encode()
            yield digest.of_bytes(tensor.view(-1).view(torch.uint8).numpy().data).encode()

    return digest.of_parts(parts())


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder's safetensors files, by name."""
    found: dict[str, Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= load_file(path)
    return found


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write one safetensors file. Raises OSError, as any other writer does, when the disk is full or closed to us."""
    try:
        save_file({name: t.detach().contiguous() for name, t in weights.items()}, path, metadata={"format": "pt"})
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
