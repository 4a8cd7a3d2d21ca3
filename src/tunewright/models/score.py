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

from tunewright.core.ports import Scored, ScoreItem
from tunewright.models.inference import Body, causal_mask, passing_cache, shared_prefix

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

    @property
    def branches(self) -> bool:
        """True when a plain causal mask would not do."""
        return any(self.parent[at] != at - 1 for at in range(self.own, len(self.parent)))


def score(body: Body, items: Sequence[ScoreItem], *, batch_tokens: int) -> list[list[Scored]]:
    """One list an item, one result a continuation, in order. Raises ValueError for an empty prompt."""
    if any(not item.prompt for item in items):
        raise ValueError("a prompt to score after must hold at least one token")
    longest = max((len(item.prompt) + sum(map(len, item.continuations)) for item in items), default=0)
    masks = body.takes_masks(longest)
    same = shared_prefix([item.prompt for item in items]) if masks else 0
    prefix = body.computed_prefix(items[0].prompt[:same]) if same else []
    starts = _starts(items)
    results = np.zeros(starts[-1][-1], np.float32), np.zeros(starts[-1][-1], np.bool_)
    rows = [
        row for item, slots in zip(items, starts, strict=False) for row in _rows(item, slots, skip=same, branch=masks)
    ]
    for batch in batches([row for row in rows if row.targets], same, batch_tokens=batch_tokens):
        tokens_BT, positions_BT, mask = _tensors(batch, same, body.device)
        hidden = body.hidden(tokens_BT, positions_BT=positions_BT, mask=mask, cache=passing_cache(prefix))
        _read(body, hidden, batch, results)
    return [[_cut(results, slots, number) for number in range(len(slots) - 1)] for slots in starts[:-1]]


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


def _tensors(batch: list[Row], prefix: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor | None]:
    """Tokens and positions [B, T], padded on the right, and the mask; no real token sees padding."""
    longest = len(batch[-1].tokens)
    tokens = np.zeros((len(batch), longest), np.int64)
    positions = np.tile(np.arange(longest), (len(batch), 1))
    for at, row in enumerate(batch):
        tokens[at, : len(row.tokens)] = row.tokens
        positions[at, : len(row.depth)] = row.depth
    tensors = torch.from_numpy(tokens).to(device), torch.from_numpy(positions + prefix).to(device)
    if not any(row.branches for row in batch):
        return *tensors, causal_mask(longest, prefix, device=device)
    mask = np.ones((len(batch), 1, longest, prefix + longest), np.bool_)
    for at, row in enumerate(batch):
        mask[at, 0, :, prefix:] = _ancestors(row, longest)
    return *tensors, torch.from_numpy(mask).to(device)


def _ancestors(row: Row, longest: int) -> NDArray[np.bool_]:
    """Which positions each position sees, [T, T]: itself and its ancestors; padding sees all before it."""
    sees = np.tri(longest, dtype=np.bool_)
    for at in range(row.own, len(row.parent)):
        sees[at] = sees[row.parent[at]]
        sees[at, at] = True
    return sees


def _read(
    body: Body, hidden_BTC: Tensor, batch: list[Row], results: tuple[NDArray[np.float32], NDArray[np.bool_]]
) -> None:
    """Project the positions that predict something, in chunks, and write into the results."""
    longest = hidden_BTC.shape[1]
    targets = [
        (at * longest + place, token, slot) for at, row in enumerate(batch) for place, token, slot in row.targets
    ]
    places, tokens, slots = np.array(sorted(targets), np.int64).T
    reads, which = np.unique(places, return_inverse=True)
    hidden_NC = hidden_BTC.flatten(0, 1).index_select(0, torch.from_numpy(reads).to(hidden_BTC.device))
    for start in range(0, len(reads), CHUNK):
        chosen = slice(*np.searchsorted(which, [start, start + CHUNK]))
        values, greedy = _of_chunk(body, hidden_NC[start : start + CHUNK], which[chosen] - start, tokens[chosen])
        results[0][slots[chosen]], results[1][slots[chosen]] = values, greedy


def _of_chunk(
    body: Body, hidden_NC: Tensor, which: NDArray[np.int64], tokens: NDArray[np.int64]
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
