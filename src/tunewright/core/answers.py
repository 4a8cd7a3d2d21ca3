"""Rows with a model's answers, and the port of what scores them: a metric and a reward are the same object.

N rows. Log-probabilities are in natural logarithms, times in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tunewright.core.ports import Row

Direction = Literal["higher", "lower", "neither"]
"""Which values of a metric are better."""


@dataclass(frozen=True)
class AnsweredRow:
    """A row with a model's answer: what every scorer and reward sees.

    `answer` is the text, `predicted` the label or choice that it means, None where it means none. `tokens` and
    `log_probabilities` are those of the answer, or of the row's own trained tokens where a suite only scores; `greedy`
    says which of them were the arg-max, `weights` are their loss weights (empty = 1 each). `choices` holds one summed
    log-probability a choice, in the order of `row.details["choices"]`, else of the dataset's labels. `finish` says why
    the answer ended (`stop`, `length`, `error`; "" = nothing was generated). `seconds` is the time of the whole answer,
    `first_token_s` of its first token, each where it was measured alone. `bytes` is the length of the scored text.
    """

    row: Row
    answer: str
    predicted: str | None = None
    log_probabilities: tuple[float, ...] = ()
    greedy: tuple[bool, ...] = ()
    weights: tuple[float, ...] = ()
    tokens: tuple[int, ...] = ()
    choices: tuple[float, ...] = ()
    finish: str = ""
    seconds: float | None = None
    first_token_s: float | None = None
    bytes: int = 0


class Scorer(Protocol):
    """Answered rows to a number. `per_row` gives one value a row where the metric is a mean of rows, else None.

    `range` is the least and the greatest value that the metric can have. A row that lacks what the scorer needs (an
    answer, a context, a measured time) is left out: its value is NaN, and it counts in no mean; without any row that
    can be measured the metric is NaN. `census`: True where the value is a count of these very rows and not an estimate
    from a sample, so that it has no interval.
    """

    direction: Direction
    range: tuple[float, float]
    census: bool

    def score(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> float:
        """The metric over all rows."""
        ...

    def per_row(self, rows: Sequence[AnsweredRow]) -> NDArray[np.float64] | None:
        """One value a row, [N], whose mean over the rows that are no NaN is `score`; None for corpus metrics."""
        ...


class RewardModel(Protocol):
    """A model that says how good answers are."""

    def rewards(self, rows: Sequence[AnsweredRow]) -> NDArray[np.float64]:
        """One number a row, [N], in the model's own unit; NaN for a row that it cannot read."""
        ...


@runtime_checkable
class NeedsReward(Protocol):
    """A scorer that asks a reward model, which it does not load itself: `options.model` names it."""

    options: Any

    def bind(self, open_model: Callable[[str], RewardModel]) -> None:
        """Take what opens the reward model of a name."""
        ...
