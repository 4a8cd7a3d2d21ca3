"""What the base model finds hard: the mean loss of each row's answer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tunewright.core.errors import UserError
from tunewright.core.events import Progress
from tunewright.core.language_model import LanguageModel, ScoreItem
from tunewright.core.ports import RowProblem
from tunewright.data.context import Context
from tunewright.data.overlong import Tokens
from tunewright.data.token_counts import encoded

LONGEST_TOKENS = 2048
"""A longer example is scored on its first tokens."""
AT_ONCE = 256
"""Rows that the model is asked about together."""


def base_losses(rows: Sequence[Any], context: Context | None, *, stage: str) -> list[float]:
    """Mean nats a trained token of each row under the base model; NaN for a row without a token to train.

    Raises UserError where no model is at hand.
    """
    if context is None:
        raise UserError(f"the step {stage} asks the base model, and none was given.", where="data.steps")
    model = context.model()
    found: list[float] = []
    for group in _groups(encoded(rows, context.chat)):
        found += _losses(group, model)
        context.emit(Progress(stage=stage, done=len(found), total=len(rows), unit="rows"))
    return found


def _groups(examples: Iterator[Tokens | RowProblem]) -> Iterator[list[Tokens | None]]:
    group: list[Tokens | None] = []
    for example in examples:
        group.append(None if isinstance(example, RowProblem) else _cut(example))
        if len(group) == AT_ONCE:
            yield group
            group = []
    if group:
        yield group


def _cut(example: Tokens) -> Tokens | None:
    tokens, weights = example[0][:LONGEST_TOKENS], example[1][:LONGEST_TOKENS]
    return (tokens, weights) if weights.any() else None


def _losses(group: list[Tokens | None], model: LanguageModel) -> Iterator[float]:
    asked = [example for example in group if example is not None]
    starts = [int(np.flatnonzero(weights)[0]) for _tokens, weights in asked]
    items = [
        ScoreItem(tuple(tokens[:start].tolist()), (tuple(tokens[start:].tolist()),))
        for (tokens, _weights), start in zip(asked, starts, strict=True)
    ]
    scored = iter(zip(model.score(items), asked, starts, strict=True))
    for example in group:
        if example is None:
            yield math.nan
            continue
        (result,), (_tokens, weights), start = next(scored)
        yield float(np.average(-result.log_probabilities.astype(np.float64), weights=weights[start:]))
