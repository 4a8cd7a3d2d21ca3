"""Which rows people review, and in which order each person sees them."""

from __future__ import annotations

import hashlib
import heapq
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow.parquet as pq

from tunewright.core.errors import UserError
from tunewright.data.review.decisions import origin_of

Order = Literal["random", "worst"]
SCORE = "quality"
"""The column of a row (`details.columns`) that says how good it is; the lowest come first with the order `worst`."""
BLOCK_ROWS = 4096


class Queued(NamedTuple):
    """A row that waits: its place in the split, its name there and before any change, its score where it has one."""

    place: int
    row: str
    origin: str
    score: float | None


class Draw(NamedTuple):
    """How rows are drawn: at most so many `rows`, by a seed or the worst first."""

    rows: int
    seed: int = 0
    order: Order = "random"


def choose(folder: Path, split: str, *, draw: Draw) -> list[Queued]:
    """The rows of a split that are reviewed, each content once, canaries left out; memory holds those alone.

    Which rows are drawn depends on the seed and on what the rows are, not on their places. Raises UserError where no
    row has a score and the worst are asked for.
    """

    def first(one: Queued) -> tuple[float, bytes]:
        score = one.score if draw.order == "worst" and one.score is not None else math.inf
        return score, lot(draw.seed, one.origin)

    chosen = heapq.nsmallest(draw.rows, _distinct(folder / f"{split}.parquet"), key=first)
    if draw.order == "worst" and chosen and all(one.score is None for one in chosen):
        raise UserError(
            "no row has a score, so none is the worst.",
            where="--order",
            do="Add the step quality to data.steps, or review in random order.",
        )
    return chosen


def ordered(queue: list[Queued], rater: str, *, draw: Draw) -> list[Queued]:
    """The order in which one rater sees the rows: their own, or the worst first."""
    if draw.order == "worst":
        return queue
    return sorted(queue, key=lambda one: lot(draw.seed, f"{rater}:{one.origin}"))


def lot(seed: int, name: str) -> bytes:
    """The place of a name in the draw."""
    return hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=16).digest()


def _distinct(path: Path) -> Iterator[Queued]:
    """Rows of a file, each origin once."""
    seen: set[bytes] = set()
    for index, (row, details) in enumerate(_lines(path)):
        found: Any = json.loads(details) if details else {}
        origin = origin_of(row, found)
        key = lot(0, origin)
        if "mark" in found or key in seen:
            continue
        seen.add(key)
        yield Queued(index, row, origin, score_of(found))


def _lines(path: Path) -> Iterator[tuple[str, str | None]]:
    for batch in pq.ParquetFile(path).iter_batches(batch_size=BLOCK_ROWS, columns=["id", "details"]):
        yield from zip(batch["id"].to_pylist(), batch["details"].to_pylist(), strict=True)


def score_of(details: Any) -> float | None:
    """The score of a row, None where it has none."""
    value = details.get("columns", {}).get(SCORE)
    try:
        score = float(value)
    except (TypeError, ValueError):
        return None
    return score if math.isfinite(score) else None
