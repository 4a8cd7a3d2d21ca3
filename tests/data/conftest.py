"""The chat format that tests of this room encode with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewright.text.chat import ChatFormat, load_chat


@pytest.fixture(scope="session")
def chat(tiny_tokenizer_folder: Path) -> ChatFormat:
    """SmolLM2's template over a tiny tokenizer."""
    return load_chat(tiny_tokenizer_folder)
