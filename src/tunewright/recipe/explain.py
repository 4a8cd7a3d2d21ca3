"""What a key of the recipe means: text for people, taken from the schema that checks it."""

from __future__ import annotations

import difflib
import json
from typing import Any

from tunewright.core.errors import UserError
from tunewright.recipe import preset, words
from tunewright.recipe.keys import Keys, Schema, part_name
from tunewright.recipe.schema import schema

_NO_WHY = ("", "no default", "see its keys")


def explain(key: str) -> str:
    """Meaning, allowed values, default and its reason, unit and inner keys of a key such as "training.learning_rate".

    A part's key may be named with the part ("method.lora.rank") or without it ("method.rank": every part that has it);
    "preset.qlora", or "qlora" alone, says what a preset sets. Raises UserError with the nearest key when there is none.
    """
    book = Book(Keys(schema()))
    if key in ("", "recipe"):
        return "\n".join(["A recipe. Keys:", *book.inner(book.keys.root)])
    if (name := key.removeprefix("preset.")) in preset.names():
        return preset_page(name)
    found = [path for path in book.known if key in (path, book.without_part(path))]
    if found:
        return "\n\n".join(book.page(path) for path in found)
    return book.part_page(key)


def every_key() -> list[str]:
    """Every key that `explain` knows, in the order of the recipe."""
    return [path for path, _field in Keys(schema()).every()]


def preset_page(name: str) -> str:
    """What a preset is for and sets."""
    return "\n".join([f"preset: {name}", *(f"  {line.removeprefix('# ')}" for line in preset.text(name).splitlines())])


def set_by_presets() -> dict[str, list[str]]:
    """Key to the presets that set it and their value, as 'qlora: "nf4"'; keys of parts with the part's name."""
    found: dict[str, list[str]] = {}
    for name in preset.names():
        values = preset.values(name)
        for key, value in values.items():
            block, _dot, last = key.rpartition(".")
            part = values.get(f"{block}.type")
            path = f"{block}.{part}.{last}" if part else key
            found.setdefault(path, []).append(f"{name}: {_value(value)}")
    return found


class Book:
    """A page a key."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.known = dict(keys.every())

    def parts(self, field: Schema) -> dict[str, Schema]:
        """The parts that a key may hold, by name; those of a list's entries too."""
        inside = self.keys.item(field)
        found = [*self.keys.forms(field), *(self.keys.forms(inside) if inside else ())]
        blocks = [form for form in found if "properties" in form]
        return {name: block for block in blocks if (name := part_name(block)) is not None}

    def without_part(self, path: str) -> str:
        """ "method.lora.rank" as it is written in a recipe: "method.rank"."""
        kept: list[str] = []
        before = ""
        for step in path.split("."):
            field = self.known.get(before)
            if field is None or step not in self.parts(field):
                kept.append(step)
            before = f"{before}.{step}" if before else step
        return ".".join(kept)

    def page(self, path: str) -> str:
        """All about one key."""
        field = self.known[path]
        lines = [path, f"  {self.meaning(path, field)}", f"  Allowed: {words.allowed(self.keys, field)}."]
        if "default" not in field:
            lines.append("  Required.")
        elif field["default"] != {}:
            lines.append(f"  Default: {_value(field['default'])}.")
        if field.get("why", "") not in _NO_WHY:
            lines.append(f"  Why: {field['why']}.")
        if "unit" in field:
            lines.append(f"  Unit: {field['unit']}.")
        lines += [f"  Preset {found}." for found in set_by_presets().get(path, []) if not path.endswith(".type")]
        lines += [f"  {name}: {block.get('description', '')}" for name, block in self.parts(field).items()]
        if path == preset.KEY:
            lines += [f"  {name}: {preset.about(name)}" for name in preset.names()]
        inner = self.inner(field)
        return "\n".join([*lines, "  Keys:", *inner] if inner else lines)

    def part_page(self, key: str) -> str:
        """A part as a whole ("method.lora"). Raises UserError for what is no key at all."""
        parent, _dot, name = key.rpartition(".")
        field = self.known.get(parent)
        block = self.parts(field).get(name) if field else None
        if block is None:
            raise UserError(f'there is no key "{key}".', do=self._nearest(key))
        head = [f"{parent}: {name}", f"  {block.get('description', '')}"]
        inner = self._properties(block)
        return "\n".join([*head, "  Keys:", *inner] if inner else head)

    def meaning(self, path: str, field: Schema) -> str:
        """What a key means, in its own words or those of its block."""
        if "const" in field:
            return "Which part it is." if path.endswith("type") else "Version of the part's result."
        own = [form["description"] for form in self.keys.forms(field) if "description" in form]
        return field.get("description") or (own[0] if own else "")

    def inner(self, field: Schema) -> list[str]:
        """A line for each key inside a block that is no part."""
        blocks = [form for form in self.keys.forms(field) if "properties" in form and part_name(form) is None]
        return [line for block in blocks for line in self._properties(block)]

    def _properties(self, block: Schema) -> list[str]:
        shown = {name: field for name, field in block["properties"].items() if "const" not in field}
        width = max((len(name) for name in shown), default=0)
        return [f"    {name:{width}}  {self.meaning(name, field)}" for name, field in shown.items()]

    def _nearest(self, key: str) -> str:
        same_end = [path for path in self.known if path.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
        close = same_end[:1] or difflib.get_close_matches(key, list(self.known), n=1, cutoff=0.4)
        return f'Did you mean "{close[0]}"?' if close else "List the keys with: tunewright explain"


def _value(value: Any) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False)
