"""The port of a language model, and what it is asked: to score, to write, to show its states.

Shapes: T tokens, C width. Ids are int32, log-probabilities float32, in natural logarithms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tunewright.core.ports import Ids, Outputs


@dataclass(frozen=True)
class ScoreItem:
    """A prompt and continuations of it; the prompt is computed once for all."""

    prompt: tuple[int, ...]
    continuations: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Scored:
    """One continuation: log-probability of each token, and whether it was the arg-max."""

    log_probabilities: NDArray[np.float32]
    greedy: NDArray[np.bool_]


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen: greedy at temperature 0, else drawn, after a penalty, `top_k` (0: all) and `top_p`.

    The same seed draws the same tokens from the same probabilities, whatever else is in the batch.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for a setting outside its range."""
        ranges = {
            "temperature": 0 <= self.temperature <= 100,
            "top_k": self.top_k >= 0,
            "top_p": 0 < self.top_p <= 1,
            "repetition_penalty": 0 < self.repetition_penalty <= 100,
            "seed": 0 <= self.seed < 1 << 64,
        }
        wrong = [name for name, right in ranges.items() if not right]
        if wrong:
            raise ValueError(f"{wrong[0]} cannot be {getattr(self, wrong[0])}")

    @property
    def greedy(self) -> bool:
        """True when nothing is drawn."""
        return self.temperature == 0


GREEDY = Sampling()


@dataclass(frozen=True)
class Request:
    """A prompt to answer. `stop` ends an answer and is no part of it; `stop_strings` end it where their text appears.

    `adapter`: a name of a loaded adapter; "" is the model as it was opened, `BASE` the model without any.
    """

    prompt: tuple[int, ...]
    max_new_tokens: int
    stop: frozenset[int] = frozenset()
    stop_strings: tuple[str, ...] = ()
    sampling: Sampling = GREEDY
    adapter: str = ""


BASE = "(base)"
"""The name under which no adapter is used."""


@dataclass(frozen=True)
class Generated:
    """One answer: token ids without the stop token; `finish` says why it ended.

    `stop`: by itself or at a stop string; `length`: at its limit; `cancelled`; `error`: its scores became NaN or
    infinite. `text` is given where stop strings were asked for: the answer up to the first of them.
    """

    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    finish: Literal["stop", "length", "cancelled", "error"]
    text: str | None = None


@dataclass(frozen=True)
class Piece:
    """What one step added to an answer of a stream; the last piece carries the whole. `token` is -1 at a stop."""

    ticket: int
    token: int
    log_probability: float
    answer: Generated | None = None


class AskedModel(Protocol):
    """A language model as evaluation asks it: whole batches, one set of weights with its adapter on or off."""

    @property
    def forward(self) -> str:
        """What computes: `tunewright`, or `transformers` with the reason behind a colon."""
        ...

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """For each item, one result a continuation, in order."""
        ...

    def generate(
        self, prompts: Sequence[Ids], *, max_new_tokens: int, stop: frozenset[int], sampling: Sampling = GREEDY
    ) -> list[Generated]:
        """Answers in the order of the prompts; a prompt draws with `sampling.seed` plus its place."""
        ...

    def without_adapter(self) -> AskedModel:
        """The same weights with every adapter off: the base model, without a second copy."""
        ...


class LanguageModel(AskedModel, Protocol):
    """A model that scores, generates and shows its hidden states. Works over live training weights too."""

    def log_probabilities(self, items: Sequence[ScoreItem]) -> list[list[Any]]:
        """Scores as tensors [tokens of the continuation], with a history where gradients are enabled."""
        ...

    def hidden(self, rows: Sequence[Ids]) -> list[Any]:
        """For each row the states after the last norm, a tensor [T, C]; with a history where gradients are enabled."""
        ...

    def answer(self, requests: Sequence[Request]) -> list[Generated]:
        """Answers in the order of the requests, each with its own settings and adapter."""
        ...

    def stream(self, requests: Sequence[Request]) -> Iterator[Piece]:
        """The same, token by token as they come; closing the iterator cancels what is left."""
        ...

    def load_adapter(self, name: str, folder: Path) -> None:
        """Admit an adapter. Raises UserError with the reason when it is refused."""
        ...

    def unload_adapter(self, name: str) -> None:
        """Forget an adapter; answers that use it are finished with it. Raises UserError for an unknown name."""
        ...

    def with_adapter(self, name: str) -> LanguageModel:
        """The same weights with a loaded adapter on."""
        ...

    def without_adapter(self) -> LanguageModel:
        """The same weights with every adapter off: the base model, without a second copy."""
        ...


class HeadedModel(Protocol):
    """A language model with a head, that says numbers of texts."""

    @property
    def meaning(self) -> Outputs:
        """What the numbers mean."""
        ...

    def outputs(self, rows: Sequence[Ids]) -> NDArray[np.float32]:
        """The head's numbers after each row's last token, [N, O]. Raises ValueError for an empty row."""
        ...
