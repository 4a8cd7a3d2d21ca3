"""Gates: which bound decides, by how much a gate is missed, which rows speak against a model, and what recipes say."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluate.fakes import labelled
from tests.recipe.drafts import GOOD, sentences
from tunewright.core.answers import AnsweredRow
from tunewright.core.nouns import Answered, Comparison, Evaluation, GateResult
from tunewright.evaluate.compare import Measured
from tunewright.evaluate.gates import decide, problems, shown
from tunewright.evaluate.own_rows import document
from tunewright.recipe.gates import GateOptions

HIGHER: dict[str, Any] = {
    "base": 0.6,
    "tuned": 0.8,
    "base_interval": (0.5, 0.7),
    "tuned_interval": (0.7, 0.9),
    "difference": 0.2,
    "interval": (0.1, 0.3),
}
LOWER: dict[str, Any] = {
    "base": 2.0,
    "tuned": 1.8,
    "base_interval": (1.9, 2.1),
    "tuned_interval": (1.7, 1.9),
    "difference": -0.2,
    "interval": (-0.3, -0.1),
    "direction": "lower",
}
UNSURE: dict[str, Any] = LOWER | {"interval": (-0.1, 0.1), "difference": 0.0, "tuned": 2.0}


def found(values: dict[str, Any], **more: Any) -> Evaluation:
    """An evaluation with one metric, `m` of the way `w`."""
    one = Comparison(**({"base_same_prompt": None, "n": 50, "families": 50} | values))
    keys: dict[str, Any] = {"names": {"base": "b", "tuned": "t"}, "suites": {"w": {"m": one}}, "ways": {"w": ("w",)}}
    return Evaluation(name="e", key="k", model="x", dataset="d", split="test", **(keys | more))


def decided(gate: dict[str, Any], evaluation: Evaluation) -> GateResult:
    """What became of one gate."""
    return decide([gate_of(gate)], evaluation, answers=(), scorers={}).gates[0]


def gate_of(keys: dict[str, Any]) -> GateOptions:
    """A gate on `m` of `w`, unless the keys say otherwise."""
    given: dict[str, Any] = {"metric": "m", "suite": "w"} | keys
    return GateOptions(**given)


@pytest.mark.parametrize(
    ("gate", "values", "bound", "limit", "short_by"),
    [
        ({"at_least": 0.7}, HIGHER, 0.7, 0.7, None),
        ({"at_least": 0.75}, HIGHER, 0.7, 0.75, 0.05),
        ({"at_most": 0.9}, HIGHER, 0.9, 0.9, None),
        ({"at_most": 0.85}, HIGHER, 0.9, 0.85, 0.05),
        ({"at_least": 1.7}, LOWER, 1.7, 1.7, None),
        ({"at_most": 1.8}, LOWER, 1.9, 1.8, 0.1),
        ({"not_worse_than": "base"}, HIGHER, 0.1, 0.0, None),
        ({"not_worse_than": "base"}, HIGHER | {"interval": (-0.01, 0.3)}, -0.01, 0.0, 0.01),
        ({"not_worse_than": "base", "margin": 0.02}, HIGHER | {"interval": (-0.01, 0.3)}, -0.01, -0.02, None),
        ({"not_worse_than": "base", "margin": "1%"}, HIGHER | {"interval": (-0.01, 0.3)}, -0.01, -0.006, 0.004),
        ({"better_than": "base"}, HIGHER, 0.1, 0.0, None),
        ({"better_than": "base", "margin": 0.05}, HIGHER, 0.1, 0.05, None),
        ({"better_than": "base", "margin": 0.1}, HIGHER, 0.1, 0.1, 0.0),
        ({"better_than": "base", "margin": "50%"}, HIGHER, 0.1, 0.3, 0.2),
        ({"better_than": "base"}, HIGHER | {"interval": (0.0, 0.0)}, 0.0, 0.0, 0.0),
        ({"not_worse_than": "base"}, LOWER, -0.1, 0.0, None),
        ({"not_worse_than": "base"}, UNSURE, 0.1, 0.0, 0.1),
        ({"not_worse_than": "base", "margin": "5%"}, UNSURE, 0.1, 0.1, None),
        ({"not_worse_than": "base", "margin": "2%"}, UNSURE, 0.1, 0.04, 0.06),
        ({"better_than": "base", "margin": 0.05}, LOWER, -0.1, -0.05, None),
        ({"better_than": "base", "margin": "10%"}, LOWER, -0.1, -0.2, 0.1),
        ({"better_than": "base"}, UNSURE, 0.1, 0.0, 0.1),
        ({"not_worse_than": "base", "margin": "10%"}, LOWER | {"base": -2.0, "interval": (0.1, 0.3)}, 0.3, 0.2, 0.1),
    ],
)
def test_the_bound_that_decides(
    gate: dict[str, Any], values: dict[str, Any], bound: float, limit: float, short_by: float | None
) -> None:
    result = decided(gate, found(values))
    assert (result.bound, result.limit) == (pytest.approx(bound), pytest.approx(limit))
    assert result.passed == (short_by is None)
    assert result.short_by == (None if short_by is None else pytest.approx(short_by, abs=1e-15))
    assert result.value == values["tuned"]
    assert result.way == "w"


NUMBER = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 6))


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A gate and a comparison with all that it needs; margins in numbers and in percent."""
    low, high = sorted((draw(NUMBER), draw(NUMBER)))
    own_low, own_high = sorted((draw(NUMBER), draw(NUMBER)))
    base = draw(NUMBER)
    values = {
        "base": base,
        "tuned": draw(NUMBER),
        "difference": draw(st.sampled_from([low, high])),
        "interval": (low, high),
        "tuned_interval": (own_low, own_high),
        "direction": draw(st.sampled_from(["higher", "lower"])),
    }
    rule = draw(st.sampled_from(["at_least", "at_most", "not_worse_than", "better_than"]))
    if rule in ("at_least", "at_most"):
        return {rule: draw(NUMBER | st.sampled_from([own_low, own_high]))}, values
    margin = draw(
        NUMBER.map(abs) | st.sampled_from([abs(low), abs(high)]) | st.integers(0, 300).map(lambda share: f"{share}%")
    )
    return {rule: "base", "margin": margin}, values


