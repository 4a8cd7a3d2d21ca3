"""The page on which people review rows; served, guarded and bound to this machine as the page of judges is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from tunewright.data.review.decisions import LONGEST_ANSWER
from tunewright.data.review.session import Review
from tunewright.evaluate.judging.people.page import SHARED, Act, Wishes, make_page

HERE = Path(__file__).parent
FILES = {
    "": HERE / "review.html",
    "page.css": SHARED / "page.css",
    "review.css": HERE / "review.css",
    "send.js": SHARED / "send.js",
    "review.js": HERE / "review.js",
}
LARGEST_BYTES = 6 * LONGEST_ANSWER + 4096
"""A letter in JSON has at most six bytes that count."""


def make_app(review: Review, *, finished: Callable[[], None]) -> ASGIApp:
    """The application of a review; `finished` is called after a rater said that they are done."""

    def done(name: str, _given: dict[str, Any]) -> dict[str, Any]:
        state = review.finish(name)
        finished()
        return state

    acts: dict[str, Act] = {
        "state": lambda name, _given: review.state(name),
        "decide": lambda name, given: review.decide(name, row=given["row"], given=given),
        "undo": lambda name, _given: review.undo(name),
        "finish": done,
    }
    return make_page(review, FILES, wishes=Wishes(review.token, acts, wish, LARGEST_BYTES))


def wish(value: dict[str, Any]) -> dict[str, Any]:
    """What a request wishes. Raises ValueError for what has other types."""
    row, verdict, rating, answer = (value.get(key) for key in ("row", "verdict", "rating", "answer"))
    texts = all(text is None or isinstance(text, str) for text in (row, verdict, answer))
    if not texts or not (rating is None or type(rating) is int):
        raise ValueError("the request holds no decision")
    return {"row": row or "", "verdict": verdict or "", "rating": rating, "answer": answer}
