"""Options of the contamination suite: measured rows that were trained on."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, Share, option


class Options(Part):
    """Measured rows that stand among the training rows, word for word or nearly."""

    type: Literal["contamination"] = "contamination"
    version: Literal[2] = 2
    scorers: tuple[str, ...] = option(
        ("contaminated",), "Metrics.", why="the share of rows that are found", min_length=1
    )
    ngram: int = option(
        13,
        "Words of a run that counts as the same; in rows of 14 to 51 words a quarter of the row, at least 4.",
        why="as GPT-3 did it (Brown et al., 2020, appendix C); one changed word breaks every long run of a short row",
        ge=3,
    )
    share: Share = option(
        0.7,
        "Share of a row's words that must stand in such runs of one training row for it to count.",
        why="as PaLM did it (Chowdhery et al., 2022, section 8); with one word of eighteen changed every row of our "
        "templates is found, with two three in four, and no honest one (they reach 0.62)",
        unit="share",
    )