@given(cases())
def test_a_gate_is_met_exactly_when_its_bound_keeps_its_limit(case: tuple[dict[str, Any], dict[str, Any]]) -> None:
    gate, values = case
    margin = gate.get("margin", 0.0)
    if isinstance(margin, str):
        margin = abs(values["base"]) * float(margin[:-1]) / 100
    sign = 1 if values["direction"] == "higher" else -1
    worse = values["interval"][0] if sign > 0 else -values["interval"][1]
    if "at_least" in gate:
        missing = gate["at_least"] - values["tuned_interval"][0]
    elif "at_most" in gate:
        missing = values["tuned_interval"][1] - gate["at_most"]
    else:
        missing = (-margin if "not_worse_than" in gate else margin) - worse
    close = abs(missing) < 1e-9 * max(1.0, abs(worse), abs(margin))
    result = decided(gate, found(values))
    if not close:
        assert result.passed == (missing < 0)
    elif missing == 0:
        assert result.passed == ("better_than" not in gate)
    assert result.passed == (result.short_by is None)
    if not result.passed:
        assert result.short_by == pytest.approx(missing, rel=1e-6, abs=1e-6)
        assert result.bound is not None and result.limit is not None
        assert abs(result.bound - result.limit) == pytest.approx(result.short_by, rel=1e-6, abs=1e-6)


@given(cases(), st.floats(0, 1e6))
def test_a_better_model_never_closes_a_gate(case: tuple[dict[str, Any], dict[str, Any]], gain: float) -> None:
    gate, values = case
    up = gain if values["direction"] == "higher" else -gain
    better = values | {name: tuple(each + up for each in values[name]) for name in ("interval", "tuned_interval")}
    fits = ("at_least" in gate) == (values["direction"] == "higher") or "margin" in gate
    if fits and decided(gate, found(values)).passed:
        assert decided(gate, found(better)).passed


def test_a_count_stands_for_itself() -> None:
    counted = {"base": 0.1, "tuned": 0.4, "difference": 0.4 - 0.1, "direction": "lower", "census": True}
    assert decided({"at_most": 0.4}, found(counted)).passed
    assert decided({"at_most": 0.39}, found(counted)).short_by == pytest.approx(0.01)
    assert decided({"not_worse_than": "base", "margin": 0.3}, found(counted)).passed, "0.4 - 0.1 is 0.3"
    assert not decided({"not_worse_than": "base", "margin": 0.29}, found(counted)).passed
    same = counted | {"tuned": 0.1, "difference": 0.0}
    assert decided({"not_worse_than": "base"}, found(same)).passed
    assert not decided({"better_than": "base"}, found(same)).passed


