"""Times in a column: numbers, or dates as ISO 8601 writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from tunewright.core.errors import UserError


def instants(texts: Sequence[str], places: Sequence[str]) -> list[float]:
    """Texts as numbers that rise with time: all of them numbers, or all of them dates; a date without a zone is UTC.

    Raises UserError with the place of the first that is neither.
    """
    for read in (_number, _date):
        found = [read(text.strip()) for text in texts]
        if all(math.isfinite(value) for value in found):
            return found
    readers = (_number, _date) if texts and math.isfinite(_number(texts[0].strip())) else (_date,)
    bad = next(at for at, text in enumerate(texts) if not math.isfinite(readers[0](text.strip())))
    raise UserError(
        f'"{texts[bad][:40]}" is no time like those before it.' if bad else f'"{texts[bad][:40]}" is no time.',
        where=places[bad],
        do="Write every time as a number, or as 2026-01-31 or 2026-01-31T12:00:00.",
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _date(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return math.nan
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
