"""The keys of a recipe by path, looked up in its schema: which there are, what they hold, what a value belongs to."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

Path = tuple[str | int, ...]
Schema = dict[str, Any]


@dataclass(frozen=True)
class Keys:
    """A recipe's schema, asked about its keys. A field is the schema of one key."""

    root: Schema

    def forms(self, field: Schema) -> list[Schema]:
        """The alternatives that a key may hold, references followed."""
        if "$ref" in field:
            return self.forms(self.root["$defs"][field["$ref"].rsplit("/", 1)[1]])
        if "anyOf" in field:
            return [form for each in field["anyOf"] for form in self.forms(each)]
        return [field]

    def block(self, field: Schema, value: Any = None) -> Schema | None:
        """The block of keys that a value is or would be: of several parts the one it names, else the default."""
        blocks = [form for form in self.forms(field) if "properties" in form]
        whole = mapping(value)
        named = value if whole is None else whole.get("type")
        for name in (named, field.get("default")):
            for found in blocks:
                if isinstance(name, str) and part_name(found) == name:
                    return found
        return blocks[0] if len(blocks) == 1 else None

    def item(self, field: Schema) -> Schema | None:
        """What the entries of a list are, when the key may hold one."""
        return next((form["items"] for form in self.forms(field) if "items" in form), None)

    def find(self, path: Path, value: Any = None) -> Schema | None:
        """The key at a path, None when there is none. `value` is the recipe as given: it says which parts are meant."""
        field = self.root
        for step in path:
            inside = self._inside(field, value, step=step)
            if inside is None:
                return None
            field, value = inside, below(value, step)
        return field

    def _inside(self, field: Schema, value: Any, *, step: str | int) -> Schema | None:
        if isinstance(step, int):
            return self.item(field)
        found = self.block(field, value)
        return found["properties"].get(step) if found else None

    def names(self, path: Path, value: Any) -> list[str]:
        """Keys of the block at a path; `type` and `version` of a part last."""
        field = self.find(path, value)
        for step in path:
            value = below(value, step)
        found = self.block(field, value) if field else None
        return sorted(found["properties"], key=lambda name: name in ("type", "version")) if found else []

    def every(self) -> Iterator[tuple[str, Schema]]:
        """Every key with its dotted path, those of all parts included ("method.lora.rank")."""
        yield from self._below(self.root, "")

    def _below(self, field: Schema, prefix: str) -> Iterator[tuple[str, Schema]]:
        for form in self.forms(field):
            if "items" in form:
                yield from self._below(form["items"], prefix)
            part = part_name(form) if "properties" in form else None
            start = f"{prefix}{part}." if part else prefix
            for name, child in form.get("properties", {}).items():
                yield f"{start}{name}", child
                yield from self._below(child, f"{start}{name}.")

    def nearest(self, wrong: str, known: list[str]) -> str:
        """What to do about an unknown key: the nearest of its block, the block that has it, or the list."""
        close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
        if close:
            return f'Did you mean "{close[0]}"?'
        elsewhere = [path for path, _field in self.every() if path.rsplit(".", 1)[-1] == wrong]
        if elsewhere:
            return f'It belongs elsewhere: "{elsewhere[0]}".'
        return f"There is: {', '.join(known)}." if known else "Remove it."


def dotted(path: Path) -> str:
    """A path as it is written for `--set` and `explain`: "training.epochs", "evaluate.suites.0"."""
    return ".".join(map(str, path))


def part_name(block: Schema) -> str | None:
    """The public name when a block is a part's."""
    return block["properties"].get("type", {}).get("const")


def below(value: Any, step: str | int) -> Any:
    """One step down a value; None when there is nothing."""
    if isinstance(step, int):
        items = sequence(value)
        return items[step] if step < len(items) else None
    return (mapping(value) or {}).get(step)


def mapping(value: Any) -> dict[str, Any] | None:
    """The value as a mapping; None when it is none."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def sequence(value: Any) -> list[Any]:
    """The value as a list; empty when it is none."""
    return cast("list[Any]", value) if isinstance(value, list) else []