@pytest.mark.parametrize(
    ("gate", "values", "reason"),
    [
        ({"at_least": 0.1}, HIGHER | {"tuned": None, "difference": None}, "the metric is no finite number here"),
        (
            {"at_least": 0.1},
            HIGHER | {"tuned_interval": None, "n": 1},
            "there are too few rows to say how sure the value is",
        ),
        ({"at_most": 0.1}, HIGHER | {"tuned_interval": None}, "this metric has no interval here"),
        ({"not_worse_than": "base"}, HIGHER | {"interval": None, "n": 1}, "too few rows to say how sure the diff"),
        ({"better_than": "base"}, HIGHER | {"direction": "neither"}, "this metric has no better side"),
        ({"better_than": "base"}, HIGHER | {"base": None, "difference": None}, "the metric of the base model is no"),
        ({"at_least": 0.1}, HIGHER | {"tuned_interval": (math.nan, 0.9)}, "the bound is no finite number here"),
        ({"at_most": 0.1}, HIGHER | {"tuned_interval": (0.1, math.inf)}, "the bound is no finite number here"),
        ({"not_worse_than": "base"}, HIGHER | {"interval": (math.nan, math.nan)}, "the bound is no finite number"),
    ],
)
def test_what_cannot_be_decided_does_not_pass(gate: dict[str, Any], values: dict[str, Any], reason: str) -> None:
    evaluation = found(values)
    result = decided(gate, evaluation)
    assert not result.passed
    assert reason in result.reason
    assert (result.bound, result.limit, result.short_by) == (None, None, None)
    (problem,) = problems(decide([gate_of(gate)], evaluation, answers=(), scorers={}), evaluation)
    assert problem.what.startswith("not decided: m of w ")
    assert reason in problem.what and "nan" not in problem.sentence()


def test_a_metric_without_a_better_side_can_have_limits() -> None:
    neither = HIGHER | {"direction": "neither"}
    assert decided({"at_least": 0.7}, found(neither)).passed
    assert not decided({"at_most": 0.7}, found(neither)).passed


def test_a_model_alone_is_held_against_numbers_and_never_against_itself() -> None:
    alone = {"base": 0.8, "tuned": None, "base_interval": (0.7, 0.9)}
    evaluation = found(alone, names={"base": "b"})
    assert decided({"at_least": 0.7}, evaluation).passed
    assert decided({"at_least": 0.75}, evaluation).short_by == pytest.approx(0.05)
    refused = decided({"not_worse_than": "base"}, evaluation)
    assert (refused.passed, refused.reason) == (False, "there is no base model to compare with")


def test_what_was_not_measured_does_not_pass_and_says_why() -> None:
    evaluation = found(HIGHER, unmeasured={"general_kl": "it has another tokenizer", "bias": "no rows"})
    asked = {"general_kl": "it has another tokenizer", "general": "it has another tokenizer", "bias": "no rows"}
    for name, why in (asked | {"nothing": "it was not measured"}).items():
        result = decided({"suite": name, "at_least": 0.1}, evaluation)
        assert (result.passed, result.way, result.reason) == (False, "", f"{name}: {why}")
    assert decided({"metric": "other", "at_least": 0.1}, evaluation).reason == "w: it was not measured"


def test_no_gates_are_met() -> None:
    assert decide([], found(HIGHER), answers=(), scorers={}).passed


def test_a_gate_names_a_way_its_suite_or_the_split() -> None:
    one = Comparison(**HIGHER, base_same_prompt=None, n=50)
    suites = {"own": {"m": one}, "s_a": {"k": one}, "s_b": {"m": one}}
    evaluation = found(
        HIGHER, suites=suites, ways={"own": ("own",), "s": ("s_a", "s_b")}, base_prompts={"s_a": "bare", "s_b": "bare"}
    )
    for name, way in {"s_b": "s_b", "s": "s_b", "test": "s_b", "own": "own", "validation": ""}.items():
        assert decided({"suite": name, "at_least": 0.1}, evaluation).way == way


def test_a_sentence_says_how_much_is_missing_and_shows_a_row_in_one_line(tmp_path: Path) -> None:
    evaluation = found(HIGHER)
    rows = tuple(f"{number:064x}" for number in range(3))
    shown: dict[str, Any] = {
        "prompt": "two\nlines\t" + "long " * 100,
        "target": "t",
        "base": "b",
        "tuned": "t",
        "source": "",
    }
    evaluation = evaluation.model_copy(update={"worst": (Answered(row=rows[1], **shown),)})
    verdict = decide([GateOptions(metric="m", suite="w", at_least=0.75)], evaluation, answers=(), scorers={})
    gate = verdict.gates[0].model_copy(update={"rows": rows})
    (problem,) = problems(verdict.model_copy(update={"gates": (gate,)}), evaluation)
    assert problem.what == "not met: m of w at least 0.75; it is 0.8, the bound 0.7 misses 0.75 by 0.05."
    assert problem.where == "gates"
    assert "\n" not in problem.do and 'First: "two lines long' in problem.do
    assert len(problem.do) < 250


