"""Gates: is the model good enough? Decided on the bound of an interval, so that luck does not open a gate.

`at_least`: the lower bound of the model's own interval; `at_most`: the upper. `not_worse_than`: non-inferiority, the
bound of the paired difference on the worse side against the margin; `better_than`: the same bound against a gain of at
least the margin. A value without sampling error (`census`) stands for itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tunewright.core.answers import AnsweredRow, Scorer
from tunewright.core.errors import Problem
from tunewright.core.nouns import Comparison, Evaluation, GateResult, Verdict
from tunewright.evaluate.against import rows_against
from tunewright.evaluate.compare import Measured
from tunewright.recipe.gates import GateOptions

SHOWN_ROWS, SHOWN_EXAMPLES, SHOWN_LETTERS = 10, 3, 80
ROUNDING = 1e-12
"""A bound this close to its limit, relative to the larger of 1 and the limit, lies on it: 0.4 - 0.1 is 0.3."""


def decide(
    gates: Sequence[GateOptions],
    evaluation: Evaluation,
    *,
    answers: Sequence[Measured],
    scorers: Mapping[str, Scorer],
    key: str = "",
) -> Verdict:
    """What became of every gate. What was not measured, or has no number, does not pass."""
    by_way = _by_way(answers, evaluation)
    results = tuple(_decided(gate, evaluation, by_way=by_way, scorers=scorers) for gate in gates)
    return Verdict(
        name=evaluation.name,
        key=key,
        parents=(evaluation.name,),
        made_at=evaluation.made_at,
        evaluation=evaluation.name,
        gates=results,
    )


def _by_way(answers: Sequence[Measured], evaluation: Evaluation) -> dict[str, Measured]:
    """The answers by way; those of `<suite>_best` are put together again from the ways of the suite."""
    by_way = {one.way: one for one in answers}
    for suite, ways in evaluation.ways.items():
        name = f"{suite}_best"
        way, _, prompt = evaluation.base_prompts.get(name, "").partition(", ")
        if way in by_way and ways and ways[0] in by_way:
            chance = by_way[way]
            base = chance.base if chance.prompt == prompt else chance.base_same_prompt
            by_way[name] = replace(chance, way=name, prompt=prompt, base=base, tuned=by_way[ways[0]].tuned)
    return by_way


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
        return closed.model_copy(update={"reason": f"{gate.suite}: {_why(gate, evaluation)}"})
    one = evaluation.suites[way][gate.metric]
    value = one.base if one.tuned is None and "tuned" not in evaluation.names else one.tuned
    if value is None:
        why = evaluation.left_out.get(way, {}).get(gate.metric, "the metric is no finite number here").rstrip(".")
        return closed.model_copy(update={"reason": why})
    found = _held(gate, one, value=value)
    if isinstance(found, str):
        return closed.model_copy(update={"value": value, "reason": found})
    bound, limit, missing = found
    passed = missing < 0 if gate.rule == "better_than" else missing <= 0
    measured, scorer = by_way.get(way), scorers.get(gate.metric)
    rows: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    if not passed and measured is not None and scorer is not None:
        count = len(measured.base) if one.census else SHOWN_ROWS  # a count names every row that it counts
        rows = rows_against(gate, measured, scorer=scorer, labels=evaluation.labels, count=count)
        examples = shown(measured, rows[:SHOWN_EXAMPLES])
    return closed.model_copy(
        update={
            "passed": passed,
            "value": value,
            "bound": bound,
            "limit": limit,
            "short_by": None if passed else missing,
            "rows": rows,
            "examples": examples,
        }
    )


def _why(gate: GateOptions, evaluation: Evaluation) -> str:
    """Why nothing of that name was measured: its own reason, or those of its ways."""
    reasons = {
        why for name, why in evaluation.unmeasured.items() if name == gate.suite or name.startswith(f"{gate.suite}_")
    }
    return "; ".join(sorted(reasons)) or "it was not measured"


def _held(gate: GateOptions, one: Comparison, *, value: float) -> tuple[float, float, float] | str:
    """Bound, limit, and how much is missing (0 or less: nothing); or why the gate cannot be decided."""
    found = _against_base(gate, one) if gate.against_base else _against_number(gate, one, value=value)
    if isinstance(found, str):
        return found
    bound, limit, missing = found
    if not math.isfinite(missing):
        return "the bound is no finite number here"
    return bound, limit, 0.0 if abs(missing) <= ROUNDING * max(1.0, abs(limit)) else missing


def _against_number(gate: GateOptions, one: Comparison, *, value: float) -> tuple[float, float, float] | str:
    interval = one.tuned_interval if one.tuned is not None else one.base_interval
    if interval is None and not one.census:
        return _unsure(one, "the value")
    low, high = interval or (value, value)
    if gate.at_least is not None:
        return low, gate.at_least, gate.at_least - low
    limit = gate.at_most if gate.at_most is not None else value
    return high, limit, high - limit


def _against_base(gate: GateOptions, one: Comparison) -> tuple[float, float, float] | str:
    if one.direction == "neither":
        return "this metric has no better side"
    if one.base is None:
        return "the metric of the base model is no finite number here"
    if one.difference is None:
        return "there is no base model to compare with"
    if one.interval is None and not one.census:
        return _unsure(one, "the difference")
    low, high = one.interval or (one.difference, one.difference)
    margin = gate.margin_of(one.base)
    allowed = margin if gate.rule == "better_than" else -margin
    return (low, allowed, allowed - low) if one.direction == "higher" else (high, -allowed, high + allowed)


def _unsure(one: Comparison, what: str) -> str:
    if one.n < 2:
        return f"there are too few rows to say how sure {what} is"
    return f"this metric has no interval here, so nothing says how sure {what} is"


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
    """The gates that are not met, each as a sentence with how much is missing and rows that show it."""
    prompts = {one.row: one.prompt for one in (*evaluation.worst, *evaluation.examples)}
    return tuple(_problem(gate, prompts) for gate in verdict.gates if not gate.passed)


def _problem(gate: GateResult, prompts: Mapping[str, str]) -> Problem:
    if gate.value is None or gate.bound is None or gate.limit is None:
        return Problem(f"not decided: {gate.rule}; {gate.reason}.", "gates", "Measure it, or remove the gate.")
    missed = f"misses {gate.limit:.4g} by {gate.short_by:.4g}" if gate.short_by else "lies on the limit, not beyond it"
    what = f"not met: {gate.rule}; it is {gate.value:.4g}, the bound {gate.bound:.4g} {missed}."
    return Problem(what, "gates", _rows(gate, prompts))


def _rows(gate: GateResult, prompts: Mapping[str, str]) -> str:
    if gate.examples:
        more = len(gate.rows) - len(gate.examples)
        head = "Rows that speak against it: " + "; ".join(gate.examples)
        return f"{head}; {more} more in gates.json." if more else f"{head}."
    rows = ", ".join(row[:12] for row in gate.rows[:5])
    said = next((prompts[row] for row in gate.rows if row in prompts), "")
    first = f' First: "{" ".join(said[:400].split())[:80]}".' if said.strip() else ""
    return f"Rows that speak against it: {rows}.{first}" if rows else ""


def shown(measured: Measured, rows: Sequence[str]) -> tuple[str, ...]:
    """Rows for people: file and line where there are any, the end of what was asked, and what was answered."""
    found = {one.row.id: one for one in measured.judged()}
    return tuple(_shown(found[row]) for row in rows)


def _shown(one: AnsweredRow) -> str:
    place = f"{one.row.source}:{one.row.line} " if one.row.line else ""
    asked = one.row.prompt[-1].get("content", "") if one.row.prompt else one.row.target
    said = one.answer or one.predicted or ""
    return f"{place}{quoted(asked)}" + (f" → {quoted(said)}" if said.strip() and said != asked else "")


def quoted(text: str) -> str:
    """The end of a text in one line, at most 80 characters that can be printed: what rows share stands before it."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text[-4 * SHOWN_LETTERS :]).split())
    return f'"{line}"' if len(line) <= SHOWN_LETTERS else f'"…{line[-SHOWN_LETTERS:]}"'
