"""What several people's decisions about one row come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from tunewright.data.review.decisions import Decision

REJECTED, RATING, EDITED, SAME = "review.rejected", "review.rating", "review.edited", "review.same_as_rejected"
Policy = Literal["keep", "drop", "first"]


class Rules(NamedTuple):
    """How decisions are combined: the options of the step."""

    raters: int = 1
    least_rating: float = 3.0
    on_disagreement: Policy = "keep"


class Ruling(NamedTuple):
    """`drop`: the reason why the row goes, or "". `answer`: its new answer, or None. `state` says how it came."""

    drop: str = ""
    answer: str | None = None
    state: Literal["decided", "waiting", "disagreed"] = "decided"


def combine(decisions: Sequence[Decision], rules: Rules) -> Ruling:
    """The ruling on a row; `decisions` are those of different raters, the earliest first.

    A row with too few raters waits, and stays as it is. Raters disagree where some accept and some reject, and where
    those who edited wrote different answers.
    """
    if len(decisions) < rules.raters:
        return Ruling(state="waiting")
    verdicts = {one.verdict for one in decisions}
    edits = {one.answer for one in decisions if one.answer is not None and one.verdict == "accept"}
    if len(verdicts) == 1 and len(edits) < 2:
        return _agreed(decisions, rules)
    if rules.on_disagreement == "first":
        return _agreed(decisions[:1], rules)._replace(state="disagreed")
    return Ruling(REJECTED if rules.on_disagreement == "drop" else "", state="disagreed")


def _agreed(decisions: Sequence[Decision], rules: Rules) -> Ruling:
    if decisions[0].verdict == "reject":
        return Ruling(REJECTED)
    ratings = [one.rating for one in decisions if one.rating is not None and one.answer is None]
    if ratings and sum(ratings) / len(ratings) < rules.least_rating:
        return Ruling(RATING)
    return Ruling(answer=next((one.answer for one in decisions if one.answer is not None), None))
