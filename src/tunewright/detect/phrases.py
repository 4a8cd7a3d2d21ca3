"""Joins patterns from short lists of phrases."""

from __future__ import annotations


def one_of(phrases: str) -> str:
    """An alternative of phrases that spaces divide; `_` stands for a space inside one. Each may be a pattern itself."""
    return "(?:" + "|".join(phrases.split()).replace("_", " ") + ")"
