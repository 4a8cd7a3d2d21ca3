"""Which rows are copied, and copies of a row: noise, synonyms, or a template in its user turns. Answers stay."""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, cast

from tunewright.core.ports import Converted, Details, Message, Row
from tunewright.data.augmenting.noise import NOISE, noisy, outside
from tunewright.data.augmenting.synonyms import reworded
from tunewright.data.rows import make_row
from tunewright.recipe.options.steps.augment import Options

OWN = frozenset({"changes", "before", "log_probabilities"})
"""Details that say something about the row itself, and nothing of a copy."""


class Wanted(NamedTuple):
    """A copy that is to be made: place of the row among the training rows, and the how manieth of this row."""

    place: int
    number: int


def lot(seed: int, *words: object) -> float:
    """A number in [0, 1) that depends on its words alone, not on what was drawn before."""
    text = ":".join(map(str, (seed, *words)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2**64


def by_lot(rows: Sequence[Row], places: Iterable[int], *, seed: int, purpose: str) -> list[int]:
    """Places in an order drawn by lot from what stands in the rows."""
    return sorted(places, key=lambda place: (lot(seed, purpose, rows[place].id), place))


def wanted(rows: Sequence[Row], places: Sequence[int], *, options: Options) -> tuple[list[Wanted], dict[str, int]]:
    """Copies that are to be made, and by label how many cannot be had for balance."""
    drawn = by_lot(rows, places, seed=options.seed, purpose="copy")
    if options.balance is None:
        count = options.share if isinstance(options.share, int) else round(options.share * len(places))
        return [Wanted(place, 0) for place in drawn[:count]], {}
    having = Counter(row.label for row in rows if row.label is not None)
    largest = max(having.values(), default=0)
    by_label: defaultdict[str, list[int]] = defaultdict(list)
    for place in drawn:
        if rows[place].label is not None:
            by_label[rows[place].label or ""].append(place)
    found: list[Wanted] = []
    short: dict[str, int] = {}
    for label, count in sorted(having.items()):
        some = [Wanted(place, number) for number in range(options.most_copies) for place in by_label[label]]
        found += some[: largest - count]
        if len(some) < largest - count:
            short[label] = largest - count - len(some)
    return found, short


class Copier:
    """Makes copies by the kinds that the options name."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.kinds = (
            *options.noise,
            *(("synonyms",) if options.synonyms else ()),
            *(("template",) if options.templates else ()),
        )

    def copies(self, row: Row, number: int) -> Iterable[Row]:
        """Different copies of a row, each of another kind, in an order drawn by lot; no kind that changes nothing."""
        draw = random.Random(f"{self._options.seed}:{row.id}:{number}")
        for kind in draw.sample(self.kinds, k=len(self.kinds)):
            messages = self._changed(row.messages, kind, draw)
            if messages != row.messages:
                yield new_row(row, messages, mark=f"augment.{kind}")

    def _changed(self, messages: Sequence[Message], kind: str, draw: random.Random) -> tuple[Message, ...]:
        if kind == "template":
            template = draw.choice(self._options.templates)
            return with_last_request(messages, template.replace("{text}", last_request(messages)))
        change = self._change(kind, draw)
        return tuple(
            cast("Message", {**turn, "content": change(turn.get("content", ""))})
            if turn.get("role") == "user"
            else turn
            for turn in messages
        )

    def _change(self, kind: str, draw: random.Random) -> Callable[[str], str]:
        if kind == "synonyms":
            return lambda text: outside(text, lambda part: reworded(part, draw))
        return lambda text: noisy(text, NOISE[kind], draw=draw, rate=self._options.noise_rate)


def new_row(row: Row, messages: tuple[Message, ...], *, mark: str) -> Row:
    """A row made from another: it says what made it and from which, and counts as one with it in statistics."""
    details = Details(
        **{
            **{name: value for name, value in row.details.items() if name not in OWN},
            "mark": mark,
            "variant": mark.rpartition(".")[2],
            "original": row.id,
            "family": row.details.get("family", row.id),
        }
    )
    made = Converted(messages, row.label, row.tools, row.rejected, details)
    return make_row(made, source=row.source, line=row.line)


def last_request(messages: Sequence[Message]) -> str:
    """Text of the last user turn; empty where there is none."""
    return next((turn.get("content", "") for turn in reversed(messages) if turn.get("role") == "user"), "")


def with_last_request(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """The turns with another text in the last user turn."""
    at = max(place for place, turn in enumerate(messages) if turn.get("role") == "user")
    return (*messages[:at], cast("Message", {**messages[at], "content": text}), *messages[at + 1 :])


def can_be_copied(row: Row) -> bool:
    """True of rows of people with a user turn: neither planted nor made before, nor plain text."""
    return "mark" not in row.details and bool(last_request(row.messages).strip())
