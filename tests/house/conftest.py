"""What the house's rules share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.house.tree import parsed


@pytest.fixture(scope="module", autouse=True)
def forget_trees() -> Iterator[None]:
    """Syntax trees are many objects, and every later test would pay for them when garbage is collected."""
    yield
    parsed.cache_clear()
