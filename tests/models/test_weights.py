"""The digest of tensors does not depend on order or division; a header that lies is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tunewright.core.errors import UserError
from tunewright.models.weights import tensors_digest, tensors_of

A = np.arange(6, dtype=np.float32).reshape(2, 3)
B = np.ones(4, np.float16)


def test_division_and_order_do_not_count(tmp_path: Path) -> None:
    save_file({"a": A, "b": B}, tmp_path / "whole.safetensors")
    save_file({"b": B}, tmp_path / "one.safetensors")
    save_file({"a": A}, tmp_path / "two.safetensors", metadata={"format": "pt"})
    parts = [tmp_path / "one.safetensors", tmp_path / "two.safetensors"]
    assert tensors_digest([tmp_path / "whole.safetensors"]) == tensors_digest(parts)


@pytest.mark.parametrize("other", [{"a": A + 1}, {"c": A}, {"a": A.reshape(3, 2)}, {"a": A.astype(np.float64)}])
def test_every_part_of_a_tensor_counts(other: dict[str, np.ndarray], tmp_path: Path) -> None:
    save_file({"a": A}, tmp_path / "a.safetensors")
    save_file(other, tmp_path / "b.safetensors")
    assert tensors_digest([tmp_path / "a.safetensors"]) != tensors_digest([tmp_path / "b.safetensors"])


def entry(**changed: object) -> dict[str, object]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changed


@pytest.mark.parametrize(
    "header",
    [
        b"no json",
        b"[]",
        json.dumps({"a": 3}).encode(),
        json.dumps({"a": entry(shape=[3])}).encode(),
        json.dumps({"a": entry(shape=[-1])}).encode(),
        json.dumps({"a": entry(data_offsets=[8, 0])}).encode(),
        json.dumps({"a": entry(data_offsets=[0, 8000], shape=[2000])}).encode(),
        json.dumps({"a": entry(data_offsets="x")}).encode(),
    ],
)
def test_a_header_that_lies_is_refused(header: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(UserError, match="damaged"):
        tensors_of(path)


def test_a_length_beyond_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    with pytest.raises(UserError, match="damaged"):
        tensors_of(path)
