"""Says of most good recipes that they are good, without loading pydantic: `check` then answers at once.

It knows less than `check`: when it is not sure it says False, and `check` looks properly. A test holds it to that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tunewright.recipe import agree, files, remote
from tunewright.recipe.draft import Draft, committed
from tunewright.recipe.keys import Keys, Schema, mapping, sequence

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
SURE_BELOW = 1e300
GATE_RULES = ("at_least", "at_most", "not_worse_than", "better_than")
RULES: dict[str, Callable[[dict[str, Any]], bool]] = {
    "GateOptions": lambda block: _one_rule(block),
    "ModelOptions": lambda block: block.get("weights") is None or block.get("precision") is None,
    "OutputOptions": lambda block: len(sequence(block.get("trackers"))) < 2,
    "SourceOptions": lambda block: block.keys() <= {"path", "type"} and remote.store_of(str(block.get("path"))) is None,
}
"""Blocks with rules of their own, and when those surely hold: where no two values are given that could disagree."""


def _one_rule(gate: dict[str, Any]) -> bool:
    """One limit, and a margin only beside another model's value."""
    named = [rule for rule in GATE_RULES if gate.get(rule) is not None]
    return len(named) == 1 and (not gate.get("margin") or named[0] in GATE_RULES[2:])


def surely_good(draft: Draft) -> bool:
    """True only when `check` would find nothing."""
    keys = committed()
    fitting = not draft.problems and fits(keys, keys.root, value=draft.plain)
    return fitting and not files.problems(draft, files.own_parts) and not any(agree.problems(draft))


def fits(keys: Keys, field: Schema, *, value: Any) -> bool:
    """True when a value surely is what a key may hold."""
    return any(fits_form(keys, form, value=value) for form in keys.forms(field))


def fits_form(keys: Keys, form: Schema, *, value: Any) -> bool:
    """One alternative. What has rules that a schema cannot say is for pydantic to judge."""
    if form.get("rules") and not keeps_rules(form, value):
        return False
    if "enum" in form or "const" in form:
        return any(value == word and type(value) is type(word) for word in form.get("enum", [form.get("const")]))
    if type(value) not in _TYPES.get(form.get("type", ""), ()):
        return False
    if (block := mapping(value)) is not None:
        return fits_block(keys, form, value=block)
    if isinstance(value, list):
        items = sequence(value)
        return len(items) >= form.get("minItems", 0) and all(fits(keys, form["items"], value=each) for each in items)
    if isinstance(value, str):
        return fits_text(form, value)
    return value is None or fits_bounds(form, value)


def keeps_rules(form: Schema, value: Any) -> bool:
    """True when the rules of a block surely hold."""
    rule, block = RULES.get(form.get("title", "")), mapping(value)
    return rule is not None and block is not None and rule(block)


def fits_block(keys: Keys, form: Schema, *, value: dict[str, Any]) -> bool:
    """Known keys only, none missing, each fitting."""
    known = form.get("properties", {})
    return (
        value.keys() <= known.keys()
        and all(key in value for key in form.get("required", ()))
        and all(fits(keys, known[key], value=each) for key, each in value.items())
    )


def fits_text(form: Schema, value: str) -> bool:
    """Long enough, of the form asked for, and free of what pydantic may refuse in a text."""
    if form.get("short_for") in ("path", "train") and remote.store_of(value) is not None:
        return False  # an address mostly needs more keys
    plain = "\n" not in value and not re.search("[\ud800-\udfff]", value)
    return plain and len(value) >= form.get("minLength", 0) and re.search(form.get("pattern", ""), value) is not None


def fits_bounds(form: Schema, value: float) -> bool:
    """Inside the limits of a number, and of a size that no reader of numbers stumbles over."""
    return (
        abs(value) < SURE_BELOW
        and value >= form.get("minimum", value)
        and value <= form.get("maximum", value)
        and ("exclusiveMinimum" not in form or value > form["exclusiveMinimum"])
        and ("exclusiveMaximum" not in form or value < form["exclusiveMaximum"])
    )
