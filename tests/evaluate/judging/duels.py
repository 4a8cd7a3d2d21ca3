"""Evaluations with answers to judge, and a judge with planted habits, behind a real server."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.evaluate.judging.scripted import Say, Scripted, answer, server
from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Details, Row
from tunewright.evaluate.compare import Measured
from tunewright.evaluate.judging.ask import Judge, Round, put_to
from tunewright.evaluate.judging.kept import open_kept
from tunewright.evaluate.judging.limits import Limits, Prices, Purse
from tunewright.evaluate.judging.pairs import Duel, read_duel
from tunewright.evaluate.remote import RemoteModel
from tunewright.evaluate.store import write_answers

Script = Callable[[dict[str, Any], int], Say]


def row(number: int, *, family: str = "") -> Row:
    """A row of two turns."""
    turns = ({"role": "user", "content": f"Question {number}?"}, {"role": "assistant", "content": "true"})
    return Row(f"row{number:04}", turns, details=Details(family=family) if family else Details())


def write_evaluation(
    folder: Path, count: int, *, families: int = 0, answers: Callable[[str, int], str] | None = None
) -> Path:
    """An evaluation's folder with `count` answers of base and tuned; returns it. A quarter of the rows favours base."""
    spoken = answers or (lambda model, number: f"I am {model}, row {number}.")
    rows = [row(number, family=f"f{number % families}" if families else "") for number in range(count)]

    def of(model: str) -> list[AnsweredRow]:
        return [AnsweredRow(one, spoken(model, place), finish="stop") for place, one in enumerate(rows)]

    write_answers(folder, [Measured("answers", "bare", of("base"), of("base"), of("tuned"))])
    return folder


@dataclass(frozen=True)
class Habits:
    """A judge: `place` of the time it takes the first answer blindly; else it is a tie for `ties` of the time, else
    the tuned model wins for `tuned` of the time."""

    place: float = 0.0
    ties: float = 0.0
    tuned: float = 0.7
    seed: int = 0

    def verdict(self, first: str, draw: random.Random) -> str:
        """The verdict where the answer of `first` (base or tuned) stands first."""
        if draw.random() < self.place:
            return "first"
        if draw.random() < self.ties:
            return "tie"
        winner = "tuned" if draw.random() < self.tuned else "base"
        return "first" if winner == first else "second"

    @property
    def win_rate(self) -> float:
        """What is expected of the tuned model, both orders taken together."""
        own = self.ties / 2 + (1 - self.ties) * self.tuned
        return self.place / 2 + (1 - self.place) * own

    def __call__(self, body: dict[str, Any], _number: int) -> Say:
        """Answer a judge's question; the same question gets the same answer."""
        text = body["messages"][-1]["content"]
        draw = random.Random(hashlib.sha256(f"{self.seed} {json.dumps(body, sort_keys=True)}".encode()).digest())
        first = "tuned" if text.index("I am tuned") < text.index("I am base") else "base"
        return answer(f"Because.\nVERDICT: {self.verdict(first, draw)}")


@contextmanager
def judge(script: Script, **settings: Any) -> Iterator[tuple[Judge, Scripted]]:
    """A judge behind a real server that follows a script."""
    rubric, max_new_tokens = settings.pop("rubric", ""), settings.pop("max_new_tokens", 64)
    with (
        server(script) as seen,
        RemoteModel(seen.url, "judge", **{"retries": 1, "timeout_s": 5.0, **settings}) as model,
    ):
        model.server.wait_s = 0.01
        yield Judge(model, rubric, max_new_tokens), seen


def ask(
    judge: Judge, duel: Duel, folder: Path, *, limits: Limits | None = None, prices: Prices | None = None
) -> tuple[Round, Purse]:
    """One round with answers kept below a folder."""
    purse = Purse(limits or Limits(), prices or Prices())
    with open_kept(folder, judge.identity) as kept:
        return put_to(judge, duel, kept=kept, purse=purse, emit=lambda _event: None), purse


def duel_of(folder: Path, count: int, **how: Any) -> Duel:
    """A duel of so many pairs."""
    return read_duel(write_evaluation(folder, count, **how))
