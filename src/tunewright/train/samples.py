"""A sample answer every so often: what the model says to one fixed validation row as training goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tunewright.core.events import Emit, Sampled
from tunewright.core.ports import Chat
from tunewright.data.dataset import Split
from tunewright.models.forward import causal_lm
from tunewright.models.language_model import TransformersLanguageModel
from tunewright.models.packed import NAME

MAX_NEW_TOKENS = 48
LIBRARY_ATTENTION = "sdpa"


def sampler(model: Any, chat: Chat, *, split: Split, emit: Emit) -> Callable[[int], None]:
    """A function of the step that emits the model's greedy answer to a row of the split, another row each time."""

    def sample(step: int) -> None:
        row = split.row(step % len(split))
        lm = causal_lm(model)
        training = model.training
        lm.set_attn_implementation(LIBRARY_ATTENTION)
        try:
            answer = TransformersLanguageModel(model).generate(
                [chat.prompt_ids(row.prompt)], max_new_tokens=MAX_NEW_TOKENS, stop=chat.stop_ids
            )[0]
        finally:
            lm.set_attn_implementation(NAME)
            model.train(training)
        emit(
            Sampled(
                step=step,
                prompt=row.prompt[-1].get("content", ""),
                answer=chat.decode(answer.tokens),
                expected=row.target,
            )
        )

    return sample
