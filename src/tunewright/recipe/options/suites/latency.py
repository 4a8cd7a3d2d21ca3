"""Options of the latency suite: how long an answer takes."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Answers one at a time with their times: to the first token, and to the last."""

    type: Literal["latency"] = "latency"
    version: Literal[1] = 1
    scorers: tuple[str, ...] = option(
        ("latency", "first_token", "length"),
        "Metrics.",
        why="what a user waits for, and how much is read",
        min_length=1,
    )
    max_rows: int = option(
        20, "Prompts that are timed.", why="the spread of single answers is small; more cost minutes", unit="rows", ge=1
    )
    max_new_tokens: int = option(64, "Longest answer.", why="a short paragraph", unit="tokens", ge=1)
