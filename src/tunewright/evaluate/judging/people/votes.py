"""Votes of people as an append-only file of events; who voted what is a fold over it.

`events.jsonl`, one JSON object a line: event (vote, undo, finish), rater, pair (digest of the prompt and both answers),
left (0 or 1: which answer stood left), choice (left, right, tie, skip), time (UTC, ISO 8601).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, get_args

from tunewright.core.appended import append_line, json_lines
from tunewright.core.raters import clean, key_of

EVENTS = "events.jsonl"
Choice = Literal["left", "right", "tie", "skip"]
CHOICES: tuple[str, ...] = get_args(Choice)


@dataclass(frozen=True)
class Vote:
    """One rater's choice about one pair."""

    rater: str
    pair: str
    left: int
    choice: Choice
    time: str

    @property
    def winner(self) -> int | None:
        """Which answer of the pair won, 0 or 1; None for a tie and a skip."""
        return {"left": self.left, "right": 1 - self.left}.get(self.choice)


@dataclass
class Rater:
    """A person: the name as it was first written, the votes in their order, whether they said that they are done."""

    name: str
    votes: dict[str, Vote] = field(default_factory=dict)
    finished: bool = False


class Ballot:
    """The votes of all raters of one session. A vote is on disk when `cast` returns."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / EVENTS
        self.raters: dict[str, Rater] = {}
        for value in json_lines(self.path):
            self._replay(value)

    def rater(self, name: str) -> Rater:
        """The rater of a name; capitals and spaces make no other person. Raises UserError for what is no name."""
        return self.raters.setdefault(key_of(name), Rater(clean(name)))

    def cast(self, vote: Vote) -> None:
        """Keep a vote."""
        self._write({"event": "vote", **asdict(vote)})
        self.rater(vote.rater).votes[vote.pair] = vote

    def undo(self, name: str, *, time: str) -> Vote | None:
        """Take the last vote of a rater back, and their end; None where there is no vote."""
        rater = self.rater(name)
        if not rater.votes:
            return None
        _pair, vote = rater.votes.popitem()
        rater.finished = False
        self._write({"event": "undo", "rater": rater.name, "pair": vote.pair, "time": time})
        return vote

    def finish(self, name: str, *, time: str) -> None:
        """The rater says that they are done."""
        rater = self.rater(name)
        rater.finished = True
        self._write({"event": "finish", "rater": rater.name, "time": time})

    def votes(self) -> list[Vote]:
        """Every vote that stands, rater by rater."""
        return [vote for rater in self.raters.values() for vote in rater.votes.values()]

    def _write(self, value: dict[str, object]) -> None:
        append_line(self.path, json.dumps(value, ensure_ascii=True))

    def _replay(self, value: dict[str, object]) -> None:
        """Do what an event says; what is no event of ours says nothing."""
        event, name = value.pop("event", None), value.get("rater")
        if not isinstance(name, str) or not key_of(name):
            return
        rater = self.rater(name)
        if event == "vote" and value.keys() == Vote.__dataclass_fields__.keys() and value["choice"] in CHOICES:
            vote = Vote(**value)  # type: ignore[arg-type]
            rater.votes[vote.pair] = vote
        elif event == "undo":
            rater.votes.pop(str(value.get("pair")), None)
            rater.finished = False
        elif event == "finish":
            rater.finished = True
