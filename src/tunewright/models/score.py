"""Log-probabilities of continuations: each prompt is computed once, its continuations branch from it in one pass.

An item is one row: what is left of the prompt after a prefix shared by all, then a tree of the continuations' tokens,
where equal beginnings are one node. A mask lets each node see the prompt and its own ancestors. Items with one
continuation are plain rows. Shapes: B rows, T tokens of the longest, P prefix, N read positions, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from tunewright.core.language_model import Scored, ScoreItem
from tunewright.models.inference import Passes, Seen, shared_prefix

CHUNK = 256
"""Read positions projected at once: 256 x 49,152 float32 scores are 50 MB."""
MASK_LIMIT = 1 << 25
"""Most entries of a batch's mask."""


@dataclass
class Row:
    """One item as a row of a pass: `own` tokens of the prompt, then the nodes of the tree, each with depth and parent.

    `targets`: (position to read, token wanted, slot in the result).
    """

    own: int
    tokens: list[int]
    depth: list[int]
    parent: list[int]
    targets: list[tuple[int, int, int]] = field(default_factory=list)

    def seen(self) -> Seen:
        """The row as a pass takes it; which positions each sees, where they branch: itself and its ancestors."""
        if not self.branches:
            return Seen(self.tokens, self.depth)
        sees = np.tri(len(self.tokens), dtype=np.bool_)
        for at in range(self.own, len(self.parent)):
            sees[at] = sees[self.parent[at]]
            sees[at, at] = True
        return Seen(self.tokens, self.depth, sees)

    @property
    def branches(self) -> bool:
        """True when a plain causal mask would not do."""
        return any(self.parent[at] != at - 1 for at in range(self.own, len(self.parent)))


def score(body: Passes, items: Sequence[ScoreItem], *, batch_tokens: int) -> list[list[Scored]]:
    """One list an item, one result a continuation, in order. Raises ValueError for an empty prompt."""
    starts = _starts(items)
    results = np.zeros(starts[-1][-1], np.float32), np.zeros(starts[-1][-1], np.bool_)
    for hidden, targets in _passes(body, items, starts, batch_tokens=batch_tokens):
        _read(body, hidden, targets, results)
    return [[_cut(results, slots, number) for number in range(len(slots) - 1)] for slots in starts[:-1]]


