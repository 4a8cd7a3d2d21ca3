"""The compiled kernels, once a run of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for compiled kernels."""
    return tmp_path_factory.mktemp("compile")
