"""Options of the scorer format."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Whether answers have a form, or match a pattern."""

    type: Literal["format"] = "format"
    version: Literal[1] = 1
    form: Literal["json", "json_object", "number", "integer", "date", "one_line", "one_word", "yes_no", "list"] = (
        option(
            "one_line",
            "The form that the whole answer must have.",
            why="the least that a program asks of an answer that it puts into a field",
        )
    )
    pattern: str = option(
        "",
        "A regular expression that the whole answer must match, in place of `form`.",
        why="empty: the named forms are easier to read",
        max_length=2000,
    )

    @field_validator("pattern")
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise PydanticCustomError(
                "pattern", "is no regular expression: {reason}.", {"reason": str(error)}
            ) from error
        return pattern
