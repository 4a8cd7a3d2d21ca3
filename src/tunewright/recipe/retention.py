"""Retention: who may use a data set, for what, and until when."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from tunewright.recipe.fields import Options, option

DAY = r"^\d{4}-\d{2}-\d{2}$"


def _day(value: str) -> str:
    wrong = PydanticCustomError("day", "write a day of the calendar as YYYY-MM-DD.")
    if not re.fullmatch(DAY, value):
        raise wrong
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError as error:
        raise wrong from error


Day = Annotated[
    str,
    AfterValidator(_day),
    WithJsonSchema({"type": "string", "pattern": DAY, "rules": True}),
]
"""A day, such as 2027-01-31."""


class RetentionOptions(Options):
    """Terms under which rows may be used. They go with the data set, whichever recipe uses it later."""

    until: Day | None = option(
        None,
        "The last day (UTC) on which the data set may be used; afterwards `tunewright datasets expire` deletes it.",
        why="none: nothing says that it must go",
    )
    allowed: tuple[Annotated[str, Field(min_length=1)], ...] = option(
        (),
        "Who may use it: names that TUNEWRIGHT_USER, else the system's user name, is held against.",
        why="none: whoever can read the workspace; this states a rule and does not enforce it against its users",
    )
    purpose: str = option("", "What the rows may be used for, in words.", why="none: it is kept and shown, not checked")

    def stated(self) -> bool:
        """True when there are terms at all."""
        return self.until is not None or bool(self.allowed) or bool(self.purpose)
