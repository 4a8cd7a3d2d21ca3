"""Options of regression."""

from __future__ import annotations

from typing import ClassVar, Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """Rows labelled with a number: a head that says it."""

    type: Literal["regression"] = "regression"
    version: Literal[1] = 1
    rows: ClassVar[Literal["prompts"]] = "prompts"
    loss_on: ClassVar[Literal["answers"]] = "answers"
