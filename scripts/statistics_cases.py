"""Made data whose truth is known, and what `simulate_statistics.py` does with it once for each line of its table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tunewright.stats.agreement import krippendorff_interval
from tunewright.stats.drift import classifier_drift, ks, mmd, psi
from tunewright.stats.families import by_family
from tunewright.stats.margins import non_inferiority_p
from tunewright.stats.multiple import holm
from tunewright.stats.paired import (
    bootstrap_interval,
    difference_interval,
    mcnemar,
    paired_share_interval,
    permutation_p,
)
from tunewright.stats.sequential import MixtureTest, confidence_sequence
from tunewright.stats.single import metric_interval, share_interval

LEVEL = 0.05
LABEL_SHARES = np.array([0.6, 0.3, 0.1])

Floats = NDArray[np.float64]
Once = Callable[[np.random.Generator], dict[str, float]]
Interval = Callable[..., tuple[float, float] | None]


@dataclass(frozen=True)
class Case:
    """One line of the table: what is done once, how often (a part of all replications), and whether a bar applies."""

    name: str
    n: int
    once: Once
    part: float = 1.0
    barred: bool = True
    always: bool = False
    """Whether the interval is read after every value, and must hold at all of them together."""


# Metrics: functions of sums over rows.


def mean(sums: Floats) -> Floats:
    """First column over second: a share of rows or tokens, a loss a token."""
    return sums[..., 0] / sums[..., 1]


def macro_f1(sums: Floats) -> Floats:
    """Mean F1 of three labels; columns are hits, false alarms and misses of each."""
    hit, false, missed = sums[..., :3], sums[..., 3:6], sums[..., 6:]
    return (2 * hit / np.maximum(2 * hit + false + missed, 1e-12)).mean(axis=-1)


# Data: two models on the same rows, alike in law where their quality is the same.


def two_rights(generator: np.random.Generator, n: int, *, base: float, other: float) -> tuple[NDArray, NDArray]:
    """Which rows are right; the models agree on seven rows of ten, whatever their quality."""
    own = generator.random((2, n))
    ease = np.where(generator.random(n) < 0.7, own[0], own[1])
    return own[0] < base, ease < other


def two_labellings(generator: np.random.Generator, n: int, *, base: float, other: float) -> tuple[Floats, Floats]:
    """Sums of macro F1 over three labels, the rarest a tenth of the rows."""
    truth = generator.choice(3, size=n, p=LABEL_SHARES)
    wrong = (truth + generator.integers(1, 3, n)) % 3
    one_hot, sums = np.eye(3), []
    for right in two_rights(generator, n, base=base, other=other):
        said = np.where(right, truth, wrong)
        sums.append(
            np.hstack(
                [one_hot[truth] * right[:, None], one_hot[said] * ~right[:, None], one_hot[truth] * ~right[:, None]]
            )
        )
    return sums[0], sums[1]


def true_f1(accuracy: float) -> float:
    """What `macro_f1` tends to."""
    missed = LABEL_SHARES * (1 - accuracy)
    return float(macro_f1(np.concatenate([LABEL_SHARES * accuracy, (missed.sum() - missed) / 2, missed])))


def two_losses(generator: np.random.Generator, n: int, *, gain: float, spread: float = 0.5) -> tuple[Floats, Floats]:
    """Skewed losses times tokens, and tokens: hard rows are hard for both models."""
    tokens = generator.integers(5, 60, n).astype(np.float64)
    hard = spread * generator.standard_normal(n)
    base, other = np.exp(hard + 0.2 * generator.standard_normal((2, n)))
    return np.column_stack([base * tokens, tokens]), np.column_stack([gain * other * tokens, tokens])


def true_loss(*, gain: float = 1.0, spread: float = 0.5) -> float:
    """What the loss a token tends to."""
    return gain * float(np.exp((spread**2 + 0.2**2) / 2))


def two_in_families(generator: np.random.Generator, families: int, *, other: float) -> tuple[Floats, Floats, list[str]]:
    """Right rows in families of 1 to 8: nine rows of ten are as right as their family, and no evidence of their own."""
    sizes = generator.integers(1, 9, families)
    place = np.repeat(np.arange(families), sizes)
    sums = []
    for accuracy in (0.6, other):
        alike = generator.random(len(place)) < 0.9
        right = np.where(alike, (generator.random(families) < accuracy)[place], generator.random(len(place)) < accuracy)
        sums.append(as_sums(right))
    return sums[0], sums[1], [str(number) for number in place]


def as_sums(values: NDArray) -> Floats:
    """Values and ones."""
    return np.column_stack([values.astype(np.float64), np.ones(len(values))])


def seed_of(generator: np.random.Generator) -> int:
    """A seed for what is tested."""
    return int(generator.integers(2**31))


def about(interval: tuple[float, float] | None, truth: float) -> dict[str, float]:
    """Whether an interval holds the truth, and how wide it is."""
    low, high = interval or (-np.inf, np.inf)
    return {"coverage": float(low <= truth <= high), "width": high - low}


# What is done once for each line.


def few(interval: Interval) -> Interval:
    """The same interval from 2,000 draws, to save time."""
    return lambda *sums, **options: interval(*sums, **options, resamples=2_000)


@cache
def share_ends(won: int, lost: int, n: int) -> tuple[float, float]:
    """`paired_share_interval`, which depends on counts only."""
    rows = np.arange(n)
    return paired_share_interval(rows < lost, (rows >= lost) & (rows < lost + won))


def shares(n: int, *, base: float = 0.7, other: float = 0.8) -> Once:
    """Exact McNemar test, and the interval of the difference of shares."""

    def once(generator: np.random.Generator) -> dict[str, float]:
        alarm = mcnemar(*two_rights(generator, n, base=base, other=base)).p <= LEVEL
        one, two = two_rights(generator, n, base=base, other=other)
        ends = share_ends(int(np.sum(two & ~one)), int(np.sum(one & ~two)), n)
        return {"false_alarm_rate": float(alarm)} | about(ends, other - base)

    return once


def f1_difference(n: int, *, interval: Interval) -> Once:
    """Interval of a difference of macro F1: does it leave out 0 where models are alike, hold the truth where not?"""

    def once(generator: np.random.Generator) -> dict[str, float]:
        alike = two_labellings(generator, n, base=0.8, other=0.8)
        ends = interval(*alike, value=macro_f1, seed=seed_of(generator))
        found = interval(*two_labellings(generator, n, base=0.7, other=0.8), value=macro_f1, seed=seed_of(generator))
        return {"false_alarm_rate": 1 - about(ends, 0.0)["coverage"]} | about(found, true_f1(0.8) - true_f1(0.7))

    return once


def loss_difference(n: int, *, interval: Interval, spread: float = 0.5) -> Once:
    """The same for a loss a token."""

    def once(generator: np.random.Generator) -> dict[str, float]:
        ends = interval(*two_losses(generator, n, gain=1, spread=spread), value=mean, seed=seed_of(generator))
        truth = true_loss(gain=0.9, spread=spread) - true_loss(spread=spread)
        found = interval(*two_losses(generator, n, gain=0.9, spread=spread), value=mean, seed=seed_of(generator))
        return {"false_alarm_rate": 1 - about(ends, 0.0)["coverage"]} | about(found, truth)

    return once


def permuted(draw: Callable[[np.random.Generator], tuple[Floats, Floats]], value: Callable[[Floats], Floats]) -> Once:
    """Approximate randomisation of two models that are alike."""

    def once(generator: np.random.Generator) -> dict[str, float]:
        p = permutation_p(*draw(generator), value=value, seed=seed_of(generator), rounds=999)
        return {"false_alarm_rate": float(p is not None and p <= LEVEL)}

    return once


def clustered(families: int) -> Once:
    """Difference of shares over families of rows; and what a test that ignores families would have said."""

    def once(generator: np.random.Generator) -> dict[str, float]:
        base, other, names = two_in_families(generator, families, other=0.6)
        ends = difference_interval(by_family(base, names), by_family(other, names), value=mean, seed=seed_of(generator))
        ignored = mcnemar(base[:, 0] > 0, other[:, 0] > 0).p <= LEVEL
        base, other, names = two_in_families(generator, families, other=0.7)
        found = difference_interval(
            by_family(base, names), by_family(other, names), value=mean, seed=seed_of(generator)
        )
        alarm = {"false_alarm_rate": 1 - about(ends, 0.0)["coverage"], "false_alarm_rate_of_rows": float(ignored)}
        return alarm | about(found, 0.1)

    return once


def several_metrics(n: int) -> Once:
    """Holm over ten metrics of the same rows, two of which really differ: any alarm among the others."""

    def once(generator: np.random.Generator) -> dict[str, float]:
        p = [mcnemar(*two_rights(generator, n, base=0.7, other=0.7)).p for _ in range(8)]
        p += [mcnemar(*two_rights(generator, n, base=0.7, other=0.9)).p for _ in range(2)]
        return {"false_alarm_rate": float(min(holm(p)[:8]) <= LEVEL)}

    return once


def share_margin(n: int) -> Once:
    """Non-inferiority where the other model is worse by exactly the margin of ten points."""

    def once(generator: np.random.Generator) -> dict[str, float]:
        base, other = two_rights(generator, n, base=0.8, other=0.7)
        p = non_inferiority_p(
            as_sums(base), as_sums(other), value=mean, margin=0.1, direction="higher", seed=seed_of(generator)
        )
        return {"false_alarm_rate": float(p is not None and p <= LEVEL)}

    return once


def loss_margin(n: int) -> Once:
    """The same for a skewed loss and a margin of a tenth."""

    def once(generator: np.random.Generator) -> dict[str, float]:
        margin = true_loss(gain=1.1) - true_loss()
        base, other = two_losses(generator, n, gain=1.1)
        p = non_inferiority_p(base, other, value=mean, margin=margin, direction="lower", seed=seed_of(generator))
        return {"false_alarm_rate": float(p is not None and p <= LEVEL)}

    return once


def mixture(planned_n: int) -> Once:
    """Mixture test read after every row up to twice the plan; and how often it finds a difference of ten points."""

    def once(generator: np.random.Generator) -> dict[str, float]:
        rates = {}
        for name, other, rows in (("false_alarm_rate", 0.7, 2 * planned_n), ("found", 0.8, planned_n)):
            base, better = two_rights(generator, rows, base=0.7, other=other)
            rates[name] = float(MixtureTest(planned_n).update(better * 1.0 - base) <= LEVEL)
        return rates

    return once


def peeked(
    planned_n: int, *, draw: Callable[[np.random.Generator, int], Floats], truth: float, low: float = 0.0
) -> Once:
    """A confidence sequence read after every value up to one and a half times the plan."""

    def once(generator: np.random.Generator) -> dict[str, float]:
        values = draw(generator, planned_n + planned_n // 2)
        ends = confidence_sequence(values, planned_n=planned_n, bounds=(low, 1.0))
        covered = bool(np.all((ends.low <= truth) & (truth <= ends.high)))
        width = float(ends.high[planned_n - 1] - ends.low[planned_n - 1])
        fixed = 2 * 1.959964 * float(values[:planned_n].std(ddof=1)) / np.sqrt(planned_n)
        return {"coverage": float(covered), "width": width, "fixed_width": float(fixed)}

    return once


def one_share(n: int, *, share: float) -> Once:
    """Exact interval of one model's share."""
    return lambda generator: about(share_interval(int(generator.binomial(n, share)), n), share)


