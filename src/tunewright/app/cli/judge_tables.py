"""What judges found, for people: a sentence, a table, and where the files lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tunewright.app.cli import out, tables

if TYPE_CHECKING:
    from tunewright.evaluate.judging.measure import Figure
    from tunewright.evaluate.judging.people.results import People
    from tunewright.evaluate.judging.record import Judging

RELIABLE_ALPHA = 0.667
"""The least with which tentative conclusions are acceptable: Krippendorff, 2004, Content Analysis, page 241."""


def judging(record: Judging, file: Path) -> None:
    """A judging model's result."""
    out.say(verdict(record.win_rate, record.models, who=record.judge.model))
    if record.stopped:
        done, pairs = record.pairs.judged, record.pairs.pairs
        out.say(f"Stopped at {record.stopped}: {done} of {pairs} pairs are judged. Run it again to go on.")
    table = tables.grid(f"{record.judge.model} on {record.way}", "", "value", "95 % interval", "pairs")
    rows = {
        f"{record.models[1]} wins (ties half)": record.win_rate,
        "  where both orders agree": record.steady_win_rate,
        "both orders agree": record.consistency,
        "verdicts that are ties": record.ties,
    }
    for name, figure in rows.items():
        table.add_row(name, *share(figure))
    table.add_row("first place wins more often by", *share(record.position_bias))
    if record.people:
        table.add_row("agrees with people", *share(record.people.share))
        table.add_row("  beyond chance (kappa)", *number(record.people.kappa))
    tables.console().print(table)
    interval = record.position_bias.interval
    if interval and not interval[0] <= 0 <= interval[1]:
        out.say("The judge favours a place. Both orders count alike, which pulls the win rate towards a half.")
    out.say(fates(record))
    out.say(cost(record))
    out.say(f"Verdicts: {out.shown(file.parent)}")


def people(record: People, file: Path) -> None:
    """What people found."""
    out.say(verdict(record.win_rate, record.models, who="people"))
    table = tables.grid(f"{len(record.raters)} raters on {record.way}", "", "value", "95 % interval", "pairs")
    table.add_row(f"{record.models[1]} wins (ties half)", *share(record.win_rate))
    table.add_row("left wins more often by", *share(record.left_bias))
    table.add_row("raters agree (Krippendorff's alpha)", *number(record.alpha))
    tables.console().print(table)
    for rater in record.raters:
        told = f"{rater.votes} of {rater.of} pairs, {rater.ties} ties, {rater.skips} skipped"
        out.say(f"{rater.name}: {told}{'' if rater.finished else ', not done'}")
    if record.identical:
        out.say(f"{record.identical} pairs of equal answers were not shown.")
    if record.alpha.value is None:
        out.say("Agreement takes two raters who judge the same pairs, and verdicts that differ.")
    elif record.alpha.value < RELIABLE_ALPHA:
        out.say(f"An alpha below {RELIABLE_ALPHA:.2f} is low: agree on what better means before you rest on this.")
    undecided = f"{record.undecided} undecided" + (f", {record.blank} with an empty answer" if record.blank else "")
    out.say(f"Preference pairs: {record.preferences} ({undecided})")
    out.say(f"Files: {out.shown(file.parent)}")


def verdict(figure: Figure, models: tuple[str, str], *, who: str) -> str:
    """Who wins, in one sentence."""
    if figure.value is None:
        return f"No pair was judged by {who}."
    head = f"By {who}, {models[1]} wins {100 * figure.value:.1f} % of {figure.n} pairs against {models[0]}"
    if figure.interval is None:
        return f"{head}; too few pairs say how sure that is."
    low, high = figure.interval
    found = f"{models[1]} is better" if low > 0.5 else f"{models[1]} is worse" if high < 0.5 else "no clear difference"
    return f"{head} (95 % interval {100 * low:.1f} to {100 * high:.1f}): {found}."


def share(figure: Figure) -> tuple[str, str, str]:
    """A share in per cent with its interval and pairs."""
    if figure.value is None:
        return "-", "-", str(figure.n)
    interval = "-" if figure.interval is None else f"{100 * figure.interval[0]:.1f} to {100 * figure.interval[1]:.1f}"
    return f"{100 * figure.value:.1f} %", interval, str(figure.n)


def number(figure: Figure) -> tuple[str, str, str]:
    """A coefficient with its interval and pairs."""
    if figure.value is None:
        return "-", "-", str(figure.n)
    interval = "-" if figure.interval is None else f"{figure.interval[0]:.2f} to {figure.interval[1]:.2f}"
    return f"{figure.value:.2f}", interval, str(figure.n)


def fates(record: Judging) -> str:
    """What became of the pairs."""
    counts = record.pairs
    parts = [f"{counts.judged} of {counts.pairs} pairs judged"]
    kinds = {
        "equal answers": counts.identical,
        "no verdict": counts.invalid,
        "no answer": counts.failed,
        "not asked": counts.unasked,
        "repeated rows": counts.repeated,
    }
    return ", ".join([*parts, *(f"{count} {kind}" for kind, count in kinds.items() if count)])


def cost(record: Judging) -> str:
    """What was asked of the server."""
    found = record.cost
    text = f"{found.requests} requests, {found.kept} answers from earlier, "
    text += f"{found.prompt_tokens:,} tokens read, {found.completion_tokens:,} written"
    return text if found.usd is None else f"{text}, {found.usd:.4f} USD"
