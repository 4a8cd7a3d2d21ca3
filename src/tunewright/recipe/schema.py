"""The recipe as JSON Schema (draft 2020-12), generated from the options; `schema.json` is its committed copy."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from tunewright.recipe.recipe import Recipe

FILE = Path(__file__).with_name("schema.json")
DRAFT = "https://json-schema.org/draft/2020-12/schema"
SHORT = {
    ("DataOptions", "train"): "path",
    ("DataOptions", "validation"): "path",
    ("DataOptions", "test"): "path",
    ("DataOptions", "overlong"): "action",
    ("Recipe", "data"): "train",
    ("Recipe", "model"): "name",
}
"""Keys that may be written as plain text, which then stands for one key of their block. Inner blocks first.

Where such a key may hold a list, its entries may be written so, too.
"""

Schema = dict[str, Any]


@cache
def schema() -> Schema:
    """The schema of a recipe file, with the parts that are installed. Shared: do not change it."""
    made: Schema = {"$schema": DRAFT} | Recipe.model_json_schema()
    blocks: dict[str, Schema] = made["$defs"] | {"Recipe": made}
    for (owner, key), target in SHORT.items():
        properties = blocks[owner]["properties"]
        properties[key] = with_short_form(properties[key], short_form(blocks, properties[key], target=target))
    return made


def short_form(blocks: dict[str, Schema], field: Schema, *, target: str) -> Schema:
    """What plain text in place of a block must be."""
    found = json.dumps(field)
    owner = found[found.index("#/$defs/") + len("#/$defs/") :].split('"')[0]
    form = blocks[owner]["properties"][target]
    form = form["anyOf"][0] if "anyOf" in form else form
    return {"type": "string", "short_for": target} | {key: form[key] for key in ("enum", "minLength") if key in form}


def with_short_form(field: Schema, short: Schema) -> Schema:
    """A key that takes plain text beside its block."""
    rest = {key: value for key, value in field.items() if key not in ("$ref", "anyOf")}
    forms = field["anyOf"] if "anyOf" in field else [{"$ref": field["$ref"]}]
    listed = [form | {"items": {"anyOf": [short, form["items"]]}} if "items" in form else form for form in forms]
    return {"anyOf": [short, *listed]} | rest


def text() -> str:
    """The schema as it is committed and printed."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
