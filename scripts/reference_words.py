"""A block of recipe keys in words, for the pages of docs/reference."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import BaseModel

HEAD = "<!-- Made by scripts/generate_reference.py from {source}; edit there. -->\n\n"


def keys(model: type[BaseModel], *, but: frozenset[str] | set[str] = frozenset()) -> list[str]:
    """What a block is for, and an item for each of its keys."""
    shapes = model.model_json_schema()["properties"]
    names = [name for name in model.model_fields if name not in but]
    items = [item(name, shapes[name], model.model_fields[name]) for name in names]
    return [inspect.getdoc(model) or "", *(["\n".join(items)] if items else [])]


NO_REASON = {"no default", "see its keys"}


def item(name: str, shape: dict[str, Any], field: Any) -> str:
    """One key: form, unit, default, meaning and reason."""
    extra = field.json_schema_extra or {}
    unit = f", in {extra['unit']}" if extra.get("unit") else ""
    default = "required" if field.is_required() else f"default {show(field.default)}"
    form = f"{describe(shape)}{unit}; {default}"
    why = "" if extra["why"] in NO_REASON else f"\n  *Why:* {extra['why']}."
    return f"- **`{name}`** ({form}). {field.description}{why}"


def show(value: Any) -> str:
    """A default as a recipe would write it."""
    if value is None:
        return "none"
    if isinstance(value, tuple | list):
        return "`[" + ", ".join(map(str, value)) + "]`"
    return "its keys' defaults" if isinstance(value, BaseModel | dict) else f"`{value}`"


def describe(shape: dict[str, Any]) -> str:
    """A JSON Schema in words."""
    if "anyOf" in shape:
        return " or ".join(dict.fromkeys(describe(one) for one in shape["anyOf"]))
    if "$ref" in shape or "properties" in shape:
        return "mapping"
    if "enum" in shape or "const" in shape:
        return ", ".join(f"`{value}`" for value in shape.get("enum", [shape.get("const")]))
    if shape.get("type") == "array":
        return f"list of {describe(shape.get('items', {}))}"
    words = {
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "boolean": "true or false",
        "null": "none",
    }
    return words.get(shape.get("type", ""), "any value") + limits(shape)


LIMITS = {"exclusiveMinimum": "above", "minimum": "at least", "exclusiveMaximum": "below", "maximum": "at most"}


def limits(shape: dict[str, Any]) -> str:
    """Bounds of a number in words."""
    said = [f"{word} {shape[name]:g}" for name, word in LIMITS.items() if name in shape]
    return f" {', '.join(said)}" if said else ""