def one_metric(n: int, *, metric: str) -> Once:
    """Interval of one model's macro F1, or loss a token."""

    def once(generator: np.random.Generator) -> dict[str, float]:
        drawn = (
            two_labellings(generator, n, base=0.8, other=0.8) if metric == "f1" else two_losses(generator, n, gain=1)
        )
        value, truth = (macro_f1, true_f1(0.8)) if metric == "f1" else (mean, true_loss())
        return about(metric_interval(drawn[0], value=value, seed=seed_of(generator), resamples=2_000), truth)

    return once


def drift(n: int, *, test: Callable[..., tuple[float, float]], width: int, **options: int) -> Once:
    """A drift test of two samples of one law; and how often it finds a shift by half a standard deviation."""

    def once(generator: np.random.Generator) -> dict[str, float]:
        old, new, moved = generator.standard_normal((3, n, width))
        moved[:, 0] += 0.5
        given = options | ({"seed": seed_of(generator)} if test in (mmd, classifier_drift) else {})
        return {
            "false_alarm_rate": float(test(old, new, **given)[1] <= LEVEL),
            "found": float(test(old, moved, **given)[1] <= LEVEL),
        }

    return once


def votes(generator: np.random.Generator, units: int) -> list[list[float | None]]:
    """Three raters, each of whom sees the truth in seven of ten cases, guesses else, and misses a tenth."""
    truth = generator.integers(0, 3, (units, 1))
    said = np.where(generator.random((units, 3)) < 0.7, truth, generator.integers(0, 3, (units, 3))).astype(object)
    said[generator.random((units, 3)) < 0.1] = None
    return said.tolist()


