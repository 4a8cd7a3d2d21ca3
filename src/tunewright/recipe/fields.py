"""The vocabulary of option classes: `Options`, `option`, shares, and `PartOf`, a field that holds a part of a kind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from tunewright.core import catalog
from tunewright.recipe import preset


class Options(BaseModel):
    """Frozen, no unknown keys: what every block of a recipe is."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Mark blocks with rules that a schema cannot say, so that `recipe/screen.py` leaves them to pydantic."""
        made = handler.resolve_ref_schema(handler(core))
        rules = cls.__pydantic_decorators__
        if rules.model_validators or any(rule.info.mode != "before" for rule in rules.field_validators.values()):
            made["rules"] = True
        return made


class Part(Options):
    """Options of a part: `type` is its public name, `version` its own integer, raised when its result changes."""


def option(default: Any, text: str, *, why: str, unit: str = "", **limits: Any) -> Any:
    """A recipe key: what it means, why the default is what it is (or its source), and its unit."""
    extra: dict[str, Any] = {"why": why} | ({"unit": unit} if unit else {})
    return Field(default, description=text, json_schema_extra=extra, **limits)


PERCENT = r"^\s*(\d+(?:\.\d+)?)\s*%\s*$"
BYTES = r"^\s*(\d+(?:\.\d+)?)\s*([KMGT]?B)\s*$"


def _share(value: Any) -> Any:
    """Accept "1%" beside 0.01."""
    if isinstance(value, str) and (found := re.fullmatch(PERCENT, value)):
        return float(found.group(1)) / 100
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


Share = Annotated[
    float,
    BeforeValidator(_share),
    Field(ge=0, le=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": PERCENT, "rules": True},
            ]
        }
    ),
]
"""A share from 0 to 1; may be written "1%"."""


def _share_or_count(value: Any) -> Any:
    """A whole number stays a number, so that 1 is one row and never all of them."""
    if isinstance(value, bool):
        raise PydanticCustomError("share_or_count", "write a share from 0 to 1 (or 0% to 100%), or a whole number.")
    return _share(value) if isinstance(value, str) else value


def _share_at_most_one(value: float | int) -> float | int:
    if isinstance(value, float) and value > 1:
        raise PydanticCustomError("share_or_count", "write a share from 0 to 1 (or 0% to 100%), or a whole number.")
    return value


ShareOrCount = Annotated[
    int | float,
    BeforeValidator(_share_or_count),
    Field(ge=0),
    AfterValidator(_share_at_most_one),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": PERCENT, "rules": True},
            ]
        }
    ),
]
"""A share (0.01 or "1%"), or a whole number of rows or steps: 1 is one, 1.0 is all."""


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its definitions where they are named: inside another schema their names would mean nothing."""
    known: dict[str, Any] = schema.pop("$defs", {})
    return _resolved(schema, known)


def _resolved(value: Any, known: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_resolved(each, known) for each in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    given = cast("dict[str, Any]", value)
    named: dict[str, Any] = known[given["$ref"].removeprefix("#/$defs/")] if "$ref" in given else {}
    whole = {**named, **{name: each for name, each in given.items() if name != "$ref"}}
    return {name: _resolved(each, known) for name, each in whole.items()}


_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def _size(value: Any) -> Any:
    """Accept "2 GB" beside 2000000000."""
    if isinstance(value, str) and (found := re.fullmatch(BYTES, value)):
        return int(float(found.group(1)) * _UNITS[found.group(2)])
    return value


Size = Annotated[
    int,
    BeforeValidator(_size),
    Field(gt=0),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "string", "pattern": BYTES, "rules": True}]}
    ),
]
"""Bytes; may be written "2 GB" (powers of ten)."""


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_PRESETS: dict[str, Any] = {"enum": list(preset.names())}
Presets = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [_PRESETS, {"type": "array", "items": _PRESETS}]}),
]
"""One preset or a list of them. A wrong name is refused where the recipe is read, with its line."""


def _dump(part: Any) -> Any:
    return part.model_dump(mode="json") if isinstance(part, BaseModel) else part


@dataclass(frozen=True)
class PartOf:
    """Marks a field that holds options of one part of a kind.

    In the recipe: a name (`lora`), a mapping with `type` and the part's own keys (`{type: lora, rank: 16}`), or, in a
    list, the name over its keys (`lora: {rank: 16}`).
    `also` are words beside the parts' names, such as `auto`; they stay as they are.
    """

    kind: str
    also: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate through the catalog, so that a new file in the folder is a new choice."""
        return core_schema.no_info_plain_validator_function(
            self.validate,
            serialization=core_schema.plain_serializer_function_ser_schema(_dump),
        )

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """One branch a part, discriminated by `type`."""
        known = catalog.names(self.kind)
        branches = [_inlined(self._part(name).model_json_schema()) for name in known]
        for branch in branches:
            branch["required"] = sorted({*branch.get("required", []), "type"})
        over: list[dict[str, Any]] = []
        if self.kind == "steps":  # a name over its keys
            names: dict[str, Any] = {f"^({'|'.join(known)})$": {}}
            form = {"type": "object", "maxProperties": 1, "patternProperties": names, "additionalProperties": False}
            over.append({**form, "rules": True})
        return {"anyOf": [{"enum": [*self.also, *known]}, *branches, *over]}

    def validate(self, value: Any) -> Any:
        """Options of the named part. Mistakes inside a part keep their path, so that the line can be found."""
        if isinstance(value, Part) or (isinstance(value, str) and value in self.also):
            return cast("Any", value)
        given = {"type": value} if isinstance(value, str) else self._spelled_out(value)
        name = cast("dict[str, Any]", given).get("type") if isinstance(given, dict) else None
        if not isinstance(name, str):
            raise PydanticCustomError(
                "part_form",
                "write a name, or a mapping with `type`. There is: {known}.",
                {"known": ", ".join(self.names)},
            )
        if name not in self.names:
            hint = catalog.nearest(name, self.names)
            raise PydanticCustomError(
                "part_name",
                'no {kind} is called "{name}". {hint}',
                {"kind": self.kind.removesuffix("s"), "name": name, "hint": hint},
            )
        return self._part(name).model_validate(given)

    def _spelled_out(self, value: Any) -> Any:
        """`{lora: {rank: 16}}` as `{type: lora, rank: 16}`."""
        given = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        if len(given) != 1 or "type" in given:
            return cast("Any", value)
        ((name, inside),) = given.items()
        keys: Any = {} if inside is None else inside
        if isinstance(keys, dict) and name in self.names:
            return {"type": name, **cast("dict[str, Any]", keys)}
        return given

    def _part(self, name: str) -> type[Part]:
        return cast("type[Part]", catalog.options(self.kind, name))

    @property
    def names(self) -> tuple[str, ...]:
        """Known parts of the kind."""
        return catalog.names(self.kind)
