"""A data set whose files changed after they were written is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewright.core.errors import OutsideError
from tunewright.data.seal import check_seal, seal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.safetensors").write_bytes(bytes(range(200)))
    (tmp_path / "train.parquet").write_bytes(b"rows")
    seal(tmp_path)
    return tmp_path


def test_what_was_written_passes(folder: Path) -> None:
    check_seal(folder)
    assert (folder / "digests.json").exists()


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "seal"])
def test_any_change_is_named(folder: Path, damage: str) -> None:
    file = folder / ("digests.json" if damage == "seal" else "train.safetensors")
    content = bytearray(file.read_bytes())
    if damage == "remove":
        file.unlink()
    elif damage == "flip":
        content[100] ^= 1
        file.write_bytes(content)
    else:
        file.write_bytes(content[:50])
    with pytest.raises(OutsideError, match=rf"{file.name}: this file is damaged\. Delete its folder"):
        check_seal(folder)
