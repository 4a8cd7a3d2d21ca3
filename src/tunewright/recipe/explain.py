"""What a key of the recipe means: text for people, taken from the schema that checks it."""

from __future__ import annotations

import difflib
import json
from typing import Any

from tunewright.core.errors import UserError
from tunewright.recipe import words
from tunewright.recipe.keys import Schema, every, forms, item, part_name
from tunewright.recipe.schema import schema

_HIDDEN = ("type", "version")


def explain(key: str) -> str:
    """Meaning, allowed values, default and its reason, unit and inner keys of a key such as "training.learning_rate".

    A part's key may be named with the part ("method.lora.rank") or without it ("method.rank": every part that has it).
    Raises UserError with the nearest key when there is none.
    """
    root = schema()
    if key in ("", "recipe"):
        return "\n".join(["A recipe. Keys:", *_inner(root, root)])
    known = dict(every(root))
    found = [path for path in known if key in (path, _without_part(root, known, path))]
    if not found:
        return _part(root, known, key)
    return "\n\n".join(_describe(root, path, known[path]) for path in found)


def keys() -> list[str]:
    """Every key that `explain` knows, in the order of the recipe."""
    return [path for path, _field in every(schema())]


def _without_part(root: Schema, known: dict[str, Schema], path: str) -> str:
    """ "method.lora.rank" as it is written in a recipe: "method.rank"."""
    steps = path.split(".")
    kept = [step for index, step in enumerate(steps) if not _is_part(root, known.get(".".join(steps[:index])), step)]
    return ".".join(kept)


def _parts(root: Schema, field: Schema) -> dict[str, Schema]:
    inside = item(root, field)
    blocks = [form for form in (*forms(root, field), *(forms(root, inside) if inside else ())) if "properties" in form]
    return {name: block for block in blocks if (name := part_name(block)) is not None}


def _is_part(root: Schema, field: Schema | None, step: str) -> bool:
    return field is not None and step in _parts(root, field)


def _part(root: Schema, known: dict[str, Schema], key: str) -> str:
    """A part as a whole ("method.lora"), or the error for what is no key at all."""
    parent, _dot, name = key.rpartition(".")
    block = _parts(root, known[parent]).get(name) if parent in known else None
    if block is None:
        raise UserError(f'there is no key "{key}".', do=_nearest(list(known), key))
    return "\n".join([f"{parent}: {name}", f"  {block.get('description', '')}", "  Keys:", *_properties(root, block)])


def _nearest(known: list[str], key: str) -> str:
    same_end = [path for path in known if path.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
    close = same_end[:1] or difflib.get_close_matches(key, known, n=1, cutoff=0.4)
    return f'Did you mean "{close[0]}"?' if close else "List the keys with: tunewright explain recipe"


def _describe(root: Schema, path: str, field: Schema) -> str:
    lines = [path, f"  {_meaning(root, path, field)}"]
    lines.append(f"  Allowed: {words.allowed(root, field)}.")
    if "default" in field:
        lines.append(f"  Default: {_value(field['default'])}.")
    elif "const" not in field:
        lines.append("  Required.")
    if field.get("why", "no default") != "no default":
        lines.append(f"  Why: {field['why']}.")
    if "unit" in field:
        lines.append(f"  Unit: {field['unit']}.")
    for name, block in _parts(root, field).items():
        lines.append(f"  {name}: {block.get('description', '')}")
    if inner := _inner(root, field):
        lines += ["  Keys:", *inner]
    return "\n".join(lines)


def _meaning(root: Schema, path: str, field: Schema) -> str:
    if "const" in field:
        return "Which part it is." if path.endswith(".type") else "Version of the part's result."
    return field.get("description") or next(
        (form["description"] for form in forms(root, field) if "description" in form), ""
    )


def _value(value: Any) -> str:
    return "none" if value is None else "see its keys" if value == {} else json.dumps(value, ensure_ascii=False)


def _inner(root: Schema, field: Schema) -> list[str]:
    blocks = [form for form in forms(root, field) if "properties" in form and part_name(form) is None]
    return [line for block in blocks for line in _properties(root, block)]


def _properties(root: Schema, block: Schema) -> list[str]:
    shown = {name: field for name, field in block["properties"].items() if name not in _HIDDEN or "const" not in field}
    width = max((len(name) for name in shown), default=0)
    return [f"    {name:{width}}  {_meaning(root, name, field)}" for name, field in shown.items()]
