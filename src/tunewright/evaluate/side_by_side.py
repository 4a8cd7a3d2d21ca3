"""Two evaluations side by side, A and B, from their stored answers: no model is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from tunewright.core.answers import Direction, Scorer
from tunewright.core.errors import UserError
from tunewright.core.nouns import Comparison, Interval
from tunewright.evaluate import words
from tunewright.evaluate.changed_rows import ChangedRows, LostSlice, changed_rows, lost_slices
from tunewright.evaluate.compare import Compared
from tunewright.evaluate.pairing import Pairing, Seen, Side, alone, paired, seen_rows
from tunewright.evaluate.record import corrected

SHOWN = 10
SEED = 0


class PairedMetric(BaseModel):
    """One metric of A and B on the same rows; the fields are those of `nouns.Comparison`, `difference` is B - A.

    `p_holm` is corrected over all metrics of all ways of this comparison. `verdict` says what B is: "better", "worse",
    "no clear difference", or nothing where that cannot be said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    a: float | None
    b: float | None
    a_interval: Interval | None
    b_interval: Interval | None
    difference: float | None
    interval: Interval | None
    p: float | None
    p_holm: float | None
    n: int
    families: int
    unmeasured: int
    direction: Direction
    census: bool
    detectable: float | None
    verdict: str


class PairedWay(BaseModel):
    """One way of asking that both have.

    `rows` were answered by both, `only_a` and `only_b` by one of them; `differing` have one id and other content, and
    are left out. On `other_tokens` rows the same text was scored as other tokens, or with other loss weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    rows: int
    only_a: int
    only_b: int
    differing: int
    other_tokens: int
    metrics: dict[str, PairedMetric]
    changed: ChangedRows | None
    lost_slices: tuple[LostSlice, ...]


class SideBySide(BaseModel):
    """What both evaluations have, by way; `only_a` and `only_b` say of the other ways why one has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    ways: dict[str, PairedWay]
    only_a: dict[str, str]
    only_b: dict[str, str]
    seen: tuple[Seen, ...]
    labels_differ: bool


@dataclass(frozen=True)
class Wanted:
    """What is compared: metrics by name (none: all), and how many rows and slices of a kind are shown."""

    metrics: Collection[str] = ()
    most: int = SHOWN
    seed: int = SEED


def put_side_by_side(a: Side, b: Side, *, scorers: Mapping[str, Scorer], wanted: Wanted) -> SideBySide:
    """Everything that both evaluations can say about B against A; metrics without a scorer are left out.

    Raises UserError when there is no way of asking, no wanted metric or no row that both have.
    """
    ours, theirs = a.evaluation.labels, b.evaluation.labels
    labels = tuple(dict.fromkeys((*ours, *theirs)))
    pairings = paired(a, b, labels=labels)
    _check(a, b, pairings=pairings)
    names = {way: metrics_of(a, b, ways=[way]) for way in pairings}
    compared: dict[str, dict[str, Compared]] = {}
    for way, one in pairings.items():
        asked = [name for name in names[way] if name in scorers and name in (wanted.metrics or names[way])]
        if asked or not wanted.metrics:
            compared[way] = {
                name: Compared(scorers[name], one.measured, labels=labels, seed=wanted.seed)
                for name in (asked if one.measured.base else ())
            }
    if not compared:
        raise UserError(
            f"both evaluations have no way in which {' or '.join(wanted.metrics)} was measured.",
            where="--metric",
            do=f"There is: {', '.join(metrics_of(a, b, ways=list(pairings)))}.",
        )
    found = corrected({way: {name: one.whole() for name, one in each.items()} for way, each in compared.items()})
    return SideBySide(
        ways={way: _way(pairings[way], compared[way], found=found[way], most=wanted.most) for way in compared},
        only_a=alone(a, b),
        only_b=alone(b, a),
        seen=seen_rows(a, b, pairings=pairings),
        labels_differ=bool(ours and theirs) and set(ours) != set(theirs),
    )


def metrics_of(a: Side, b: Side, *, ways: Sequence[str]) -> list[str]:
    """The metrics that either evaluation has in any of these ways, each once; the main one of the first way first."""
    sides = [side.evaluation.suites for side in (a, b)]
    return list(dict.fromkeys(name for way in ways for suites in sides for name in suites.get(way, {})))


def _check(a: Side, b: Side, *, pairings: Mapping[str, Pairing]) -> None:
    """Raise UserError where nothing can be compared."""
    if not pairings:
        told = [f"{name} has {', '.join(side.ways) or 'none'}" for name, side in (("A", a), ("B", b))]
        raise UserError(
            f"the two evaluations have no way of asking in common: {'; '.join(told)}.",
            do="Measure both with one suite: tunewright evaluate TARGET --suite NAME",
        )
    if not any(one.measured.base for one in pairings.values()):
        told = [f"{way} ({len(a.ways[way].base):,} of A, {len(b.ways[way].base):,} of B)" for way in pairings]
        raise UserError(
            f"no row was answered by both: {', '.join(told)}.",
            do="Compare runs that were measured on the same test rows, or evaluate both with a suite that has rows of "
            "its own, such as general.",
        )


def _way(
    pairing: Pairing, compared: Mapping[str, Compared], *, found: Mapping[str, Comparison], most: int
) -> PairedWay:
    main = next(iter(compared.items()), None)
    return PairedWay(
        rows=len(pairing.measured.base),
        only_a=pairing.only_a,
        only_b=pairing.only_b,
        differing=pairing.differing,
        other_tokens=pairing.other_tokens,
        metrics={name: _metric(each) for name, each in found.items()},
        changed=changed_rows(*main, most=most) if main else None,
        lost_slices=lost_slices(main[1], most=most) if main else (),
    )


def _metric(one: Comparison) -> PairedMetric:
    return PairedMetric(
        a=one.base,
        b=one.tuned,
        a_interval=one.base_interval,
        b_interval=one.tuned_interval,
        difference=one.difference,
        interval=one.interval,
        p=one.p,
        p_holm=one.p_holm,
        n=one.n,
        families=one.families,
        unmeasured=one.unmeasured,
        direction=one.direction,
        census=one.census,
        detectable=one.detectable,
        verdict=words.verdict(one),
    )
