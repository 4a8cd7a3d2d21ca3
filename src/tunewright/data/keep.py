"""Columns that the recipe keeps with each row (`data.keep`): text for groups and slices of a report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

MAX_CHARACTERS = 1000
"""Of one value. A column names a group; a longer value is a document, and would lie in every copy of the row."""
MISSING = "kept_column_missing"
CUT = "kept_column_cut"


def kept(value: Mapping[str, Any], names: Sequence[str], *, notes: Counter[str]) -> dict[str, str]:
    """The named columns of a row as text; one that is absent or null is left out.

    `notes` counts columns that were absent, and values that were cut, each with the column's name.
    """
    found: dict[str, str] = {}
    for name in names:
        if value.get(name) is None:
            notes[f"{MISSING}: {name}"] += 1
            continue
        text = as_text(value[name])
        if len(text) > MAX_CHARACTERS:
            notes[f"{CUT}: {name}"] += 1
        found[name] = text[:MAX_CHARACTERS]
    return found


def as_text(value: Any) -> str:
    """Text as it is, all else as JSON with sorted keys: the same value is the same text whatever file it came from."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def nowhere(names: Sequence[str], notes: Mapping[str, int], *, rows: int) -> list[str]:
    """Columns that no row had: most likely a slip of the pen."""
    return [name for name in names if rows and notes.get(f"{MISSING}: {name}", 0) >= rows]
