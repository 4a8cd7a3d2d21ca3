"""A Transformers model as the port LanguageModel: for evaluation, chat, and samples over live training weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunewright.core.ports import Generated, Ids, Scored, ScoreItem
from tunewright.models.generate import generate
from tunewright.models.inference import undisturbed
from tunewright.models.score import score


class TransformersLanguageModel:
    """Scores and generates with a model that may be in training; leaves modes, gradients and random state as they were.

    `batch_tokens` bounds the tokens of one pass, padding included; 2,048 keep a layer's values near the cores.
    """

    def __init__(self, model: Any, *, batch_tokens: int = 2048) -> None:
        self.model = model
        self.batch_tokens = batch_tokens
        self._adapter = True

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """For each item, one result a continuation, in order; natural logarithms, softmax in float32 at least."""
        with undisturbed(self.model, adapter=self._adapter) as body:
            return score(body, items, batch_tokens=self.batch_tokens)

    def generate(self, prompts: Sequence[Ids], *, max_new_tokens: int, stop: frozenset[int]) -> list[Generated]:
        """Greedy answers in the order of the prompts, of at most `max_new_tokens` tokens each."""
        with undisturbed(self.model, adapter=self._adapter) as body:
            return generate(body, prompts, max_new_tokens=max_new_tokens, stop=stop, batch_tokens=self.batch_tokens)

    def without_adapter(self) -> TransformersLanguageModel:
        """The same weights with the adapter off during calls; for a model without one, the model itself."""
        if not hasattr(self.model, "disable_adapter"):
            return self
        view = TransformersLanguageModel(self.model, batch_tokens=self.batch_tokens)
        view._adapter = False
        return view
