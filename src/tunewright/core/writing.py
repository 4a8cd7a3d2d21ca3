"""The port to a model that writes answers behind an OpenAI-compatible server, for data steps and whoever else asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from tunewright.core.ports import Message


@dataclass(frozen=True)
class Endpoint:
    """Where a model is, how it is asked, and what that may cost.

    `key_variable`: the environment variable with the key. Prices are US dollars for a million tokens, read and written.
    """

    url: str
    model: str
    key_variable: str = ""
    max_new_tokens: int = 512
    temperature: float = 0.0
    read_usd: float = 0.0
    written_usd: float = 0.0
    cost_limit_usd: float | None = None
    timeout_s: float = 120.0
    parallel: int = 4


class Written(NamedTuple):
    """An answer: whole, cut at its longest length, or none because the question failed."""

    text: str
    fate: Literal["whole", "cut", "failed"] = "whole"


class Writer(Protocol):
    """Answers questions and keeps the answers: the same question is asked once, also in another run.

    `spent_usd`: what all answers that were used cost, those from earlier runs among them.
    """

    @property
    def spent_usd(self) -> float:
        """US dollars."""
        ...

    def write(self, questions: Sequence[tuple[Message, ...]], *, temperature: float | None = None) -> list[Written]:
        """One answer a question, in order. What one answer is does not depend on the other questions.

        Raises LimitNotMet when the cost limit is reached, and OutsideError when the server cannot be used; what was
        answered until then is kept.
        """
        ...