def log_probabilities(body: Passes, items: Sequence[ScoreItem], *, batch_tokens: int) -> list[list[Tensor]]:
    """The same log-probabilities as tensors [tokens of the continuation], with a history where gradients are on."""
    starts = _starts(items)
    values, written = [], []
    for hidden, targets in _passes(body, items, starts, batch_tokens=batch_tokens):
        for part in np.array_split(targets, max(1, targets.shape[1] // CHUNK), axis=1):
            places, tokens = (torch.from_numpy(each.copy()).to(hidden.device) for each in part[:2])
            values.append(checkpoint(_wanted, body, hidden.index_select(0, places), tokens, use_reentrant=False))
            written.append(part[2])
    if not values:
        return [[torch.zeros(0) for _ in item.continuations] for item in items]
    places = np.argsort(np.concatenate(written))
    every = torch.cat(values)
    every = every.index_select(0, torch.from_numpy(places).to(every.device))
    return [[every[slots[at] : slots[at + 1]] for at in range(len(slots) - 1)] for slots in starts[:-1]]


def _wanted(body: Passes, hidden_NC: Tensor, tokens: Tensor) -> Tensor:
    logits_NV = body.logits(hidden_NC)
    return logits_NV.gather(1, tokens[:, None])[:, 0] - logits_NV.logsumexp(-1)


def _passes(
    body: Passes, items: Sequence[ScoreItem], starts: list[list[int]], *, batch_tokens: int
) -> Iterator[tuple[Tensor, NDArray[np.int64]]]:
    """The states of all items, batch by batch, with what is to be read from them."""
    if any(not item.prompt for item in items):
        raise ValueError("a prompt to score after must hold at least one token")
    longest = max((len(item.prompt) + sum(map(len, item.continuations)) for item in items), default=0)
    masks = body.takes_masks(longest)
    same = shared_prefix([item.prompt for item in items]) if masks else 0
    prefix = body.computed_prefix(items[0].prompt[:same]) if same else []
    rows = [
        row for item, slots in zip(items, starts, strict=False) for row in _rows(item, slots, skip=same, branch=masks)
    ]
    for batch in batches([row for row in rows if row.targets], same, batch_tokens=batch_tokens):
        hidden, begins = body.states([row.seen() for row in batch], prefix)
        yield hidden, _targets(batch, begins)


def _starts(items: Sequence[ScoreItem]) -> list[list[int]]:
    """Per item the slot where each continuation begins, then where the last ends; a last list holds the total."""
    starts: list[list[int]] = []
    at = 0
    for item in items:
        slots = [at]
        for continuation in item.continuations:
            at += len(continuation)
            slots.append(at)
        starts.append(slots)
    return [*starts, [at]]


def _cut(results: tuple[NDArray[np.float32], NDArray[np.bool_]], slots: list[int], number: int) -> Scored:
    part = slice(slots[number], slots[number + 1])
    return Scored(results[0][part].copy(), results[1][part].copy())


def _rows(item: ScoreItem, slots: list[int], *, skip: int, branch: bool) -> Iterator[Row]:
    """One row for an item, or one a continuation where the model cannot branch."""
    numbers = range(len(item.continuations))
    for group in [numbers] if branch else [[number] for number in numbers]:
        row = _prompt_row(item.prompt[skip:])
        children: dict[tuple[int, int], int] = {}
        for number in group:
            _grow(row, children, item.continuations[number], slots[number])
        yield row


def _prompt_row(own: tuple[int, ...]) -> Row:
    return Row(len(own), list(own), list(range(len(own))), list(range(-1, len(own) - 1)))


def _grow(row: Row, children: dict[tuple[int, int], int], continuation: tuple[int, ...], slot: int) -> None:
    """Add a continuation's path to the tree; its last token is wanted but leads nowhere, so it is no node."""
    node = row.own - 1
    for at, token in enumerate(continuation):
        row.targets.append((node, token, slot + at))
        if at + 1 == len(continuation):
            return
        if (node, token) not in children:
            children[node, token] = len(row.tokens)
            row.tokens.append(token)
            row.depth.append(row.depth[node] + 1)
            row.parent.append(node)
        node = children[node, token]


def batches(rows: Sequence[Row], prefix: int, *, batch_tokens: int) -> Iterator[list[Row]]:
    """Rows of similar length together: at most `batch_tokens` with padding, masks of bounded size, at least one row."""
    batch: list[Row] = []
    for row in sorted(rows, key=lambda row: len(row.tokens)):
        size = (len(batch) + 1) * len(row.tokens)
        if batch and (size > batch_tokens or size * (prefix + len(row.tokens)) > MASK_LIMIT):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _targets(batch: list[Row], begins: list[int]) -> NDArray[np.int64]:
    """Place to read, token wanted and slot in the result of every target, [3, n], by place."""
    found = [
        (begin + place, token, slot)
        for begin, row in zip(begins, batch, strict=True)
        for place, token, slot in row.targets
    ]
    return np.array(sorted(found), np.int64).T


def _read(
    body: Passes, hidden_MC: Tensor, targets: NDArray[np.int64], results: tuple[NDArray[np.float32], NDArray[np.bool_]]
) -> None:
    """Project the positions that predict something, in chunks, and write into the results."""
    places, tokens, slots = targets
    reads, which = np.unique(places, return_inverse=True)
    hidden_NC = hidden_MC.index_select(0, torch.from_numpy(reads).to(hidden_MC.device))
    for start in range(0, len(reads), CHUNK):
        chosen = slice(*np.searchsorted(which, [start, start + CHUNK]))
        values, greedy = _of_chunk(body, hidden_NC[start : start + CHUNK], which[chosen] - start, tokens[chosen])
        results[0][slots[chosen]], results[1][slots[chosen]] = values, greedy


def _of_chunk(
    body: Passes, hidden_NC: Tensor, which: NDArray[np.int64], tokens: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Log-probability of each wanted token, and whether it is the arg-max at its position."""
    logits_NV = body.logits(hidden_NC)
    at, wanted = torch.from_numpy(which).to(logits_NV.device), torch.from_numpy(tokens).to(logits_NV.device)
    found = logits_NV[at, wanted]
    greedy = found == logits_NV.amax(-1)[at]
    hits = greedy.nonzero().flatten()  # arg-max is slow, so only where the maximum is met: bf16 scores tie often
    greedy[hits] = logits_NV[at[hits]].max(-1).indices == wanted[hits]
    values = found - logits_NV.logsumexp(-1)[at]
    return values.float().cpu().numpy(), greedy.cpu().numpy()
