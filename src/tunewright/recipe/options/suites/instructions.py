"""Options of the instructions suite: rules in a prompt that a program can check."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Prompts with one to three rules that a program can check, of IFEval's kinds; by greedy generation."""

    type: Literal["instructions"] = "instructions"
    version: Literal[1] = 1
    scorers: tuple[str, ...] = option(
        ("rules_followed", "rules_followed_each"),
        "Metrics.",
        why="IFEval's strict accuracy by prompt and by rule",
        min_length=1,
    )
    max_rows: int | None = option(None, "At most so many prompts.", why="all are needed for a verdict", ge=1)
    max_new_tokens: int = option(
        256, "Longest answer.", why="the longest answer that a prompt asks for has 150 words", unit="tokens", ge=1
    )
