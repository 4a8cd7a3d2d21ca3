"""Options of distillation."""

from __future__ import annotations

from typing import ClassVar, Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Conversations: at each token of the answers the model learns a teacher's whole distribution."""

    type: Literal["distillation"] = "distillation"
    version: Literal[1] = 1
    rows: ClassVar[Literal["conversations"]] = "conversations"
    loss_on: Literal["answers", "last_answer", "all"] = option(
        "answers", "Which tokens are learnt from.", why="answers: what the model is to write"
    )
    teacher: str | None = option(
        None,
        "The teacher: a model as in model.name; it must have the same tokens.",
        why="none: the model itself as it begins, which keeps it near where it was",
    )
    direction: Literal["forward", "reverse"] = option(
        "forward",
        "forward: the model covers all that the teacher may say; reverse: it keeps to what the teacher would say.",
        why="forward: the field's standard (Hinton et al., 2015)",
    )
    temperature: float = option(
        1.0, "Scores of both are divided by it.", why="1: distributions as the teacher means them", gt=0, le=100
    )
    top_tokens: int = option(
        64,
        "How many of the teacher's likeliest tokens are kept at each position; the rest is one more outcome.",
        why="64: 512 bytes a trained token on disk; a language model's first 64 hold nearly all of the probability",
        ge=1,
    )
    likelihood: float = option(
        0.0, "Weight of the cross-entropy of the data's own tokens.", why="0: the teacher alone is followed", ge=0
    )
