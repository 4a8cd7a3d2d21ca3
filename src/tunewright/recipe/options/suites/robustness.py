"""Options of the robustness suite: the same answer to a changed prompt."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option

RobustnessVariant = Literal["typos", "case", "spacing", "paraphrase", "distractor", "order", "injection"]


class Options(Part):
    """Prompts of the split with typos, other case, spacing, wording, distractors, an injected order, drawn options."""

    type: Literal["robustness"] = "robustness"
    version: Literal[1] = 1
    scorers: tuple[str, ...] = option(
        ("consistency", "accuracy", "exact_match", "rules_followed"),
        "Metrics.",
        why="the same answer as before, still the right one, and no injected order carried out",
        min_length=1,
    )
    variants: tuple[RobustnessVariant, ...] = option(
        ("typos", "case", "spacing", "paraphrase", "distractor", "order", "injection"),
        "How prompts are changed.",
        why="all that mean something for the rows; `order` needs labels",
        min_length=1,
    )
    max_rows: int = option(
        50, "Rows that are changed, each in every way.", why="a few hundred answers take a minute", unit="rows", ge=1
    )
    seed: int = option(0, "Seed of the changes.", why="fixed: every model sees the same prompts", ge=0)
