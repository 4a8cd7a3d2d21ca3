"""A sample answer every so often: what the model says to a validation row, another row each time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from tunewright.core.events import Emit, Sampled
from tunewright.core.ports import Chat
from tunewright.data.dataset import Split
from tunewright.models.language_model import open_language_model

MAX_NEW_TOKENS = 48
STRIDE = 7919
"""A prime, so that samples at regular steps walk over all rows."""


def sampler(model: Any, chat: Chat, *, split: Split, max_tokens: int, emit: Emit) -> Callable[[int], None]:
    """A function of the step that emits the model's greedy answer to a row, its prompt cut to `max_tokens`."""
    language_model = cache(lambda: open_language_model(model, live=True))

    def sample(step: int) -> None:
        row = split.row(step * STRIDE % len(split))
        if row.prompt:
            prompt, asked, expected = chat.prompt_ids(row.prompt, tools=row.tools), row.prompt[-1], row.target
        else:  # plain text: the first half of a window, to be gone on with
            tokens = split.encoded(step * STRIDE % len(split)).tokens.tolist()
            prompt, expected = tokens[: (len(tokens) + 1) // 2], chat.decode(tokens[(len(tokens) + 1) // 2 :])
            asked = {"content": chat.decode(prompt)}
        prompt = prompt[-max_tokens:]
        answer = language_model().generate([prompt], max_new_tokens=MAX_NEW_TOKENS, stop=chat.stop_ids)[0]
        emit(
            Sampled(
                step=step,
                prompt=asked.get("content", ""),
                answer=chat.decode(answer.tokens),
                expected=expected,
            )
        )

    return sample
