"""JSON schemas: as jsonschema says where it may be trusted, and bounded where somebody wants us to hang."""

from __future__ import annotations

import math
import socket
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.evaluate.fakes import labelled, scorers
from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.patterns import Unjudged
from tunewright.evaluate.scoring.schema import fulfils

LIMIT_S = 8.0
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, 1.0, 2.0])
    | st.sampled_from(["a", "ab", "x"]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from("abx"), inside, max_size=3),
    max_leaves=6,
)
LEAVES = st.sampled_from(
    [
        True,
        False,
        {},
        {"type": "integer"},
        {"type": ["string", "null"]},
        {"enum": [1, "a", [1]]},
        {"const": {"a": 1}},
        {"minimum": 1, "maximum": 2},
        {"multipleOf": 0.5},
        {"pattern": "^a"},
        {"minLength": 2},
        {"uniqueItems": True, "minItems": 1},
        {"required": ["a"], "maxProperties": 2},
        {"format": "date"},
    ]
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inside: st.one_of(
        st.fixed_dictionaries({"properties": st.dictionaries(st.sampled_from("ab"), inside, max_size=2)}),
        st.fixed_dictionaries({"additionalProperties": inside, "properties": st.just({"a": True})}),
        st.fixed_dictionaries({"additionalProperties": inside, "patternProperties": st.just({"^[ab]": {}})}),
        st.fixed_dictionaries({"patternProperties": st.fixed_dictionaries({"^a": inside, "b$": inside})}),
        st.fixed_dictionaries({"items": inside, "uniqueItems": st.booleans()}),
        st.fixed_dictionaries({"anyOf": st.lists(inside, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"not": inside}),
        st.fixed_dictionaries({"contains": inside}),
        st.fixed_dictionaries({"propertyNames": inside}),
        st.fixed_dictionaries({"unevaluatedProperties": inside, "properties": st.just({"a": True})}),
    ),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(SCHEMAS, VALUES)
def test_a_value_fulfils_what_jsonschema_says(schema: Any, value: Any) -> None:
    said = str(schema)
    assume("unevaluatedProperties" not in said or "patternProperties" not in said)
    assert fulfils(schema, value) == Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    ("draft", "schema"),
    [
        ("http://json-schema.org/draft-04/schema#", {"exclusiveMaximum": True, "maximum": 2}),
        ("http://json-schema.org/draft-07/schema#", {"items": [{"type": "integer"}], "additionalItems": False}),
        ("https://json-schema.org/draft/2020-12/schema", {"prefixItems": [{"type": "integer"}], "items": False}),
    ],
)
def test_a_schema_names_its_draft(draft: str, schema: dict[str, Any]) -> None:
    full = {"$schema": draft, **schema}
    value = 2 if "maximum" in schema else [1, 2]
    assert not fulfils(full, value)
    assert fulfils(full, 1 if "maximum" in schema else [1])


def multiplied(depth: int) -> dict[str, Any]:
    """Definitions that each ask for the next one twice: 2 ** depth checks of one value."""
    parts: dict[str, Any] = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(depth)}
    return {"$ref": "#/$defs/a0", "$defs": {**parts, f"a{depth}": {"type": "string"}}}


HOSTILE: dict[str, tuple[Any, Any]] = {
    "elsewhere": ({"$ref": "http://example.com/schema.json"}, 1),
    "a file": ({"$ref": "file:///etc/passwd"}, 1),
    "itself": ({"$ref": "#"}, 1),
    "itself inside a draft": ({"$schema": "http://json-schema.org/draft-07/schema#", "not": {"$ref": "#"}}, 1),
    "multiplied": (multiplied(40), "x"),
    "many patterns": ({"patternProperties": {f"^{n}": {} for n in range(3000)}}, {str(n): 1 for n in range(3000)}),
    "wide": ({"items": {"properties": {str(n): {} for n in range(3000)}}}, [{}] * 3000),
    "a slow pattern": ({"pattern": r"^(([a-z])+.)+[A-Z]([a-z])+$"}, "a" * 40_000),
    "slow patterns": ({"items": {"not": {"pattern": r"^(.*?,){11}P"}}}, ["1," * 18] * 400),
    "a long pattern": ({"pattern": "a" * 5000}, "a"),
    "no pattern": ({"pattern": "("}, "a"),
    "no type": ({"type": "strin"}, "a"),
    "a number": (3, "a"),
    "no JSON": ({"const": {1, 2}}, "a"),
    "patterns nobody bounds": ({"unevaluatedProperties": False, "patternProperties": {"a": {}}}, {}),
    "large": ({"enum": ["x" * 1000] * 1200}, "a"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_schema_is_not_judged_and_does_not_hang(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    schema, value = HOSTILE[name]
    started = time.process_time()
    with pytest.raises(Unjudged):
        fulfils(schema, value)
    assert time.process_time() - started < LIMIT_S


def test_many_items_are_compared_in_time() -> None:
    started = time.process_time()
    assert fulfils({"uniqueItems": True}, [{"a": [n]} for n in range(100_000)])
    assert not fulfils({"uniqueItems": True}, [{"a": [n]} for n in range(100_000)] + [{"a": [7.0]}])
    assert time.process_time() - started < LIMIT_S


def test_after_a_hostile_schema_the_next_row_is_judged_with_full_bounds() -> None:
    schema = multiplied(12)
    assert [fulfils(schema, "x") for _ in range(20)] == [True] * 20


def test_rows_that_nobody_can_judge_are_left_out() -> None:
    asked = [
        ({"type": "object"}, "{}"),
        ({"type": "object"}, "[]"),
        ({"type": "object"}, "no JSON"),
        ({"$ref": "http://example.com"}, "{}"),
    ]
    rows = [
        AnsweredRow(replace(labelled("x", "y"), details={"schema": schema}), answer, finish="stop")
        for schema, answer in asked
    ]
    rows.append(AnsweredRow(labelled("x", "y"), "{}", finish="stop"))
    np.testing.assert_array_equal(scorers()["schema_valid"].per_row(rows), [1, 0, 0, math.nan, math.nan])
