"""What people's decisions amount to: counts, average rating, and how far raters agree beyond chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from tunewright.data.review.decisions import RATINGS, Decision, Decisions, Rater
from tunewright.stats.agreement import krippendorff_alpha, krippendorff_interval

SEED = 0


class Record(BaseModel):
    """Frozen, and nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RaterCounts(Record):
    """One rater's decisions by kind. `edited` are among the accepted; `rating` is the average."""

    name: str
    accepted: int
    rejected: int
    edited: int
    skipped: int
    rating: float | None
    finished: bool


class Agreement(Record):
    """Krippendorff's alpha over the rows that two or more decided about, with its 95 % interval; None where unknown."""

    rows: int
    alpha: float | None
    interval: tuple[float, float] | None


class Summary(Record):
    """What stands in the file now.

    `rows` have a decision, `shared` ones of two raters or more. `rating` is the average over rows of their average;
    `ratings` counts each from 1 to 5. `rating_agreement` is at the level `ordinal`, `verdict_agreement` (accept or
    reject) at `nominal`; `same_verdict` is the share of shared rows on which all say the same.
    """

    rows: int
    shared: int
    accepted: int
    rejected: int
    edited: int
    rating: float | None
    ratings: dict[str, int]
    rating_agreement: Agreement
    verdict_agreement: Agreement
    same_verdict: float | None
    raters: tuple[RaterCounts, ...]
    broken_lines: int


def summarise(decisions: Decisions) -> Summary:
    """The summary of the decisions that stand."""
    groups = list(decisions.by_row().values())
    every = [one for group in groups for one in group]
    rated = [[one.rating for one in group if one.rating is not None] for group in groups]
    averages = [sum(ratings) / len(ratings) for ratings in rated if ratings]
    verdicts = [[one.verdict for one in group] for group in groups]
    shared = [group for group in verdicts if len(group) > 1]
    counts = Counter(one.rating for one in every)
    return Summary(
        rows=len(groups),
        shared=len(shared),
        accepted=_count(every, "accept"),
        rejected=_count(every, "reject"),
        edited=sum(one.answer is not None for one in every),
        rating=_mean(averages),
        ratings={str(rating): counts[rating] for rating in RATINGS},
        rating_agreement=Agreement(
            rows=sum(len(ratings) > 1 for ratings in rated),
            alpha=krippendorff_alpha(rated, level="ordinal"),
            interval=krippendorff_interval(rated, level="ordinal", seed=SEED),
        ),
        verdict_agreement=Agreement(
            rows=len(shared),
            alpha=krippendorff_alpha(verdicts),
            interval=krippendorff_interval(verdicts, seed=SEED),
        ),
        same_verdict=_mean([float(len(set(group)) == 1) for group in shared]),
        raters=tuple(_of_rater(rater) for rater in decisions.raters.values() if rater.decisions),
        broken_lines=decisions.broken,
    )


def _of_rater(rater: Rater) -> RaterCounts:
    own = list(rater.decisions.values())
    return RaterCounts(
        name=rater.name,
        accepted=_count(own, "accept"),
        rejected=_count(own, "reject"),
        edited=sum(one.answer is not None for one in own),
        skipped=_count(own, "skip"),
        rating=_mean([float(one.rating) for one in own if one.rating is not None and one.verdict != "skip"]),
        finished=rater.finished,
    )


def _count(decisions: Sequence[Decision], verdict: str) -> int:
    return sum(one.verdict == verdict for one in decisions)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
