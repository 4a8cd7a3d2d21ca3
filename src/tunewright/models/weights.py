"""Safetensors files read without torch: which there are, whether they are whole, and a digest of their tensors.

The format: 8 bytes of length, that much JSON (name to dtype, shape, offsets), then the tensors' bytes
(https://github.com/huggingface/safetensors, read 2026).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.digest import BLOCK_BYTES, canonical
from tunewright.core.errors import UserError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
HEADER_LIMIT_BYTES = 100_000_000
BYTES_OF = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}
AGAIN = "Copy or download the model again."


@dataclass(frozen=True)
class Tensor:
    """Where one tensor lies: `begin` and `end` are bytes from the start of its file."""

    path: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files of a model folder, by name. Raises UserError when there are none or one is missing."""
    if (folder / SINGLE).is_file():
        return (folder / SINGLE,)
    if (folder / INDEX).is_file():
        return tuple(_part(folder, name) for name in _names_in(folder / INDEX))
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt*")) or any(folder.glob("*.pkl")):
        raise UserError(
            "the weights are pickle files (.bin, .pt), which can run code when opened, so they are never read.",
            where=str(folder),
            do=f"Use a model that comes with {SINGLE}, or convert this one where you trust it.",
        )
    raise UserError(f"there is no {SINGLE} in this folder.", where=str(folder), do="Give the folder of a whole model.")


def _names_in(index: Path) -> list[str]:
    try:
        names = set(json.loads(index.read_bytes())["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError("the list of weight files cannot be read.", where=str(index), do=AGAIN) from error
    strange = [name for name in names if not isinstance(name, str) or Path(name).name != name]
    if strange or not names:
        raise UserError("the list of weight files names other places.", where=str(index), do=AGAIN)
    return sorted(names)


def _part(folder: Path, name: str) -> Path:
    if not name.endswith(".safetensors") or not (folder / name).is_file():
        raise UserError(f"the weight file {name} is missing.", where=str(folder), do=AGAIN)
    return folder / name


def tensors_of(path: Path) -> list[Tensor]:
    """Every tensor of one file, from its header. Raises UserError when the file is cut short or damaged."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(HEADER_LIMIT_BYTES, size - 8):
            raise _damaged(path, "its header is longer than the file")
        content = file.read(length)
    tensors = _parsed(path, content, 8 + length)
    end = max((tensor.end for tensor in tensors), default=8 + length)
    if end != size:
        raise _damaged(path, f"it should be {end} bytes long and is {size}")
    return tensors


def _parsed(path: Path, content: bytes, start: int) -> list[Tensor]:
    try:
        header: dict[str, Any] = json.loads(content)
        return [_tensor(path, name, entry, start) for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, "its header cannot be read") from error


def _tensor(path: Path, name: str, entry: dict[str, Any], start: int) -> Tensor:
    begin, end = entry["data_offsets"]
    shape = tuple(int(side) for side in entry["shape"])
    if not 0 <= begin <= end or any(side < 0 for side in shape):
        raise ValueError(name)
    values = 1
    for side in shape:
        values *= side
    if entry["dtype"] in BYTES_OF and values * BYTES_OF[entry["dtype"]] != end - begin:
        raise ValueError(name)
    return Tensor(path, name, str(entry["dtype"]), shape, start + begin, start + end)


def _damaged(path: Path, why: str) -> UserError:
    return UserError(f"the weight file is damaged: {why}.", where=str(path), do=AGAIN)


def tensors_digest(paths: Sequence[Path]) -> str:
    """SHA-256 over name, dtype, shape and bytes of every tensor, by name; the division into files does not count."""
    total = hashlib.sha256()
    tensors = [tensor for path in paths for tensor in tensors_of(path)]
    for tensor in sorted(tensors, key=lambda tensor: tensor.name):
        head = canonical([tensor.name, tensor.dtype, list(tensor.shape), tensor.end - tensor.begin])
        total.update(len(head).to_bytes(8, "little") + head)
        with tensor.path.open("rb") as file:
            file.seek(tensor.begin)
            left = tensor.end - tensor.begin
            while left and (block := file.read(min(BLOCK_BYTES, left))):
                total.update(block)
                left -= len(block)
    return total.hexdigest()
