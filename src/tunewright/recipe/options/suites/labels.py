"""Options of the labels suite: classification by generation and by likelihood."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Labels as greedy answers (`labels_generated`) and as the likeliest of the known labels (`labels_ranked`)."""

    type: Literal["labels"] = "labels"
    version: Literal[1] = 1
    scorers: tuple[str, ...] = option(
        ("accuracy", "precision", "recall", "f1"),
        "Metrics over labels.",
        why="the usual four; precision, recall and F1 are macro averages",
    )
