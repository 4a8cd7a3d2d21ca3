"""Gates: limits on metrics that a model must meet before it is promoted, decided on the bounds of intervals."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from tunewright.recipe.fields import PERCENT, Options, option

RULES = ("at_least", "at_most", "not_worse_than", "better_than")


def _margin(value: Any) -> Any:
    """A number, or "2%" of the other model's value."""
    if isinstance(value, str) and re.fullmatch(PERCENT, value):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise PydanticCustomError("margin", 'write a number of at least 0, or a share such as "2%".')
    return float(value)


Margin = Annotated[
    float | str,
    BeforeValidator(_margin),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": PERCENT, "rules": True}]}
    ),
]
"""A number in the unit of the metric, or a share of the other model's value ("2%")."""


class GateOptions(Options):
    """One limit on one metric. Exactly one of at_least, at_most, not_worse_than and better_than."""

    metric: str = option(..., "Which metric: a scorer's name.", why="no default", min_length=1)
    suite: str = option(
        ...,
        "Where it is measured: a suite, one of its results (`labels_generated`), or the split (`test`).",
        why="no default",
        min_length=1,
    )
    at_least: float | None = option(
        None, "The metric, as sure as its interval says, is at least this.", why="none: another limit is named"
    )
    at_most: float | None = option(
        None, "The metric, as sure as its interval says, is at most this.", why="none: another limit is named"
    )
    not_worse_than: Literal["base"] | None = option(
        None,
        "The model is not worse than this one by more than the margin, as sure as the interval says.",
        why="none: another limit is named",
    )
    better_than: Literal["base"] | None = option(
        None,
        "The model is better than this one by more than the margin, as sure as the interval says.",
        why="none: another limit is named",
    )
    margin: Margin = option(
        0.0,
        "How much worse is allowed, or how much better is asked: a number, or a share of the other's value (`2%`).",
        why="0: with no margin, not worse means shown to be at least equal, which takes many rows",
    )

    @model_validator(mode="after")
    def _one_rule(self) -> GateOptions:
        named = [rule for rule in RULES if getattr(self, rule) is not None]
        if len(named) != 1:
            told = " and ".join(named) if named else "none of them"
            raise ValueError(f"a gate has exactly one of {', '.join(RULES)}; this one has {told}.")
        if self.margin and named[0] in ("at_least", "at_most"):
            raise ValueError("a margin belongs to not_worse_than or better_than.")
        return self

    @property
    def rule(self) -> str:
        """Which of the four it is."""
        return next(rule for rule in RULES if getattr(self, rule) is not None)

    @property
    def against_base(self) -> bool:
        """True where the model is held against the base, and not against a number."""
        return self.rule in ("not_worse_than", "better_than")

    def margin_of(self, other: float) -> float:
        """The margin in the unit of the metric, where the other model's value is `other`."""
        if not isinstance(self.margin, str):
            return self.margin
        found = re.fullmatch(PERCENT, self.margin)
        return abs(other) * float(found.group(1)) / 100 if found else 0.0
