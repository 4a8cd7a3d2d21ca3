"""The Llama family's forward as scoring sees it: rows packed without padding, a prefix shared by all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tunewright.models.inference import Seen
from tunewright.models.llama.attention import attend_blocks, blocks_of
from tunewright.models.llama.forward import Decoder, Heads, Products


class LlamaPasses:
    """Passes without a cache, with the adapters of `products`; differentiable where gradients are enabled."""

    def __init__(self, decoder: Decoder, products: Products) -> None:
        self.decoder, self.products = decoder, products
        self.windows = tuple(block.window for block in decoder.anatomy.layers)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.decoder.device

    def takes_masks(self, longest: int) -> bool:
        """True when no layer's window is shorter than a row."""
        return all(window is None or longest <= window for window in self.windows)

    def computed_prefix(self, tokens: tuple[int, ...]) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of each layer for a prefix, [K, P, D]."""
        kept: list[tuple[Tensor, Tensor]] = []
        blocks = blocks_of([len(tokens)], device=self.device)

        def attend(_layer: int, heads: Heads) -> Tensor:
            kept.append((heads.k.transpose(0, 1), heads.v.transpose(0, 1)))
            return attend_blocks(heads, blocks=blocks, scale=self.decoder.anatomy.scale, kernels=self.decoder.kernels)

        ids = torch.tensor(tokens, device=self.device)
        places = torch.arange(len(tokens), device=self.device)
        self.decoder.hidden(ids, places, attend=attend, products=self.products)
        return kept

    def states(self, rows: Sequence[Seen], prefix: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, list[int]]:
        """States of rows behind one another, [sum of T, C], and where each begins."""
        lengths = [len(row.tokens) for row in rows]
        before = prefix[0][0].shape[1] if prefix else 0
        sees = [row.sees for row in rows]
        blocks = {
            window: blocks_of(lengths, sees=sees, prefix=before, window=window, device=self.device)
            for window in set(self.windows)
        }

        def attend(layer: int, heads: Heads) -> Tensor:
            own = blocks[self.windows[layer]]
            led = prefix[layer] if prefix else None
            return attend_blocks(
                heads, blocks=own, scale=self.decoder.anatomy.scale, before=led, kernels=self.decoder.kernels
            )

        tokens = torch.tensor([token for row in rows for token in row.tokens], device=self.device)
        positions = torch.tensor([before + depth for row in rows for depth in row.depth], device=self.device)
        hidden = self.decoder.hidden(tokens, positions, attend=attend, products=self.products)
        return hidden, [sum(lengths[:at]) for at in range(len(lengths))]

    def logits(self, hidden_NC: Tensor) -> Tensor:
        """Scores of the vocabulary [N, V], float32 at least."""
        return self.decoder.logits(hidden_NC)
