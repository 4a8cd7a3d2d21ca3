"""What people decided about rows: an append-only file of events, and the decisions that stand.

`review.jsonl`, one JSON object a line: event (decision, undo, finish), rater, row (id of the row that was shown),
origin (its id before any step changed it), split, verdict (accept, reject, skip), rating (1 to 5, or null), answer
(what the answer should be, or null), time (UTC, ISO 8601). A later decision of a rater about a row takes the place of
an earlier one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from tunewright.core import digest
from tunewright.core.appended import append_line
from tunewright.core.ports import Details
from tunewright.core.raters import LONGEST_NAME, clean, key_of

Verdict = Literal["accept", "reject", "skip"]
VERDICTS: tuple[str, ...] = get_args(Verdict)
RATINGS = range(1, 6)
LONGEST_ANSWER = 100_000


@dataclass(frozen=True)
class Decision:
    """One rater's decision about one row. `number` is its place in the file: decisions in order of time."""

    rater: str
    row: str
    origin: str
    split: str
    verdict: Verdict
    rating: int | None
    answer: str | None
    time: str
    number: int = field(default=0, compare=False)


@dataclass
class Rater:
    """A person: the name as it was first written, decisions by origin in their order, whether they are done."""

    name: str
    decisions: dict[str, Decision] = field(default_factory=dict)
    finished: bool = False


class Decisions:
    """The decisions of all raters in one file. What is kept is on disk when the function returns.

    `broken` counts lines that are no event of ours: what a kill left of one, or a slip in an editor.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.raters: dict[str, Rater] = {}
        self.broken = 0
        self._number = 0
        if path.exists():
            with path.open("rb") as lines:
                for line in lines:
                    self.broken += bool(line.strip()) and not self._replay(line)

    def rater(self, name: str) -> Rater:
        """The rater of a name; capitals and spaces make no other person. Raises UserError for what is no name."""
        return self.raters.setdefault(key_of(name), Rater(clean(name)))

    def keep(self, decision: Decision) -> None:
        """Keep a decision."""
        line = asdict(decision)
        del line["number"]
        self._write({"event": "decision", **line})
        self._stand(decision)

    def undo(self, name: str, origin: str, *, time: str) -> None:
        """Take a decision of a rater back, and their end."""
        rater = self.rater(name)
        self._write({"event": "undo", "rater": rater.name, "origin": origin, "time": time})
        rater.decisions.pop(origin, None)
        rater.finished = False

    def finish(self, name: str, *, time: str) -> None:
        """The rater says that they are done."""
        rater = self.rater(name)
        self._write({"event": "finish", "rater": rater.name, "time": time})
        rater.finished = True

    def by_row(self) -> dict[str, list[Decision]]:
        """Decisions that stand and are no skips, by the origin of their row, the earliest first."""
        found: dict[str, list[Decision]] = {}
        every = [one for rater in self.raters.values() for one in rater.decisions.values() if one.verdict != "skip"]
        for one in sorted(every, key=lambda decision: decision.number):
            found.setdefault(one.origin, []).append(one)
        return found

    @property
    def digest(self) -> str:
        """Digest of the decisions that stand, whatever was undone on the way; empty where there are none."""
        standing = [
            [key_of(one.rater), one.origin, one.verdict, one.rating, one.answer]
            for group in self.by_row().values()
            for one in group
        ]
        return digest.of_json(standing) if standing else ""

    def _write(self, value: dict[str, Any]) -> None:
        append_line(self.path, json.dumps(value, ensure_ascii=True))

    def _stand(self, decision: Decision) -> None:
        self._number += 1
        decisions = self.rater(decision.rater).decisions
        decisions.pop(decision.origin, None)
        decisions[decision.origin] = replace(decision, number=self._number)

    def _replay(self, line: bytes) -> bool:
        """Do what an event says; False for a line that says nothing."""
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return False
        name = value.get("rater") if isinstance(value, dict) else None
        if not isinstance(name, str) or not 0 < len(key_of(name)) <= LONGEST_NAME:
            return False
        event = value.pop("event", None)
        if event == "decision" and is_decision(value):
            self._stand(Decision(**{key: value[key] for key in KEYS}))
        elif event == "undo":
            self.rater(name).decisions.pop(str(value.get("origin")), None)
            self.rater(name).finished = False
        elif event == "finish":
            self.rater(name).finished = True
        else:
            return False
        return True


KEYS = ("rater", "row", "origin", "split", "verdict", "rating", "answer", "time")


def is_decision(value: Mapping[str, Any]) -> bool:
    """True for an object that has all keys of a decision, each with a value that means something."""
    texts = all(isinstance(value.get(key), str) for key in ("rater", "row", "origin", "split", "time"))
    answer = value.get("answer")
    return (
        texts
        and value.get("verdict") in VERDICTS
        and is_rating(value.get("rating"))
        and (answer is None or (isinstance(answer, str) and bool(answer.strip())))
    )


def is_rating(value: object) -> bool:
    """True for 1 to 5, and for None: no rating."""
    return value is None or (type(value) is int and value in RATINGS)


def origin_of(row_id: str, details: Details) -> str:
    """What a row was called before any step changed it: the name under which its decisions are found."""
    return details.get("before") or row_id
