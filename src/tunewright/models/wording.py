"""From tokens to text as they come: no half characters, no text that may turn out to belong to a stop string."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Decode = Callable[[Sequence[int]], str]
UNFINISHED = "\N{REPLACEMENT CHARACTER}"
"""What a decoder writes for bytes that are no character yet."""
KEPT = 6
"""Tokens decoded again before new ones, so that what joins them is written as in the whole text."""


class Wording:
    """The text of one answer. `text` is what may be shown; it ends where a stop string begins."""

    def __init__(self, decode: Decode, stop_strings: Sequence[str] = ()) -> None:
        self.decode = decode
        self.stop_strings = tuple(stop for stop in stop_strings if stop)
        self.text = ""
        self.stopped = False
        self._tokens: list[int] = []
        self._settled = 0
        """Tokens whose text is final, and `_known`, that text."""
        self._known = ""

    def add(self, token: int) -> str:
        """The text that a token makes certain; empty while it may still change."""
        self._tokens.append(token)
        whole = self._whole()
        if whole.endswith(UNFINISHED):
            return ""
        self._settle(whole)
        return self._show(whole, final=False)

    def end(self) -> str:
        """What was held back and belongs to the answer after all."""
        return "" if self.stopped else self._show(self._whole(), final=True)

    def _whole(self) -> str:
        """The text so far: what is settled, and the last tokens decoded with those before them."""
        start = max(0, self._settled - KEPT)
        before = self.decode(self._tokens[start : self._settled]) if start < self._settled else ""
        return self._known + self.decode(self._tokens[start:])[len(before) :]

    def _settle(self, whole: str) -> None:
        self._known, self._settled = whole, len(self._tokens)

    def _show(self, whole: str, *, final: bool) -> str:
        shown = len(self.text)
        longest = max(map(len, self.stop_strings), default=0)
        found = [at for stop in self.stop_strings if (at := whole.find(stop, max(0, shown - longest))) >= 0]
        if found:
            self.stopped = True
            end = max(min(found), shown)
        else:
            end = len(whole) if final else len(whole) - self._held(whole)
        self.text = whole[: max(end, shown)]
        return self.text[shown:]

    def _held(self, whole: str) -> int:
        """Characters at the end that may begin a stop string."""
        most = max((len(stop) - 1 for stop in self.stop_strings), default=0)
        for count in range(min(most, len(whole)), 0, -1):
            if any(stop.startswith(whole[-count:]) for stop in self.stop_strings):
                return count
        return 0
