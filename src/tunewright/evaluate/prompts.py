"""The prompts that a base model may use: the row's own, the labels listed, or examples from the training rows.

What is equal for all rows stands at the start, so that a language model computes it once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tunewright.core.ports import Message, Row
from tunewright.data.canary import is_canary
from tunewright.evaluate.rows import Rows

Style = Literal["bare", "labels_listed", "examples"]
TRAINED: Style = "bare"
"""The prompt that the model was trained on."""
EXAMPLES = 12
EXAMPLES_TOKENS = 2048
SEEN = 5_000
"""Training rows looked at for examples: enough to find every label that is not rarer than one in a thousand."""


@dataclass(frozen=True)
class Prompts:
    """Makes the messages of a prompt. `examples` are training rows; `labels` the known labels."""

    labels: tuple[str, ...] = ()
    examples: tuple[Row, ...] = ()

    def messages(self, row: Row, style: Style) -> tuple[Message, ...]:
        """The turns before the answer, in this style. "bare" is the prompt that was trained."""
        if style == "labels_listed":
            return self._listed(row.prompt)
        if style == "examples":
            return self._with_examples(row.prompt)
        return row.prompt

    def _listed(self, prompt: tuple[Message, ...]) -> tuple[Message, ...]:
        """The first user turn begins with the list of labels."""
        listed = f"Answer with exactly one of these labels and nothing else: {', '.join(self.labels)}.\n\n"
        first = next((index for index, message in enumerate(prompt) if message.get("role") == "user"), len(prompt) - 1)
        turns = list(prompt)
        turns[first] = {**turns[first], "content": listed + turns[first].get("content", "")}
        return tuple(turns)

    def _with_examples(self, prompt: tuple[Message, ...]) -> tuple[Message, ...]:
        """System turns, then each example as earlier turns of the conversation, then the row's own turns."""
        system = tuple(message for message in prompt if message.get("role") == "system")
        own = tuple(message for message in prompt if message.get("role") != "system")
        shown = tuple(message for row in self.examples for message in row.messages if message.get("role") != "system")
        return system + shown + own


def draw_examples(split: Rows, labels: Sequence[str], *, seed: int) -> tuple[Row, ...]:
    """Twelve training rows, drawn with a seed, labels taken in turn so that each is shown as often as any other.

    Together they stay below 2,048 tokens; a row that does not fit any more is passed over. A planted secret (a canary)
    is never shown.
    """
    order = np.random.default_rng(seed).permutation(len(split))[:SEEN].tolist()
    label_of = {index: split.row(index).label for index in sorted(order)} if labels else dict.fromkeys(order)
    by_label: dict[str | None, list[int]] = defaultdict(list)
    for index in order:
        group = by_label[label_of[index]]
        if len(group) >= EXAMPLES or is_canary(split.row(index)):
            continue
        if len(split.encoded(index).tokens) <= EXAMPLES_TOKENS // 2:
            group.append(index)
    groups = [by_label[label] for label in (labels or [None])]
    turns = [group[turn] for turn in range(EXAMPLES) for group in groups if turn < len(group)]
    return tuple(split.row(index) for index in _within_budget(split, turns))


def _within_budget(split: Rows, indices: Sequence[int]) -> list[int]:
    chosen: list[int] = []
    left = EXAMPLES_TOKENS
    for index in indices:
        cost = len(split.encoded(index).tokens)
        if len(chosen) < EXAMPLES and cost <= left:
            chosen.append(index)
            left -= cost
    return chosen