def test_examples_say_where_a_row_stands_what_was_asked_and_answered() -> None:
    row = replace(labelled("wording\x1b[31m " * 50 + "the question", "heart"), source="test.csv", line=7)
    alone = document("A pair of sentences.")
    measured = Measured("w", "bare", [AnsweredRow(row, "")], [AnsweredRow(row, "")], [AnsweredRow(row, "skin\nand")])
    (told,) = shown(measured, [row.id])
    assert told.startswith('test.csv:7 "…') and told.endswith('wording [31m the question" → "skin and"')
    assert len(told) < 120 and told.isprintable()
    chosen = AnsweredRow(alone, "A pair of sentences.")
    unasked = Measured("w", "bare", [chosen], [chosen], None)
    assert shown(unasked, [alone.id]) == ('"A pair of sentences."',)


# Gates in recipes.


@pytest.mark.parametrize(
    ("gate", "sentence"),
    [
        (
            "{suite: test, at_least: 0.5}",
            "4: gates.0.metric: this key is missing. Add it. Which metric: a scorer's name.",
        ),
        ("{metric: f1, at_least: 0.5}", "4: gates.0.suite: this key is missing."),
        ("{metric: f1, suite: test}", "4: gates.0: a gate has exactly one of at_least, at_most, not_worse_than"),
        (
            "{metric: f1, suite: test, at_least: 0.5, at_most: 1}",
            "better_than; this one has at_least and at_most.",
        ),
        ("{metric: f1, suite: test, at_least: 0.5, margin: 0.1}", "a margin belongs to not_worse_than or better_than."),
        ("{metric: f1, suite: test, margin: 0.1}", "this one has none of them."),
        ("{metric: f1, suite: test, not_worse_than: base, margin: abc}", "4: gates.0.margin: must be"),
        ("{metric: f1, suite: test, not_worse_than: base, margin: -1}", "4: gates.0.margin: must be"),
        ("{metric: f1, suite: test, not_worse_than: base, margin: -1%}", "4: gates.0.margin: must be"),
        ("{metric: f1, suite: test, not_worse_than: base, margin: .nan}", "4: gates.0.margin: must be"),
        ("{metric: f1, suite: test, not_worse_than: base, margin: .inf}", "4: gates.0.margin: must be"),
        ("{metric: f1, suite: test, not_worse_than: base, margin: true}", "4: gates.0.margin: must be"),
        ("{metric: f1, suite: test, not_worse_than: tuned}", "4: gates.0.not_worse_than: must be"),
        ("{metric: f1, suite: test, at_least: .nan}", "4: gates.0.at_least: must be"),
        ("{metric: f1, suite: test, at_least: .inf}", "4: gates.0.at_least: must be"),
        ("{metric: f1, suite: test, at_least: high}", "4: gates.0.at_least: must be"),
        ("{metric: f1, suite: test, at_least: true}", "4: gates.0.at_least: must be"),
        (
            "{metric: f1, suite: test, at_leest: 0.5}",
            '4: gates.0.at_leest: there is no key "at_leest" here. Did you mean "at_least"?',
        ),
        ('{metric: "", suite: test, at_least: 0.5}', "4: gates.0.metric: must be"),
        ("f1", "4: gates.0: must be"),
    ],
)
def test_a_gate_that_means_nothing_is_one_sentence(tmp_path: Path, gate: str, sentence: str) -> None:
    said = sentences(tmp_path, f"{GOOD}gates: [{gate}]\n")
    assert len(said) == 1, said
    assert said[0].startswith("recipe.yaml:4: gates.0")
    assert sentence in said[0]
    assert "\n" not in said[0]


@pytest.mark.parametrize(("margin", "of_two"), [(0.5, 0.5), ("2%", 0.04), (" 2.5 % ", 0.05), (0, 0.0), ("0%", 0.0)])
def test_a_margin_is_a_number_or_a_share_of_the_base(margin: float | str, of_two: float) -> None:
    gate = GateOptions(metric="m", suite="w", not_worse_than="base", margin=margin)
    assert gate.margin_of(2.0) == gate.margin_of(-2.0) == pytest.approx(of_two)
