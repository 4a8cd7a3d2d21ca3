"""Says of most good recipes that they are good, without loading pydantic: `check` then answers at once.

It knows less than `check`: when it is not sure it says False, and `check` looks properly. A test holds it to that.
"""

from __future__ import annotations

import re
from typing import Any

from tunewright.recipe import files
from tunewright.recipe.draft import Draft, committed
from tunewright.recipe.keys import Schema, forms, mapping, sequence

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


def surely_good(draft: Draft) -> bool:
    """True only when `check` would find nothing."""
    if draft.problems or not fits(committed(), committed(), draft.plain):
        return False
    return not files.problems(draft, files.own_parts)


def fits(root: Schema, field: Schema, value: Any) -> bool:
    """True when a value surely is what a key may hold."""
    return any(fits_form(root, form, value) for form in forms(root, field))


def fits_form(root: Schema, form: Schema, value: Any) -> bool:
    """One alternative. A block with rules over several keys is for pydantic to judge."""
    if "enum" in form or "const" in form:
        return any(value == word and type(value) is type(word) for word in form.get("enum", [form.get("const")]))
    if form.get("rules") or type(value) not in _TYPES.get(form.get("type", ""), ()):
        return False
    if (block := mapping(value)) is not None:
        return fits_block(root, form, block)
    if isinstance(value, list):
        items = sequence(value)
        return len(items) >= form.get("minItems", 0) and all(fits(root, form["items"], each) for each in items)
    if isinstance(value, str):
        return len(value) >= form.get("minLength", 0) and re.search(form.get("pattern", ""), value) is not None
    return value is None or fits_bounds(form, value)


def fits_block(root: Schema, form: Schema, value: dict[str, Any]) -> bool:
    """Known keys only, none missing, each fitting."""
    known = form.get("properties", {})
    return (
        value.keys() <= known.keys()
        and all(key in value for key in form.get("required", ()))
        and all(fits(root, known[key], each) for key, each in value.items())
    )


def fits_bounds(form: Schema, value: float) -> bool:
    """Inside the limits of a number, and finite."""
    return (
        abs(value) < 1e300
        and value >= form.get("minimum", value)
        and value <= form.get("maximum", value)
        and ("exclusiveMinimum" not in form or value > form["exclusiveMinimum"])
        and ("exclusiveMaximum" not in form or value < form["exclusiveMaximum"])
    )
