"""What becomes of an example of more tokens than `data.max_tokens`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewright.core.errors import UserError
from tunewright.core.ports import Row
from tunewright.recipe.recipe import OverlongOptions

Tokens = tuple[NDArray[np.int32], NDArray[np.float32]]
NO_ANSWER_LEFT = "no_answer_left"
NOTHING_TO_TRAIN = "nothing_to_train"
OVERLONG = "overlong"
RATED_LOW = "rated_low"
"""Rated answers that do not count as good, where answers are to be imitated."""
PART_WITHOUT_ANSWER = "part_without_answer"
"""Of a row that was split; the others are reasons of whole rows."""


@dataclass(frozen=True)
class Fitted:
    """An example after the policy: its pieces; tokens cut off; and the reason when it is left out (then no pieces)."""

    pieces: tuple[Tokens, ...]
    truncated: int = 0
    reason: str = ""


def fit(example: Tokens, *, limit: int, policy: OverlongOptions, stop_ids: frozenset[int]) -> Fitted:
    """Pieces of at most `limit` tokens. `refuse` is the caller's: here it leaves the row out like `drop`."""
    tokens, weights = example
    if not weights.any():
        return Fitted((), reason=NOTHING_TO_TRAIN)
    if len(tokens) <= limit:
        return Fitted((example,))
    if policy.action == "split":
        return Fitted(tuple(part(example, start, end=start + limit) for start in range(0, len(tokens), limit)))
    if policy.action == "cut":
        return cut(example, limit=limit, side=policy.side, stop_ids=stop_ids)
    return Fitted((), reason=OVERLONG)


def part(example: Tokens, start: int, *, end: int) -> Tokens:
    """Tokens [start, end); the first has nothing before it to be predicted from, so it has no weight."""
    tokens, weights = example[0][start:end], example[1][start:end].copy()
    weights[:1] = 0
    return tokens, weights


def cut(example: Tokens, *, limit: int, side: str, stop_ids: frozenset[int]) -> Fitted:
    """One piece that ends with the stop token of the last trained answer."""
    tokens, weights = example
    end = last_trained_stop(example, stop_ids)
    if side == "start":
        piece = part(example, max(0, end + 1 - limit), end=end + 1)
    else:
        keep = np.append(np.arange(min(limit - 1, end)), end)
        piece = tokens[keep], weights[keep]
    answer = piece[1][:-1] if int(tokens[end]) in stop_ids else piece[1]
    if not answer.any():
        return Fitted((), reason=NO_ANSWER_LEFT)
    return Fitted((piece,), truncated=len(tokens) - len(piece[0]))


def last_trained_stop(example: Tokens, stop_ids: frozenset[int]) -> int:
    """Place of the last trained stop token, else of the last trained token."""
    tokens, weights = example
    trained = np.flatnonzero(weights)
    stops = trained[np.isin(tokens[trained], list(stop_ids))]
    return int(stops[-1] if len(stops) else trained[-1])


@dataclass
class Refusal:
    """Collects over-long rows for one sentence."""

    limit: int
    count: int = 0
    longest: int = 0
    first: str = ""

    def add(self, row: Row, length: int) -> None:
        """Remember one row."""
        self.first = self.first or f"{row.source}:{row.line}"
        self.count += 1
        self.longest = max(self.longest, length)

    def check(self) -> None:
        """Raise UserError when there was any."""
        if self.count:
            rows = "1 example has" if self.count == 1 else f"{self.count:,} examples have"
            raise UserError(
                f"{rows} more than data.max_tokens = {self.limit:,} tokens; the longest has {self.longest:,}.",
                where=self.first,
                do=f"Raise data.max_tokens to {self.longest}, or write data.overlong: drop (leave them out), "
                "cut (shorten them) or split (several examples).",
            )
