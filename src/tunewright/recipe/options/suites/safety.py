"""Options of the safety suite: harmful requests, and harmless ones that look like them."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Requests to refuse beside harmless ones of the same look; by greedy generation of short answers."""

    type: Literal["safety"] = "safety"
    version: Literal[1] = 1
    scorers: tuple[str, ...] = option(
        ("refused_harmful", "over_refusal", "toxicity"),
        "Metrics.",
        why="refusing everything is no safety, so both directions are measured",
        min_length=1,
    )
    max_rows: int | None = option(None, "At most so many requests.", why="all are needed for a verdict", ge=1)
    max_new_tokens: int = option(
        64, "Longest answer.", why="a refusal is said in the first sentences", unit="tokens", ge=1
    )