def agreement(units: int) -> Once:
    """Interval of Krippendorff's alpha: two raters see the same truth in 0.7 squared of all units."""

    def once(generator: np.random.Generator) -> dict[str, float]:
        given = votes(generator, units)
        return about(krippendorff_interval(given, seed=seed_of(generator), rounds=1_000), 0.49)

    return once


def every_bit(generator: np.random.Generator, n: int) -> Floats:
    """Rows of which nine of ten are right."""
    return (generator.random(n) < 0.9) * 1.0


def every_gap(generator: np.random.Generator, n: int) -> Floats:
    """Differences of two models on the same rows: 12 % won, 8 % lost."""
    return generator.choice([-1.0, 0.0, 1.0], p=[0.08, 0.8, 0.12], size=n)


def every_score(generator: np.random.Generator, n: int) -> Floats:
    """Scores between 0 and 1, mostly small."""
    return generator.beta(1, 4, n)


CASES = [
    Case("mcnemar_30", 30, shares(30)),
    Case("mcnemar_100", 100, shares(100)),
    Case("mcnemar", 200, shares(200)),
    Case("difference_macro_f1_60", 60, f1_difference(60, interval=difference_interval), part=0.5),
    Case("difference_macro_f1", 200, f1_difference(200, interval=difference_interval), part=0.5),
    Case("difference_loss_60", 60, loss_difference(60, interval=difference_interval), part=0.5),
    Case("difference_loss", 200, loss_difference(200, interval=difference_interval), part=0.5),
    Case(
        "difference_heavy_loss",
        200,
        loss_difference(200, interval=difference_interval, spread=1.0),
        part=0.5,
    ),
    Case("bca_macro_f1", 200, f1_difference(200, interval=few(bootstrap_interval)), part=0.5, barred=False),
    Case("bca_loss", 200, loss_difference(200, interval=few(bootstrap_interval)), part=0.5, barred=False),
    Case("permutation_macro_f1", 200, permuted(lambda draw: two_labellings(draw, 200, base=0.8, other=0.8), macro_f1)),
    Case("permutation_loss", 60, permuted(lambda draw: two_losses(draw, 60, gain=1), mean)),
    Case("families_60", 60, clustered(60), part=0.5),
    Case("families", 200, clustered(200), part=0.5),
    Case("holm", 200, several_metrics(200), part=0.5),
    Case("non_inferiority_share_60", 60, share_margin(60)),
    Case("non_inferiority_share", 200, share_margin(200)),
    Case("non_inferiority_loss", 200, loss_margin(200)),
    Case("mixture_test", 500, mixture(500)),
    Case("sequence_share", 500, peeked(500, draw=every_bit, truth=0.9), part=0.5, always=True),
    Case("sequence_difference", 500, peeked(500, draw=every_gap, truth=0.04, low=-1.0), part=0.5, always=True),
    Case("sequence_score", 500, peeked(500, draw=every_score, truth=0.2), part=0.5, always=True),
    Case("share_20", 20, one_share(20, share=0.9)),
    Case("share", 200, one_share(200, share=0.97)),
    Case("metric_macro_f1", 200, one_metric(200, metric="f1"), part=0.5),
    Case("metric_loss_60", 60, one_metric(60, metric="loss"), part=0.5),
    Case("metric_loss", 200, one_metric(200, metric="loss"), part=0.5),
    Case("mmd", 100, drift(100, test=mmd, width=5, rounds=199)),
    Case("ks", 200, drift(200, test=ks, width=1)),
    Case("psi", 200, drift(200, test=psi, width=1)),
    Case("classifier_drift", 60, drift(60, test=classifier_drift, width=3, rounds=99), part=0.5),
    Case("krippendorff_alpha", 200, agreement(200), part=0.5),
]
