"""Canaries among the training rows: what a model memorises can be measured only where the secrets are known."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle

from tunewright.core.errors import UserError
from tunewright.core.ports import Phase, Row, StepResult
from tunewright.data.canary import ALPHABETS, MARK, SYLLABLES, different, make_canary, text_of
from tunewright.recipe.options.steps.canaries import Options


class Work:
    """Fulfils the port Step."""

    phase: Phase = "training_rows"

    def __init__(self, options: Options) -> None:
        self.options = options

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        """Every canary as often as it is to be repeated, after the training rows; other splits stay as they are.

        Raises UserError when the rows are documents: these are cut into windows, where no row has an end.
        """
        train = rows.get("train", [])
        if train and train[0].messages[0].get("role") == "document":
            raise UserError(
                "canaries are a question and an answer, and these rows are plain text.",
                where="data.steps",
                do="Leave the step canaries out, or train on conversations.",
            )
        planted = [replace(row, line=line) for line, row in enumerate(plant(self.options), start=1)]
        return StepResult({**rows, "train": [*train, *planted]}, [], {MARK: len(planted)})


def plant(options: Options) -> Iterator[Row]:
    """The rows of all canaries, those of one in succession; the same options give the same rows."""
    letters = ALPHABETS[options.alphabet]
    names = different(options.count, len(SYLLABLES) ** 3, draw=random.Random(f"names:{options.seed}"))
    secrets = different(options.count, len(letters) ** options.length, draw=random.Random(f"secrets:{options.seed}"))
    for name, secret, times in zip(names, secrets, cycle(options.repeats), strict=False):
        row = make_canary(
            to_name(name),
            text_of(secret, letters, length=options.length),
            prompt=options.prompt,
            wording=options.format,
            alphabet=options.alphabet,
            repeats=times,
        )
        yield from [row] * times


def to_name(number: int) -> str:
    """A made-up name by its number."""
    size = len(SYLLABLES)
    parts = (SYLLABLES[number // size**2], SYLLABLES[number // size % size], SYLLABLES[number % size])
    return "".join(parts).capitalize()
