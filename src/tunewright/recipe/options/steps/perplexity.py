"""Options of the step `perplexity`."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Drops training rows by how likely the base model finds their answers, alone (perplexity) and for the question."""

    type: Literal["perplexity"] = "perplexity"
    version: Literal[1] = 1
    at_most: float | None = option(
        None,
        "Largest perplexity of the trained tokens.",
        why="none: it depends on the model; look at kept scores first, noise stands far above the rest",
        gt=1,
    )
    at_least: float | None = option(
        None, "Least perplexity of the trained tokens.", why="none: what the model knows by heart costs only time", ge=1
    )
    ifd_at_most: float | None = option(
        None,
        "Largest instruction-following difficulty: the answer's loss after its question, divided by its loss alone.",
        why="none: the base is asked twice a row; above 1 the question does not help the answer (Li et al. 2024)",
        gt=0,
    )
    ifd_at_least: float | None = option(
        None,
        "Least instruction-following difficulty.",
        why="none: rows below it are easy; Li et al. keep the hardest tenth",
        ge=0,
    )
    keep_score: bool = option(
        False, "Keep the numbers with each row, as the columns `perplexity` and `ifd`.", why="off: one more column"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Options:
        for low, high in ((self.at_least, self.at_most), (self.ifd_at_least, self.ifd_at_most)):
            if low is not None and high is not None and low > high:
                raise ValueError(f"at least {low:g} and at most {high:g} leave no row.")
        return self
