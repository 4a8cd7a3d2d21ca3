"""Options of the step `order`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from tunewright.recipe.fields import Part, option


def _rising(value: tuple[float, ...]) -> tuple[float, ...]:
    if list(value) != sorted(set(value)):
        raise ValueError("thresholds must rise.")
    return value


class Options(Part):
    """Sets the order in which training sees its rows in the first pass: a curriculum (Bengio et al., 2009)."""

    type: Literal["order"] = "order"
    version: Literal[1] = 1
    by: Literal["characters", "tokens", "loss", "column", "shuffled"] = option(
        "characters",
        "characters or tokens of a row; loss: the base model's on the answer; column: a number that stands there; "
        "shuffled: no order, as training does by itself.",
        why="characters: short rows first needs neither model nor tokenizer",
    )
    column: str | None = option(
        None, "With by: column, which; data.keep must keep it.", why="none: no name is usual", min_length=1
    )
    first: Literal["lowest", "highest"] = option(
        "lowest", "Which rows come first.", why="lowest: short and easy ones, as in a school"
    )
    stages: Annotated[tuple[float, ...], AfterValidator(_rising)] = option(
        (),
        "Thresholds of stages, rising: rows up to the first, up to the second, and so on; a stage is shuffled.",
        why="none: rows are sorted through and through",
        max_length=20,
    )
    then: Literal["shuffled", "as_given"] = option(
        "shuffled",
        "What passes after the first do: shuffled, or the same order again.",
        why="shuffled: the order is for the start, when the model knows least",
    )
    seed: int = option(0, "Seed within stages, and among equals.", why="fixed, so that the order comes again", ge=0)

    @model_validator(mode="after")
    def _names_its_column(self) -> Options:
        if (self.by == "column") != (self.column is not None):
            raise ValueError("by: column and column go together.")
        return self
