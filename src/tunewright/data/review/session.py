"""One review of the rows of a split: what each rater sees next, and what becomes of what they say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from tunewright.core.errors import UserError
from tunewright.core.ports import Message, Row, is_answered
from tunewright.core.raters import key_of
from tunewright.data.dataset import Dataset
from tunewright.data.review.decisions import LONGEST_ANSWER, VERDICTS, Decision, Decisions, Rater, is_rating
from tunewright.data.review.queue import Draw, Queued, choose, ordered
from tunewright.data.review.summary import summarise

SHOWN_CHARACTERS = 40_000
"""Of one turn. A longer one is cut, with a mark, and its answer cannot be edited here."""


class Review:
    """Rows that wait, and the decisions about them. Raters see neither one another's decisions nor their number."""

    def __init__(
        self,
        dataset: Dataset,
        split: str,
        *,
        draw: Draw,
        decisions: Decisions,
        token: str,
        clock: Callable[[], str],
    ) -> None:
        """`clock` gives the moment in UTC as ISO 8601. Raises UserError where the split has no row."""
        self.queue = choose(dataset.folder, split, draw=draw)
        if not self.queue:
            raise UserError(f"the split {split} has no row to review.", where="--split", do="Name another split.")
        self.decisions, self.token = decisions, token
        self._known = {queued.origin: queued for queued in self.queue}
        self._rows, self._split, self._draw = dataset.split(split), split, draw
        self._clock = clock
        self._lock = threading.Lock()
        self._plans: dict[str, list[Queued]] = {}
        self._undone: dict[str, Decision] = {}

    def state(self, name: str) -> dict[str, Any]:
        """What the page shows a rater: the next row, or the end."""
        with self._lock:
            return self._state(self.decisions.rater(name))

    def decide(self, name: str, *, row: str, given: dict[str, Any]) -> dict[str, Any] | None:
        """Keep a decision (`verdict`, `rating`, `answer`) about the row that is next; the next state.

        None when it is not this row's turn. Raises UserError for what is no decision.
        """
        check(given)
        with self._lock:
            rater = self.decisions.rater(name)
            queued = self._next(rater)
            if queued is None or queued.row != row:
                return None
            answer = self._edited(queued, given, undone=self._undone.get(key_of(name)))
            verdict, rating = given["verdict"], given["rating"]
            time = self._clock()
            self.decisions.keep(
                Decision(rater.name, queued.row, queued.origin, self._split, verdict, rating, answer, time)
            )
            self._undone.pop(key_of(name), None)
            return self._state(rater)

    def undo(self, name: str) -> dict[str, Any]:
        """Take the rater's last decision about one of these rows back; the page is shown it again."""
        with self._lock:
            rater = self.decisions.rater(name)
            last = next((origin for origin in reversed(rater.decisions) if origin in self._known), None)
            if last is not None:
                self._undone[key_of(name)] = rater.decisions[last]
                self.decisions.undo(name, last, time=self._clock())
            return self._state(rater)

    def finish(self, name: str) -> dict[str, Any]:
        """The rater has seen every row and is done; nothing happens before that."""
        with self._lock:
            rater = self.decisions.rater(name)
            if self._next(rater) is None and not rater.finished:
                self.decisions.finish(name, time=self._clock())
            return self._state(rater)

    def finished(self) -> int:
        """How many raters have decided about every row and said that they are done."""
        with self._lock:
            return sum(rater.finished and self._next(rater) is None for rater in self.decisions.raters.values())

    def _plan(self, rater: Rater) -> list[Queued]:
        key = key_of(rater.name)
        if key not in self._plans:
            self._plans[key] = ordered(self.queue, key, draw=self._draw)
        return self._plans[key]

    def _next(self, rater: Rater) -> Queued | None:
        """The row of the rater's last undo, else the first of their order without a decision; None at the end."""
        undone = self._undone.get(key_of(rater.name))
        if undone is not None and undone.origin not in rater.decisions and undone.origin in self._known:
            return self._known[undone.origin]
        return next((queued for queued in self._plan(rater) if queued.origin not in rater.decisions), None)

    def _edited(self, queued: Queued, given: dict[str, Any], *, undone: Decision | None) -> str | None:
        """The new answer; None where it is what stands there already, but for an edit of the rater's own."""
        if given["verdict"] != "accept":
            return None
        row = self._rows.row(queued.place)
        answer, standing = given["answer"], row.target
        if answer is not None and not is_answered(row.messages):
            raise UserError("this row is a prompt alone: there is no answer to edit.", where="answer", do="Accept it.")
        wanted = shown(standing) if answer is None else answer
        if undone is not None and undone.origin == queued.origin and undone.answer == wanted:
            return wanted
        if wanted == shown(standing):
            return None
        if len(standing) > SHOWN_CHARACTERS:
            raise UserError("this answer is too long to be edited here.", where="answer", do="Reject it, or mend it.")
        return wanted

    def _state(self, rater: Rater) -> dict[str, Any]:
        done = sum(origin in self._known for origin in rater.decisions)
        queued = self._next(rater)
        state: dict[str, Any] = {"rater": rater.name, "done": done, "total": len(self.queue), "row": None}
        if queued is None:
            return {**state, "finished": rater.finished, "summary": self._summary() if rater.finished else None}
        undone = self._undone.get(key_of(rater.name))
        before = {"rating": undone.rating, "answer": undone.answer} if undone else None
        return {**state, "row": queued.row, **of_row(self._rows.row(queued.place)), "before": before}

    def _summary(self) -> dict[str, Any]:
        """What is shown at the end, when nothing can be influenced by it any more."""
        found = summarise(self.decisions)
        return {
            "rows": found.rows,
            "shared": found.shared,
            "rating": found.rating,
            "alpha": found.rating_agreement.alpha,
            "verdict_alpha": found.verdict_agreement.alpha,
            "same_verdict": found.same_verdict,
            "raters": len(found.raters),
        }


def check(given: dict[str, Any]) -> None:
    """Raise UserError for what is no decision."""
    if given["verdict"] not in VERDICTS:
        raise UserError("this is no verdict.", where="verdict", do=f"Verdicts are: {', '.join(VERDICTS)}.")
    if not is_rating(given["rating"]):
        raise UserError("this is no rating.", where="rating", do="Ratings are 1 to 5.")
    answer = given["answer"]
    if answer is not None and not answer.strip():
        raise UserError("an answer cannot be empty.", where="answer", do="Reject the row instead.")
    if answer is not None and len(answer) > LONGEST_ANSWER:
        raise UserError(f"an answer has at most {LONGEST_ANSWER:,} letters.", where="answer", do="Shorten it.")


def of_row(row: Row) -> dict[str, Any]:
    """What the page shows of a row."""
    return {
        "prompt": turns(row.prompt),
        "answer": shown(row.target),
        "answer_cut": max(0, len(row.target) - SHOWN_CHARACTERS),
        "calls": [str(call) for call in row.messages[-1].get("tool_calls", [])],
        "rejected": turns(row.rejected),
        "label": row.label is not None,
        "changes": row.details.get("changes", []),
    }


def turns(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Turns as text; of a long one, the first part and how much is left out."""
    return [
        {
            "role": turn.get("role", ""),
            "content": shown(turn.get("content", "")),
            "cut": max(0, len(turn.get("content", "")) - SHOWN_CHARACTERS),
        }
        for turn in messages
    ]


def shown(text: str) -> str:
    """Text that every JSON reader takes, not too long."""
    return text[:SHOWN_CHARACTERS].encode("utf-8", errors="backslashreplace").decode()
