"""What a review amounts to, for people."""

from __future__ import annotations

from pathlib import Path

from tunewright.app.cli import out
from tunewright.app.cli.phrases import clean
from tunewright.app.cli.tables import console, grid
from tunewright.data.review.summary import Agreement, Summary


def summary(found: Summary, file: Path) -> None:
    """Counts by rater, average rating and agreement."""
    if not found.rows:
        out.say(f"Nobody has decided about a row yet ({out.shown(file)}).")
        return
    table = grid(f"Review of {found.rows:,} rows", "", "accepted", "of these edited", "rejected", "skipped", "rating")
    for rater in found.raters:
        counts = (rater.accepted, rater.edited, rater.rejected, rater.skipped)
        table.add_row(clean(rater.name), *(f"{count:,}" for count in counts), average(rater.rating))
    console().print(table)
    out.say(f"Average rating: {average(found.rating)} of 5")
    if found.shared:
        out.say(f"Agreement of ratings: {agreement(found.rating_agreement)}")
        out.say(f"Agreement of accept and reject: {agreement(found.verdict_agreement)}")
        out.say(f"The same verdict: {found.same_verdict:.0%} of {found.shared:,} rows that two or more decided about")
    if found.broken_lines:
        out.warn(f"{found.broken_lines:,} lines of {out.shown(file)} cannot be read and count for nothing.")
    out.say(f"Decisions: {out.shown(file)}")


def average(value: float | None) -> str:
    """An average rating."""
    return "–" if value is None else f"{value:.2f}"


def agreement(found: Agreement) -> str:
    """Alpha with its interval: 1 is full agreement, 0 what chance gives."""
    if found.alpha is None:
        return "not known (all say the same, or no row has two)"
    bounds = "" if found.interval is None else f", 95 % interval {found.interval[0]:.2f} to {found.interval[1]:.2f}"
    return f"Krippendorff's alpha {found.alpha:.2f}{bounds}, over {found.rows:,} rows"
