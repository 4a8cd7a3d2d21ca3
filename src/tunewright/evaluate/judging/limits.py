"""What judging may cost, and the purse that watches it while several questions are under way."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from tunewright.evaluate.suite import Talk

BYTES_A_TOKEN = 2
"""Prompts have fewer tokens than their bytes divided by this: what is set aside before a question is asked."""


@dataclass(frozen=True)
class Prices:
    """US dollars for a million tokens that are read and written."""

    read_usd: float = 0.0
    written_usd: float = 0.0

    def cost_usd(self, read_tokens: float, written_tokens: float) -> float:
        """What so many tokens cost."""
        return (read_tokens * self.read_usd + written_tokens * self.written_usd) / 1e6


@dataclass(frozen=True)
class Limits:
    """Where asking stops, None for never: requests sent, repeated ones among them, and dollars spent."""

    max_requests: int | None = None
    max_usd: float | None = None


class Purse:
    """Says whether the next pair may be asked, and counts what was spent.

    Before a pair is asked, the most that its two answers can cost is set aside, so that the limit is kept also with
    several pairs under way. An answer without a count of tokens costs what was set aside for it.
    """

    def __init__(self, limits: Limits, prices: Prices) -> None:
        self.limits, self.prices = limits, prices
        self.spent_usd = 0.0
        self.stopped = ""
        self._aside_usd = 0.0
        self._aside = self._begun = 0
        self._lock = threading.Lock()

    def open(self, most_usd: float, *, sent: int, questions: int = 2) -> bool:
        """Set aside what some questions, two for a pair, cost at most; False when that is too much, and ever after.

        `sent` requests left so far, repeated ones among them.
        """
        with self._lock:
            most, usd = self.limits.max_requests, self.limits.max_usd
            if most is not None and max(sent, self._begun) + self._aside + questions > most:
                self.stopped = self.stopped or f"the limit of {most} requests"
            if usd is not None and self.spent_usd + self._aside_usd + most_usd > usd:
                self.stopped = self.stopped or f"the limit of {usd:g} USD"
            if not self.stopped:
                self._aside += questions
                self._aside_usd += most_usd
            return not self.stopped

    def begin(self) -> None:
        """One of the questions is asked now."""
        with self._lock:
            self._aside -= 1
            self._begun += 1

    def settle(self, most_usd: float, *, spent_usd: float, unasked: int) -> None:
        """The pair is done with: what was set aside is free again, what it cost is spent, so many were not asked."""
        with self._lock:
            self._aside -= unasked
            self._aside_usd -= most_usd
            self.spent_usd += spent_usd

    def spend(self, usd: float) -> None:
        """Count what an answer cost that was had before."""
        with self._lock:
            self.spent_usd += usd

    def most_usd(self, talk: Talk, max_new_tokens: int) -> float:
        """The most that one question can cost."""
        size = sum(len(turn.get("content", "").encode("utf-8", "replace")) for turn in talk.messages)
        return self.prices.cost_usd(size / BYTES_A_TOKEN, max_new_tokens)
