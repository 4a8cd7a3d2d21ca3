"""Numbers and findings in words: what stands in the report's sentences and tables."""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.core.nouns import Comparison, Evaluation
from tunewright.evaluate.titles import BESIDE, COUNTED, PERCENT, metric_in_a_sentence

ASKED = {
    "labels_generated": "writing its answer",
    "labels_ranked": "choosing the likeliest of the known labels",
    "bare": "with the trained prompt",
    "labels_listed": "with the labels listed in the prompt",
    "examples": "with 12 examples in the prompt",
}
HEADLINES = (
    ("labels_best", "accuracy"),
    ("labels_generated", "accuracy"),
    ("answers", "exact_match"),
    ("heldout", "loss"),
)
SURE = 0.05
NONE = "–"
SPACE = "\u00a0"
"""Between a number and its unit: no line ends there."""
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Headline:
    """The one comparison that the summary is about."""

    way: str
    metric: str
    comparison: Comparison


def headline(evaluation: Evaluation) -> Headline | None:
    """The first of the usual main metrics that was measured, else any; None for an empty evaluation."""
    found = [(way, metric) for way, metrics in evaluation.suites.items() for metric in metrics]
    order = [pair for pair in HEADLINES if pair in found] + found
    return Headline(*order[0], evaluation.suites[order[0][0]][order[0][1]]) if order else None


def number(value: float | None, metric: str) -> str:
    """A metric for people: "90.3 %" or "1.204"."""
    if value is None:
        return NONE
    return f"{100 * value:.1f}{SPACE}%" if metric in PERCENT else plain(value)


def plain(value: float) -> str:
    """A number with about four digits."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"


def count(value: float | None, metric: str, *, n: int) -> str:
    """ "271 of 300" for metrics that count rows, else nothing."""
    return f"{round(value * n):,} of {n:,}" if value is not None and metric in COUNTED else ""


def difference(value: float | None, metric: str) -> str:
    """A signed difference; of shares in percentage points."""
    if value is None:
        return NONE
    return f"{_sign(value)}{abs(100 * value):.1f}" if metric in PERCENT else f"{_sign(value)}{plain(abs(value))}"


def amount(value: float | None, metric: str) -> str:
    """A difference without its sign."""
    return difference(value, metric).lstrip("+−")


def interval(bounds: tuple[float, float] | None, metric: str) -> str:
    """ "61.7 to 72.7", in the unit of the difference; only a minus is written."""
    return NONE if bounds is None else " to ".join(difference(end, metric).replace("+", "") for end in bounds)


def span(bounds: tuple[float, float] | None, metric: str) -> str:
    """The interval of a value: "88.1 % to 92.4 %"."""
    return NONE if bounds is None else " to ".join(number(end, metric) for end in bounds)


def p_value(p: float | None) -> str:
    """ "0.032", or below a power of ten: "< 10⁻⁵⁰"."""
    if p is None:
        return NONE
    if p >= 0.001:
        return f"{p:.3f}"
    power = -300 if p < 1e-300 else int(f"{p:e}".split("e")[1]) + 1
    return f"<{SPACE}10{str(power).translate(_SUPERSCRIPT)}"


def verdict(comparison: Comparison) -> str:
    """ "better", "worse" or "no clear difference", by the 95 % interval and p together; "" where neither is known.

    The p that counts is the one corrected for all the metrics of the evaluation, where it is known.
    """
    if comparison.direction == "neither" or comparison.interval is None or comparison.difference is None:
        return ""
    low, high = comparison.interval
    p = judging_p(comparison)
    if (p is not None and p >= SURE) or low <= 0 <= high:
        return "no clear difference"
    gained = (comparison.difference > 0) == (comparison.direction == "higher")
    return "better" if gained else "worse"


def judging_p(comparison: Comparison) -> float | None:
    """The p that a judgement goes by: corrected for all the metrics of the evaluation, where that is known."""
    return comparison.p if comparison.p_holm is None else comparison.p_holm


def duration(seconds: float) -> str:
    """ "3 min 24 s"."""
    if seconds < 60:
        return f"{seconds:.1f}{SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (0 if hours else rest, "s")]
    return " ".join(f"{value}{SPACE}{unit}" for value, unit in parts if value)


def size(count_bytes: float) -> str:
    """Bytes in powers of ten: "2.3 GB"."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count_bytes >= scale:
            return f"{count_bytes / scale:.1f}{SPACE}{unit}"
    return f"{count_bytes:.0f} bytes"


def style(name: str) -> str:
    """A base prompt's name in words; also of a way and a prompt, "labels_ranked, labels_listed"."""
    return " ".join(ASKED.get(part, part) for part in name.split(", "))


def outcome(found: Headline, *, split: str) -> str:
    """What came out and whether it is real, in two or three sentences."""
    one, metric = found.comparison, found.metric
    unseen = f"{one.n:,} {split} rows"
    if one.tuned is None:
        return f"Only a base model was measured. On {unseen} it reaches {_told(one.base, metric, one.n)}."
    if one.base is None or one.difference is None:
        return f"On {unseen} the tuned model reaches {_told(one.tuned, metric, one.n)}; there is no number to compare."
    other = BESIDE.get(found.way, "the base model at its best")
    return (
        f"On {unseen} the tuned model reaches {_told(one.tuned, metric, one.n)}; {other} reaches "
        f"{_told(one.base, metric, one.n)}. {_evidence(one, metric)}"
    )


def _told(value: float | None, metric: str, n: int) -> str:
    if metric in COUNTED:
        return f"{count(value, metric, n=n)} right ({number(value, metric)})"
    return f"{metric_in_a_sentence(metric)} {number(value, metric)}"


def _evidence(one: Comparison, metric: str) -> str:
    unit = " points" if metric in PERCENT else ""
    bounds = f", 95{SPACE}% interval {interval(one.interval, metric)}" if one.interval else ""
    test = "exact McNemar" if metric in COUNTED else "paired randomisation"
    equals = "" if one.p is not None and one.p < 0.001 else f"={SPACE}"
    chance = "" if one.p is None else f" ({test}: p{SPACE}{equals}{p_value(one.p)}{_corrected(one)})"
    judged = {
        "better": f"Chance does not explain this gain{chance}.",
        "worse": f"The tuned model is worse, and chance does not explain it{chance}.",
        "no clear difference": f"Chance may explain this difference{chance}: do not count on it.",
    }
    gap = difference(one.difference, metric).replace("+", "")
    return f"The difference is {gap}{unit}{bounds}. {judged.get(verdict(one), '')}".strip()


def _corrected(one: Comparison) -> str:
    """Said where the correction for many metrics changes the judgement."""
    if one.p is None or one.p_holm is None or not one.p < SURE <= one.p_holm:
        return ""
    return f", and {p_value(one.p_holm)} corrected for all the metrics that were tested"


def _sign(value: float) -> str:
    return "−" if value < 0 else "+" if value > 0 else ""
