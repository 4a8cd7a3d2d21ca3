"""JSON schemas that others wrote, in bounded time and without network. Drafts 4 to 2020-12, by `jsonschema`.

Three dangers and their bounds: a `$ref` to another place is never fetched; patterns are searched with a deadline; and
a schema that multiplies itself (references to references) ends after a fixed number of steps, the same on any machine.
What runs into a bound is `Unjudged`, neither valid nor invalid.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jsonschema import validators
from jsonschema.exceptions import SchemaError, UnknownType, ValidationError
from jsonschema.protocols import Validator
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable

from tunewright.evaluate.scoring.patterns import Unjudged, found

STEPS = 300_000
"""Keywords and their parts that are looked at for one answer, at most: about three seconds."""
PATTERNS_S = 2.0
"""Seconds that all patterns together may take for one answer."""
LONGEST_SCHEMA = 1_000_000
BROKEN = (SchemaError, Unresolvable, UnknownType, RecursionError, OverflowError, TypeError, AttributeError, KeyError)
Errors = Iterator[ValidationError]
Keyword = Callable[[Any, Any, Any, Any], "Errors | None"]


def fulfils(schema: Mapping[str, Any] | bool, value: Any) -> bool:
    """True when a JSON value fulfils the schema; formats such as `date` are not checked, as by default in JSON Schema.

    Raises Unjudged for a broken schema, one that refers to elsewhere, and one that takes too long.
    """
    try:
        checker = _checker(json.dumps(schema, sort_keys=True))
    except (TypeError, ValueError, RecursionError) as error:
        raise Unjudged(f"no schema: {error}") from error
    checker.bounds.refill()
    return _usable(lambda: checker.validator.is_valid(value), "the schema cannot be used")


def _usable(ask: Callable[[], bool], what: str) -> bool:
    """What `ask` says. Raises Unjudged for what a broken schema brings about.

    Maps inside jsonschema are in Rust, which panics where Python would raise RecursionError: no Exception, by design.
    """
    try:
        return ask()
    except BROKEN as error:
        raise Unjudged(f"{what}: {type(error).__name__}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise Unjudged(f"{what}: RecursionError") from error


class _Bounds:
    """What may still be spent on one answer."""

    def __init__(self) -> None:
        self.refill()

    def refill(self) -> None:
        """A new answer."""
        self.steps, self.search_s = STEPS, PATTERNS_S

    def take(self, steps: int) -> None:
        """Raises Unjudged when fewer are left."""
        self.steps -= steps
        if self.steps < 0:
            raise Unjudged(f"a schema that takes more than {STEPS:,} steps")

    def found(self, pattern: str, text: str) -> bool:
        """True when a pattern is in a text. Raises Unjudged when the time for all patterns is over."""
        started = time.perf_counter()
        try:
            return found(pattern, text)
        finally:
            self.search_s -= time.perf_counter() - started
            if self.search_s < 0:
                raise Unjudged(f"patterns that take more than {PATTERNS_S} s")


@dataclass(frozen=True)
class _Checker:
    validator: Validator
    bounds: _Bounds


@lru_cache(maxsize=256)
def _checker(text: str) -> _Checker:
    """A schema ready for use. Raises Unjudged."""
    if len(text) > LONGEST_SCHEMA:
        raise Unjudged(f"a schema of {len(text):,} characters (limit {LONGEST_SCHEMA:,})")
    schema = json.loads(text)
    if "unevaluatedProperties" in text and "patternProperties" in text:
        raise Unjudged("unevaluatedProperties beside patternProperties cannot be checked in bounded time")
    draft = validators.validator_for(schema, default=validators.validator_for({}))
    _usable(lambda: draft.check_schema(schema) is None, "no schema")
    bounds = _Bounds()
    bounded = validators.extend(draft, _bounded_rules(draft.VALIDATORS, bounds))
    return _Checker(bounded(_without_drafts(schema), registry=REGISTRY), bounds)


def _without_drafts(schema: Any) -> Any:
    """The schema without `$schema` in its parts: the draft is chosen once, and a part that names one would leave us."""
    if isinstance(schema, list):
        return [_without_drafts(inside) for inside in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: inside for name, inside in schema.items() if name != "$schema" or not isinstance(inside, str)}
    return {name: _without_drafts(inside) for name, inside in kept.items()}


def _bounded_rules(rules: Mapping[str, Keyword], bounds: _Bounds) -> dict[str, Keyword]:
    """The keywords of a draft, each of which takes its steps, and those with patterns or pairs of items in own code."""

    def _pattern(validator: Any, wanted: str, instance: Any, schema: Any) -> Errors:
        if validator.is_type(instance, "string") and not bounds.found(wanted, instance):
            yield ValidationError("a text does not match its pattern")

    def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Errors:
        for name, value in _members(validator, instance):
            bounds.take(len(patterns))
            for inside in (inside for wanted, inside in patterns.items() if bounds.found(wanted, name)):
                yield from validator.descend(value, inside, path=name)

    def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Errors:
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        for name, value in _members(validator, instance):
            bounds.take(len(patterns))
            if name not in known and not any(bounds.found(wanted, name) for wanted in patterns):
                yield from validator.descend(value, allowed, path=name)

    own: dict[str, Keyword] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    }
    return {name: _counted(rule, bounds) for name, rule in {**rules, **own}.items()}


def _members(validator: Any, instance: Any) -> list[tuple[str, Any]]:
    return list(instance.items()) if validator.is_type(instance, "object") else []


def _counted(rule: Keyword, bounds: _Bounds) -> Keyword:
    """A keyword that takes as many steps as its value has parts."""

    def _counting(validator: Any, value: Any, instance: Any, schema: Any) -> Errors | None:
        bounds.take(1 + (len(value) if isinstance(value, list | dict) else 0))
        return rule(validator, value, instance, schema)

    return _counting


def _unique_items(validator: Any, wanted: Any, instance: Any, schema: Any) -> Errors:
    """By a form that equal values share, in a time that grows with the length and not with its square."""
    if wanted and validator.is_type(instance, "array") and len({_form(item) for item in instance}) < len(instance):
        yield ValidationError("an item is there twice")


def _form(value: Any) -> Any:
    """Something hashable, equal for values that are equal in JSON: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, bool) or value is None:
        return (type(value).__name__, value)
    if isinstance(value, Mapping):
        return ("object", frozenset((name, _form(inside)) for name, inside in value.items()))
    return ("array", tuple(map(_form, value))) if isinstance(value, list) else value
