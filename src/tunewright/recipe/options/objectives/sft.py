"""Options of supervised fine-tuning: cross-entropy on the answers."""

from __future__ import annotations

from typing import ClassVar, Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Next-token cross-entropy, weighted per token."""

    type: Literal["sft"] = "sft"
    version: Literal[1] = 1
    rows: ClassVar[Literal["conversations"]] = "conversations"
    loss_on: Literal["answers", "last_answer", "all"] = option(
        "answers",
        "Which tokens are trained: every assistant turn, the last one, or all tokens.",
        why="answers: the model should not learn to write the questions",
    )
