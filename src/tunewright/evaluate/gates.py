"""Gates: is the model good enough? Decided on the bound of an interval, so that luck does not open a gate.

`at_least`: the lower bound of the model's own interval; `at_most`: the upper. `not_worse_than`: non-inferiority, the
bound of the paired difference on the worse side against the margin; `better_than`: the same bound against a gain of at
least the margin. A value without sampling error (`census`) stands for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tunewright.core.answers import Scorer
from tunewright.core.errors import Problem
from tunewright.core.nouns import Comparison, Evaluation, GateResult, Verdict
from tunewright.evaluate.compare import Measured
from tunewright.recipe.gates import GateOptions

SHOWN_ROWS = 10


def decide(
    gates: Sequence[GateOptions],
    evaluation: Evaluation,
    *,
    answers: Sequence[Measured],
    scorers: Mapping[str, Scorer],
    key: str = "",
) -> Verdict:
    """What became of every gate. What was not measured, or has no number, does not pass."""
    by_way = {one.way: one for one in answers}
    results = tuple(_decided(gate, evaluation, by_way=by_way, scorers=scorers) for gate in gates)
    return Verdict(
        name=evaluation.name,
        key=key,
        parents=(evaluation.name,),
        made_at=evaluation.made_at,
        evaluation=evaluation.name,
        gates=results,
    )


def way_of(gate: GateOptions, evaluation: Evaluation) -> str | None:
    """The way that a gate is about: named itself, or the first of its suite, or of the split, that has the metric."""
    if gate.metric in evaluation.suites.get(gate.suite, {}):
        return gate.suite
    ways = evaluation.ways.get(gate.suite, ())
    if gate.suite == evaluation.split:
        ways = tuple(
            way for suite in evaluation.ways for way in evaluation.ways[suite] if way in evaluation.base_prompts
        )
    return next((way for way in ways if gate.metric in evaluation.suites.get(way, {})), None)


def _decided(
    gate: GateOptions, evaluation: Evaluation, *, by_way: Mapping[str, Measured], scorers: Mapping[str, Scorer]
) -> GateResult:
    way = way_of(gate, evaluation)
    rule = words(gate)
    closed = GateResult(
        rule=rule,
        metric=gate.metric,
        suite=gate.suite,
        way=way or "",
        passed=False,
        value=None,
        bound=None,
        limit=None,
    )
    if way is None:
        why = evaluation.unmeasured.get(gate.suite, "it was not measured")
        return closed.model_copy(update={"reason": f"{gate.suite}: {why}"})
    one = evaluation.suites[way][gate.metric]
    value = one.base if one.tuned is None and "tuned" not in evaluation.names else one.tuned
    if value is None:
        return closed.model_copy(update={"reason": "the metric is no finite number here"})
    found = _held(gate, one, value=value)
    if isinstance(found, str):
        return closed.model_copy(update={"value": value, "reason": found})
    bound, limit, missing = found
    passed = missing < 0 if gate.rule == "better_than" else missing <= 0
    rows = () if passed else _against(gate, by_way.get(way), scorers.get(gate.metric))
    return closed.model_copy(
        update={
            "passed": passed,
            "value": value,
            "bound": bound,
            "limit": limit,
            "short_by": None if passed else missing,
            "rows": rows,
        }
    )


def _held(gate: GateOptions, one: Comparison, *, value: float) -> tuple[float, float, float] | str:
    """Bound, limit, and how much is missing (0 or less: nothing); or why the gate cannot be decided."""
    if gate.rule in ("at_least", "at_most"):
        interval = one.tuned_interval if one.tuned is not None else one.base_interval
        if interval is None and not one.census:
            return "there are too few rows to say how sure the value is"
        low, high = interval or (value, value)
        if gate.at_least is not None:
            return low, gate.at_least, gate.at_least - low
        limit = gate.at_most if gate.at_most is not None else value
        return high, limit, high - limit
    return _against_base(gate, one)


def _against_base(gate: GateOptions, one: Comparison) -> tuple[float, float, float] | str:
    if one.direction == "neither":
        return "this metric has no better side"
    if one.difference is None or one.base is None:
        return "there is no base model to compare with"
    if one.interval is None and not one.census:
        return "there are too few rows to say how sure the difference is"
    low, high = one.interval or (one.difference, one.difference)
    margin = gate.margin_of(one.base)
    allowed = margin if gate.rule == "better_than" else -margin
    return (low, allowed, allowed - low) if one.direction == "higher" else (high, -allowed, high + allowed)


def _against(gate: GateOptions, measured: Measured | None, scorer: Scorer | None) -> tuple[str, ...]:
    """Ids of the rows that speak most against the model: the worst values, or the largest losses to the base."""
    if measured is None or scorer is None:
        return ()
    judged = scorer.per_row(measured.judged())
    if judged is None:
        return ()
    lower = scorer.direction == "lower" or gate.at_most is not None
    badness = judged if lower else -judged
    if gate.rule in ("not_worse_than", "better_than"):
        base = scorer.per_row(measured.base)
        badness = badness if base is None else badness - (base if lower else -base)
    order = [int(place) for place in np.argsort(-np.nan_to_num(badness, nan=-np.inf), kind="stable")]
    worst = [place for place in order if np.isfinite(badness[place]) and badness[place] > np.nanmin(badness)]
    return tuple(measured.base[place].row.id for place in worst[:SHOWN_ROWS])


def words(gate: GateOptions) -> str:
    """A gate in words: "f1 of labels_generated at least 0.8"."""
    head = f"{gate.metric} of {gate.suite}"
    if gate.at_least is not None:
        return f"{head} at least {gate.at_least:g}"
    if gate.at_most is not None:
        return f"{head} at most {gate.at_most:g}"
    margin = gate.margin if isinstance(gate.margin, str) else f"{gate.margin:g}"
    if gate.not_worse_than is not None:
        return f"{head} not worse than the {gate.not_worse_than} by more than {margin}"
    return f"{head} better than the {gate.better_than} by more than {margin}"


def problems(verdict: Verdict, evaluation: Evaluation) -> tuple[Problem, ...]:
    """The gates that are not met, each as a sentence with how much is missing and where to look."""
    prompts = {one.row: one.prompt for one in (*evaluation.worst, *evaluation.examples)}
    return tuple(_problem(gate, prompts) for gate in verdict.gates if not gate.passed)


def _problem(gate: GateResult, prompts: Mapping[str, str]) -> Problem:
    if gate.value is None or gate.bound is None or gate.limit is None:
        return Problem(f"not decided: {gate.rule}; {gate.reason}.", "gates", "Measure it, or remove the gate.")
    short = f"{gate.short_by:.4g}" if gate.short_by is not None else ""
    what = (
        f"not met: {gate.rule}; it is {gate.value:.4g}, the bound {gate.bound:.4g} misses {gate.limit:.4g} by {short}."
    )
    rows = ", ".join(row[:12] for row in gate.rows[:5])
    said = next((prompts[row] for row in gate.rows if row in prompts), "")
    shown = f' First: "{said[:80]}".' if said else ""
    return Problem(what, "gates", f"Rows that speak against it: {rows}.{shown}" if rows else "")
