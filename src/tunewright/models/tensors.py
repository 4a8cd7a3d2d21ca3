"""Trained tensors by name: their digest, and reading them back. Safetensors only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
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
