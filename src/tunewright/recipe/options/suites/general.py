"""Options of the general suite: what a model could do before, and should still do."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option

GeneralPart = Literal["text", "dialogue", "kl", "tasks"]


class Options(Part):
    """What fine-tuning may have cost: general text, general dialogue, distance from the base, small tasks."""

    type: Literal["general"] = "general"
    version: Literal[1] = 1
    parts: tuple[GeneralPart, ...] = option(
        ("text", "dialogue", "kl", "tasks"),
        "What is measured; each is a result of its own: `general_text`, `general_dialogue`, `general_kl`, "
        "`general_tasks`.",
        why="they fail differently: a model may keep its text and lose its manners",
        min_length=1,
    )
    max_rows: int | None = option(
        None, "At most so many examples of each part.", why="all are needed for a verdict", ge=1
    )
    max_new_tokens: int = option(
        48,
        "Length of the answers that the base model writes for `kl`.",
        why="the distance a token settles within some dozen tokens",
        unit="tokens",
        ge=1,
    )
