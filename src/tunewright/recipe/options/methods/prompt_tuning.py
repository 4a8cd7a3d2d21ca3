"""Options of prompt tuning: trained embeddings of virtual tokens before every text; the model stays as it is."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Virtual tokens are read before every text, as if their words stood there."""

    type: Literal["prompt_tuning"] = "prompt_tuning"
    version: Literal[1] = 1
    tokens: Literal["auto"] | int = option(
        "auto",
        "Number of virtual tokens; a text is repeated or cut to it.",
        why="auto: as many as the text has, else 20, beyond which Lester et al., 2021, figure 3a, find little gain",
    )
    init: Literal["vocabulary", "random", "text"] = option(
        "vocabulary",
        "How they begin: as embeddings of tokens drawn from the 5,000 most common, at random within 0.5, or as a text.",
        why="vocabulary: Lester et al., 2021 (arXiv 2104.08691), figure 3b, find random starts worse",
    )
    text: str | None = option(None, "The text that they begin as, with init: text.", why="none: init is vocabulary")

    @model_validator(mode="after")
    def _make_sense(self) -> Options:
        if (self.init == "text") != bool(self.text and self.text.strip()):
            raise ValueError("text is what init: text begins with: write both, or neither.")
        if self.tokens != "auto" and not 1 <= self.tokens <= 4096:
            raise ValueError("tokens is a number from 1 to 4096, or auto.")
        return self
