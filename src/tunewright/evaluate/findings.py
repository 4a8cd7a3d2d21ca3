"""An evaluation and its verdict as a report tells them: the decision, a line for each kind of finding, and the tables.

Nothing is computed here but order and words; every number stands in the records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunewright.core.nouns import Comparison, Evaluation, GateResult, Slice, Verdict
from tunewright.evaluate import titles, words

GLANCE = 3
"""Metrics named in a line of the overview."""
MOST_SLICES = 12


@dataclass(frozen=True)
class Decision:
    """What the report says first. `state` is `met`, `not_met` or `open` (nothing was asked, or nothing measured)."""

    state: str
    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Gate:
    """A gate for people; `rows` are the first of the rows that speak against it, with what was answered."""

    rule: str
    met: bool
    value: str
    bound: str
    limit: str
    short_by: str
    reason: str
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One metric of one way."""

    name: str
    metric: str
    one: Comparison
    judged: str


@dataclass(frozen=True)
class Way:
    """One way of asking with its metrics. `note` says which prompt the base had, `left_out` what does not count."""

    name: str
    title: str
    note: str
    lines: tuple[Line, ...]
    left_out: tuple[str, ...] = ()
    groups: tuple[Slice, ...] = ()
    """Parts of the rows by attribute: groups of people, or topics."""


@dataclass(frozen=True)
class Section:
    """All of one kind of finding. `state` is `better`, `worse`, `same` or `missing`; `glance` its line above."""

    kind: str
    title: str
    question: str
    state: str
    glance: str
    ways: tuple[Way, ...]
    unmeasured: tuple[str, ...] = ()


@dataclass(frozen=True)
class Weakness:
    """The parts of the rows of one way, worst first; `more` counts those that are not shown."""

    title: str
    metric: str
    whole: float | None
    parts: tuple[tuple[Slice, bool], ...]
    more: int = 0


@dataclass(frozen=True)
class Findings:
    """What the report tells of an evaluation."""

    decision: Decision
    gates: tuple[Gate, ...]
    sections: tuple[Section, ...]
    weaknesses: tuple[Weakness, ...]
    extremes: str
    """What best and worst answers are about."""
    right_or_wrong: bool = False
    """Whether their values are nothing but right and wrong."""


def findings(evaluation: Evaluation | None, verdict: Verdict | None) -> Findings:
    """All of it; of no evaluation only that there is none."""
    if evaluation is None:
        return Findings(Decision("open", "Nothing was measured yet", ()), (), (), (), "")
    way, _, metric = evaluation.extremes_way.partition(".")
    return Findings(
        decision=decision(evaluation, verdict),
        gates=tuple(_gate(gate) for gate in verdict.gates) if verdict else (),
        sections=tuple(_sections(evaluation)),
        weaknesses=tuple(_weaknesses(evaluation)),
        extremes=f"{titles.way(way)}, by “{titles.metric(metric)}”" if way else "",
        right_or_wrong=metric in titles.COUNTED,
    )


def decision(evaluation: Evaluation, verdict: Verdict | None) -> Decision:
    """The verdict in a title and a few sentences."""
    gates = verdict.gates if verdict else ()
    closed = [gate for gate in gates if not gate.passed]
    if not gates:
        return Decision(
            "open",
            "No gate decides",
            ("The recipe has no gates, so nothing here says whether this model is good enough.",),
        )
    if not closed:
        every = "The one gate is met" if len(gates) == 1 else f"All {len(gates)} gates are met"
        return Decision(
            "met", "Ready: every gate is met", (f"{every}, each on the bound of its 95{words.SPACE}% interval.",)
        )
    few = f"{len(closed)} of {len(gates)} gates {'is' if len(closed) == 1 else 'are'} not met"
    return Decision("not_met", f"Not ready: {few}", tuple(_refusal(gate) for gate in closed))


def _refusal(gate: GateResult) -> str:
    if gate.value is None or gate.bound is None or gate.limit is None:
        return f"{gate.rule}: not decided, {gate.reason}."
    metric, shown = gate.metric, _in_its_unit(gate)
    points = " points" if metric in titles.PERCENT else ""
    return (
        f"{gate.rule}: it is {words.number(gate.value, metric)}, and the bound {shown(gate.bound, metric)} misses "
        f"{shown(gate.limit, metric)} by {words.amount(gate.short_by, metric)}{points}."
    )


def _in_its_unit(gate: GateResult) -> Callable[[float | None, str], str]:
    """How bound and limit are written: of a rule that compares with the base they are differences."""
    return words.difference if " than the " in gate.rule else words.number


def _gate(gate: GateResult) -> Gate:
    metric, shown = gate.metric, _in_its_unit(gate)
    return Gate(
        rule=gate.rule,
        met=gate.passed,
        value=words.number(gate.value, metric),
        bound=shown(gate.bound, metric),
        limit=shown(gate.limit, metric),
        short_by="" if gate.short_by is None else words.amount(gate.short_by, metric),
        reason=gate.reason,
        rows=gate.examples or tuple(row[:12] for row in gate.rows[:GLANCE]),
    )


