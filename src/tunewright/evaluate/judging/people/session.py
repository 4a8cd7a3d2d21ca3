"""One session of people who judge: blinded pairs in an order of each rater's own, and what a page may know of them."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.raters import key_of
from tunewright.core.workspace import outside_errors
from tunewright.evaluate.judging.pairs import Duel, Pair
from tunewright.evaluate.judging.people.votes import CHOICES, Ballot, Rater, Vote

TOKEN = "token"


@dataclass(frozen=True)
class Turn:
    """What one rater sees at one place of their order: a pair, and which of its answers stands left."""

    pair: Pair
    left: int


class Session:
    """The pairs that are shown, and the votes on them. Answers that are equal are not shown.

    `folder` holds the events; the same duel and seed always have the same folder, so that going on works. Every rater
    sees every pair, in an order and with sides drawn from the seed and the name; half of the pairs are swapped.
    """

    def __init__(self, duel: Duel, folder: Path, *, clock: Callable[[], str]) -> None:
        """`clock` gives the moment in UTC as ISO 8601. Raises UserError when no pair is left to be judged."""
        self.duel = duel
        self.shown = tuple(pair for pair in duel.pairs if not pair.same)
        self.identical = len(duel.pairs) - len(self.shown)
        if not self.shown:
            raise UserError(
                "there is no pair to judge: both models gave the same answers.", where=duel.way, do="Name other models."
            )
        self.identity = digest.of_json([duel.way, list(duel.models), duel.seed, [p.identity for p in self.shown]])
        self.folder = folder / digest.short(self.identity)
        self.ballot = Ballot(self.folder)
        self._clock = clock
        self._lock = threading.Lock()
        self._plans: dict[str, tuple[Turn, ...]] = {}

    @cached_property
    def token(self) -> str:
        """The secret part of the page's address, kept for this session in a file that only its owner may read."""
        path = self.folder / TOKEN
        with outside_errors(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                    file.write(secrets.token_urlsafe(24))
            return path.read_text(encoding="utf-8").strip()

    def plan(self, name: str) -> tuple[Turn, ...]:
        """The order and the sides of one rater."""
        key = key_of(name)
        if key not in self._plans:
            drawn = np.random.default_rng(int(digest.of_json([self.identity, key])[:16], 16))
            order = drawn.permutation(len(self.shown)).tolist()
            sides = drawn.permutation(np.arange(len(self.shown)) % 2).tolist()
            self._plans[key] = tuple(Turn(self.shown[place], side) for place, side in zip(order, sides, strict=True))
        return self._plans[key]

    def state(self, name: str) -> dict[str, Any]:
        """What the page shows a rater: the next pair, or the end. No model and no row is named."""
        with self._lock:
            return self._state(self.ballot.rater(name))

    def vote(self, name: str, *, place: int, choice: str) -> dict[str, Any] | None:
        """Keep a choice about the pair at a place of the rater's order; the next state, None when it is not its turn.

        Raises UserError for what is no choice.
        """
        if choice not in CHOICES:
            raise UserError("this is no choice.", where="choice", do=f"Choices are: {', '.join(CHOICES)}.")
        with self._lock:
            rater = self.ballot.rater(name)
            if place != self._place(rater):
                return None
            turn = self.plan(name)[place]
            self.ballot.cast(Vote(rater.name, turn.pair.identity, turn.left, choice, self._clock()))  # type: ignore[arg-type]
            return self._state(rater)

    def undo(self, name: str) -> dict[str, Any]:
        """Take the rater's last vote back."""
        with self._lock:
            self.ballot.undo(name, time=self._clock())
            return self._state(self.ballot.rater(name))

    def finish(self, name: str) -> dict[str, Any]:
        """The rater has judged every pair and is done; nothing happens before that."""
        with self._lock:
            rater = self.ballot.rater(name)
            if self._place(rater) is None and not rater.finished:
                self.ballot.finish(name, time=self._clock())
            return self._state(rater)

    def finished(self) -> int:
        """How many raters are done."""
        with self._lock:
            return sum(rater.finished for rater in self.ballot.raters.values())

    def _place(self, rater: Rater) -> int | None:
        """The first place of the rater's order without a vote; None at the end."""
        plan = self.plan(rater.name)
        return next((place for place, turn in enumerate(plan) if turn.pair.identity not in rater.votes), None)

    def _state(self, rater: Rater) -> dict[str, Any]:
        place, plan = self._place(rater), self.plan(rater.name)
        state: dict[str, Any] = {"rater": rater.name, "done": len(rater.votes), "total": len(plan), "place": place}
        if place is None:
            return {**state, "finished": rater.finished}
        pair, left = plan[place].pair, plan[place].left
        turns = [{"role": turn.get("role", ""), "content": turn.get("content", "")} for turn in pair.prompt]
        return {**state, "prompt": turns, "left": pair.answers[left], "right": pair.answers[1 - left]}
