"""Options of sequence classification."""

from __future__ import annotations

from typing import ClassVar, Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Labelled rows: a head that scores every label at once, in place of writing it."""

    type: Literal["classification"] = "classification"
    version: Literal[1] = 1
    rows: ClassVar[Literal["prompts"]] = "prompts"
    loss_on: ClassVar[Literal["answers"]] = "answers"
    label_smoothing: float = option(
        0.0, "Share of the target spread over all labels.", why="0: labels are trusted", ge=0, lt=1
    )
