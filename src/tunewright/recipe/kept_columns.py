"""Columns that a recipe's split and steps look at must be kept with the rows. No pydantic here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from tunewright.core.errors import Problem
from tunewright.recipe.draft import Draft
from tunewright.recipe.keys import Path, below, mapping

OF_STEPS = {
    "sample": ("stratify",),
    "balance": ("by",),
    "mix": ("by",),
    "weight": ("column",),
    "order": ("column",),
}
"""Keys of steps that name a column."""
NO_COLUMN = ("label", "source")
"""What rows have without being kept."""


def problems(draft: Draft) -> Iterator[Problem]:
    """Columns that are looked at and not kept."""
    data = draft.plain.get("data")
    kept = _listed(below(data, "keep"))
    for place, name in _named(data):
        if name not in kept and name not in NO_COLUMN:
            what = f'the column "{name}" is not kept with the rows.'
            yield Problem(what, draft.where(("data", *place)), f'Write data.keep: ["{name}"].')


def _named(data: Any) -> Iterator[tuple[Path, str]]:
    """Places under `data` that name a column."""
    for key in ("by", "time"):
        if isinstance(name := below(below(data, "split"), key), str):
            yield ("split", key), name
    for at, step in enumerate(_listed(below(data, "steps"))):
        for place, name, keys in _spelled_out(step):
            for key in OF_STEPS.get(name, ()):
                if isinstance(column := below(keys, key), str):
                    yield ("steps", at, *place, key), column


def _spelled_out(step: Any) -> Iterator[tuple[Path, str, Any]]:
    """Where the keys of a step stand, its name and its keys: `{type: mix, ...}` or `mix: {...}`."""
    whole = mapping(step) or {}
    if isinstance(name := whole.get("type"), str):
        yield (), name, whole
    else:
        for name, keys in whole.items():
            yield (name,), name, keys


def _listed(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
