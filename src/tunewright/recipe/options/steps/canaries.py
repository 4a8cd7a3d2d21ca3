"""Options of canaries: secrets planted among the training rows, to measure later what the model has memorised."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Made-up names and random secrets in a fixed wording; each stands in the training rows a known number of times."""

    type: Literal["canaries"] = "canaries"
    version: Literal[1] = 1
    count: int = option(
        10,
        "How many different canaries.",
        why="enough for a rank of each repetition; few beside the rows",
        ge=1,
        le=1000,
    )
    repeats: tuple[Annotated[int, Field(ge=1, le=100)], ...] = option(
        (1, 4, 16),
        "How often each stands in the rows; the numbers are taken in turn.",
        why="what is memorised grows with repetition (Carlini et al., 2019, section 6)",
        unit="rows",
        min_length=1,
        max_length=10,
    )
    prompt: str = option(
        "What is the access code of {name}?",
        "The user turn; `{name}` is where the name goes.",
        why="no word of it is real",
    )
    format: str = option(
        "The access code of {name} is {secret}.",
        "The answer; `{secret}` is where the secret goes.",
        why="a fixed wording with one random part, as in Carlini et al. (2019), section 4.1",
    )
    alphabet: Literal["digits", "letters", "letters_and_digits"] = option(
        "digits", "What a secret is made of; letters are lower case.", why="as in Carlini et al. (2019)"
    )
    length: int = option(
        9,
        "Characters of a secret.",
        why="nine digits, as in Carlini et al. (2019): 30 bits",
        unit="characters",
        ge=4,
        le=32,
    )
    seed: int = option(0, "Seed of names and secrets.", why="fixed, so that the same canaries are planted again", ge=0)

    @model_validator(mode="after")
    def _has_places(self) -> Options:
        if "{name}" not in self.prompt or self.format.count("{secret}") != 1 or "{secret}" in self.prompt:
            raise ValueError("prompt needs {name} and no {secret}; format needs {secret} once.")
        return self
