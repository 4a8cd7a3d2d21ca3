"""Options of the step `mix`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Sets how much of the training rows comes from each source; drops rows of some, repeats those of others."""

    type: Literal["mix"] = "mix"
    version: Literal[1] = 1
    by: str = option(
        "source",
        "What is mixed: `source` (the file), `label`, or a column that data.keep keeps.",
        why="source: data sets lie in files of their own",
        min_length=1,
    )
    shares: Literal["proportional", "temperature"] | dict[str, Annotated[float, Field(ge=0)]] = option(
        "proportional",
        "proportional: as large as the sources are; temperature: size to the power 1/temperature; or a mapping of "
        "patterns (`reviews/*.jsonl`) to parts, which are divided by their sum.",
        why="proportional: nothing changes until you say how",
    )
    temperature: float = option(
        2.0,
        "1 is proportional, more brings the sources nearer to equal.",
        why="2: the best single one of Raffel et al. (2020, T5, section 3.5.2)",
        ge=1,
        le=1000,
    )
    measure: Literal["rows", "tokens"] = option(
        "rows", "What shares are shares of.", why="rows: what a step is counted in; tokens where lengths differ much"
    )
    total: int | None = option(
        None,
        "Rows or tokens after mixing.",
        why="none: as many as before, or fewer where a source would be repeated too often",
        ge=1,
    )
    max_repeats: float = option(
        4.0,
        "The rows of a source stand at most so often, on average.",
        why="four passes are worth almost as much as new text (Muennighoff et al., 2023, section 5)",
        unit="times",
        ge=1,
        le=1000,
    )
    seed: int = option(0, "Seed of the draw.", why="fixed, so that the same rows are drawn again", ge=0)

    @model_validator(mode="after")
    def _has_parts(self) -> Options:
        if isinstance(self.shares, dict) and not sum(self.shares.values()):
            raise ValueError("every part of shares is 0; at least one source must stay.")
        return self
