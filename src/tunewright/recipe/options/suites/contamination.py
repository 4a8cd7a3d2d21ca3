"""Options of the contamination suite: measured rows that were trained on."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, Share, option


class Options(Part):
    """Measured rows that stand among the training rows, word for word or nearly."""

    type: Literal["contamination"] = "contamination"
    version: Literal[1] = 1
    scorers: tuple[str, ...] = option(
        ("contaminated",), "Metrics.", why="the share of rows that are found", min_length=1
    )
    ngram: int = option(
        13, "Words of a run that counts as the same.", why="as GPT-3 did it (Brown et al., 2020, appendix C)", ge=3
    )
    share: Share = option(
        0.5,
        "Share of a row's runs of words that must be found for it to count.",
        why="half of a text is no chance",
        unit="share",
    )
