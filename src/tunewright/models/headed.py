"""A language model with its head, as evaluation asks it. Shapes: N rows, T tokens, C width, O outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tunewright.core.language_model import LanguageModel
from tunewright.core.ports import Ids, Outputs
from tunewright.models import heads

BLOCK_TOKENS = 16_384
"""States are kept of at most so many tokens at once, or of one row."""


class Headed:
    """Numbers of a head over the states of a model. Fulfils the port HeadedModel."""

    def __init__(self, model: LanguageModel, weight_OC: Tensor, meaning: Outputs) -> None:
        self.model, self.weight, self._meaning = model, weight_OC, meaning

    @property
    def meaning(self) -> Outputs:
        """What the numbers mean."""
        return self._meaning

    @torch.no_grad()
    def outputs(self, rows: Sequence[Ids]) -> NDArray[np.float32]:
        """The head's numbers after each row's last token, [N, O]; rows of similar length are computed together."""
        found = np.zeros((len(rows), self.meaning.size), np.float32)
        for block in _blocks(rows):
            states = torch.stack([each[-1] for each in self.model.hidden([rows[at] for at in block])])
            found[block] = heads.outputs(states, self.weight.to(states.device)).float().cpu().numpy()
        return found


def _blocks(rows: Sequence[Ids]) -> Iterator[list[int]]:
    """Places of the rows, by length, in blocks of bounded size."""
    block, size = list[int](), 0
    for at in sorted(range(len(rows)), key=lambda at: len(rows[at])):
        if block and size + len(rows[at]) > BLOCK_TOKENS:
            yield block
            block, size = [], 0
        block.append(at)
        size += len(rows[at])
    if block:
        yield block