def _sections(evaluation: Evaluation) -> list[Section]:
    """A section for each kind; one that nobody asked for says how to ask."""
    made: list[Section] = []
    by_suite = _ways_by_suite(evaluation)
    for kind, told in titles.KINDS.items():
        suites = sorted((suite for suite in by_suite if titles.kind_of(suite) == kind), key=_place_in(told.suites))
        ways = [_way(name, evaluation) for suite in suites for name in by_suite[suite] if name in evaluation.suites]
        absent = [name for suite in suites for name in by_suite[suite] if name in evaluation.unmeasured]
        missing = tuple(f"{titles.way(name)}: {evaluation.unmeasured[name]}" for name in absent)
        if ways or missing:
            glance = _glance(ways) or f"Not measured: {'; '.join(evaluation.unmeasured[name] for name in absent)}"
            made.append(Section(kind, told.title, told.question, _state(ways), glance, tuple(ways), missing))
        elif told.add:
            hint = f"Not measured; the suite “{told.add}” would."
            made.append(Section(kind, told.title, told.question, "missing", hint, ()))
    return made


def _place_in(order: Sequence[str]) -> Callable[[str], int]:
    """What to sort suites by: those that are named first, in their order."""
    return lambda suite: order.index(suite) if suite in order else len(order)


def _ways_by_suite(evaluation: Evaluation) -> dict[str, list[str]]:
    """Every way that was measured or not, under its suite: the comparison with the base's best chance first."""
    found = {
        suite: [name for name in (f"{suite}_best", *ways) if name in evaluation.suites]
        for suite, ways in evaluation.ways.items()
    }
    for name in evaluation.unmeasured:
        found.setdefault(_suite_of(name, evaluation), []).append(name)
    named = {name for ways in found.values() for name in ways}
    return found | {name: [name] for name in evaluation.suites if name not in named}


def _suite_of(way: str, evaluation: Evaluation) -> str:
    """The suite whose name a way begins with, the longest one; else the way itself."""
    suites = [suite for suite in evaluation.ways if way == suite or way.startswith(f"{suite}_")]
    return max(suites, key=len, default=way)


def _way(name: str, evaluation: Evaluation) -> Way:
    metrics = evaluation.suites[name]
    prompt = evaluation.base_prompts.get(name)
    rows = next(iter(metrics.values())).n
    notes = [f"Base at its best: {words.style(prompt)}"] if prompt else []
    lines = [Line(titles.metric(metric), metric, one, words.verdict(one)) for metric, one in metrics.items()]
    return Way(
        name=name,
        title=titles.way(name),
        note=" · ".join([*notes, f"{rows:,} rows"]),
        lines=tuple(lines),
        left_out=tuple(evaluation.left_out.get(name, {}).values()),
        groups=tuple(part for part in evaluation.slices.get(name, ()) if part.kind == "attribute"),
    )


def _state(ways: Sequence[Way]) -> str:
    """Worse where any metric is clearly worse, else better where any is."""
    judged = {line.judged for way in ways for line in way.lines}
    if not ways:
        return "missing"
    return "worse" if "worse" in judged else "better" if "better" in judged else "same"


def _glance(ways: Sequence[Way]) -> str:
    """Main metrics first; what is worse comes before everything."""
    firsts = [way.lines[0] for way in ways if way.lines]
    rest = [line for way in ways for line in way.lines[1:]]
    worse = [line for line in (*firsts, *rest) if line.judged == "worse"]
    seen: dict[str, str] = {}
    for line in (*worse, *firsts, *rest):
        seen.setdefault(line.name, _change(line))
    return "; ".join(list(seen.values())[:GLANCE])


def _change(line: Line) -> str:
    one, metric = line.one, line.metric
    if one.tuned is None:
        return f"{line.name} {words.number(one.base, metric)}"
    judged = f" ({line.judged})" if line.judged in ("better", "worse") else ""
    return f"{line.name} {words.number(one.base, metric)} → {words.number(one.tuned, metric)}{judged}"


def _weaknesses(evaluation: Evaluation) -> list[Weakness]:
    """Where the model is worst, for every way of the task whose rows have parts."""
    made: list[Weakness] = []
    for name, parts in evaluation.slices.items():
        own = [part for part in parts if part.kind != "attribute"]
        if own and name in evaluation.suites:
            metric, whole = next(iter(evaluation.suites[name].items()))
            judged = whole.base if whole.tuned is None else whole.tuned
            ordered = _worst_first(own, lower=whole.direction == "lower")
            flagged = [(part, _below(part, judged, lower=whole.direction == "lower")) for part in ordered]
            shown = tuple(flagged[:MOST_SLICES])
            made.append(Weakness(titles.way(name), metric, judged, shown, len(flagged) - len(shown)))
    return made


def judged_value(part: Slice) -> float | None:
    """The value of the model that is judged."""
    return part.base if part.tuned is None else part.tuned


def _worst_first(parts: Sequence[Slice], *, lower: bool) -> list[Slice]:
    known = [part for part in parts if judged_value(part) is not None]
    return sorted(known, key=lambda part: (judged_value(part) or 0.0) * (-1 if lower else 1))


def _below(part: Slice, whole: float | None, *, lower: bool) -> bool:
    """True where the part's whole interval is on the worse side of the value of all rows."""
    if part.tuned_interval is None or whole is None:
        return False
    low, high = part.tuned_interval
    return low > whole if lower else high < whole
