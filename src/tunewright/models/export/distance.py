"""How far one model's next-token distributions are from another's, on the positions that predict answers.

The first model's scores are kept on disk, so that only one model is held at a time. Shapes: T tokens of a row,
N measured positions of all rows, C width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tunewright.core.ports import Encoded
from tunewright.models.inference import Body, Seen

PASS_TOKENS = 1024
"""Tokens of one pass, padding included."""
BLOCK = 64
"""Positions compared at once: 64 x 49,152 float64 scores are 25 MB."""


@dataclass(frozen=True)
class Measured:
    """KL(first || second) in nats; loss is -log p of the row's own tokens, second - first, in nats a token."""

    kl_mean: float
    kl_max: float
    loss_difference: float
    greedy_agreement: float
    positions: int


@dataclass(frozen=True)
class Reference:
    """The first model's scores [N, V] float32 in a file, made once."""

    scores: NDArray[np.float32]
    rows: Sequence[Encoded]

    def against(self, model: Any) -> Measured:
        """Compare a model of the same tokens. Scores of rows that only one of them has are left out."""
        sums = _Sums()
        for begin, scores_NV, row in _passes(model, self.rows):
            first_NV = torch.from_numpy(self.scores[begin : begin + len(scores_NV)])
            for block in range(0, len(scores_NV), BLOCK):
                part = slice(block, block + BLOCK)
                wanted_N, weights_N = (torch.from_numpy(each[part].copy()) for each in _wanted(row))
                sums.add(first_NV[part], scores_NV[part].cpu(), wanted_N=wanted_N.long(), weights_N=weights_N)
        return sums.measured()


def reference(model: Any, rows: Sequence[Encoded], *, path: Path) -> Reference:
    """Run the first model over the rows; `path` is where its scores lie while they are needed."""
    positions = sum(len(_wanted(row)[0]) for row in rows)
    scores: NDArray[np.float32] | None = None
    for begin, scores_NV, _row in _passes(model, rows):
        if scores is None:
            scores = np.memmap(path, np.float32, "w+", shape=(positions, scores_NV.shape[1]))
        scores[begin : begin + len(scores_NV)] = scores_NV.cpu().numpy()
    if scores is None:
        raise ValueError("there are no rows with an answer to compare on")
    return Reference(scores, rows)


def evidence(rows: Sequence[Encoded]) -> list[Encoded]:
    """Rows as they are; where none has an answer, as for prompts that a head reads, every token is to be predicted."""
    if any(row.weights.any() for row in rows):
        return list(rows)
    return [replace(row, weights=np.ones(len(row.tokens), np.float32)) for row in rows]


def few(rows: Sequence[Encoded], *, positions: int) -> list[Encoded]:
    """The first rows that have something to predict, as many as stay below so many positions; at least one."""
    found: list[Encoded] = []
    total = 0
    for row in rows:
        count = len(_wanted(row)[0])
        if found and total + count > positions:
            break
        if count:
            found.append(row)
            total += count
    return found


def _wanted(row: Encoded) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The tokens of a row that count, and their weights; the first token is predicted by nothing."""
    chosen = row.weights[1:] > 0
    return row.tokens[1:][chosen], row.weights[1:][chosen]


@torch.no_grad()
def _passes(model: Any, rows: Sequence[Encoded]) -> Iterator[tuple[int, Tensor, Encoded]]:
    """Of every row, in order: the place of its first position among all, scores [n, V] float32, and the row."""
    begin, body = 0, Body(model.eval())
    for batch in _batches(rows):
        seen = [Seen(row.tokens.tolist(), list(range(len(row.tokens)))) for row in batch]
        states_MC, starts = body.states(seen, [])
        for row, start in zip(batch, starts, strict=True):
            places = torch.from_numpy(start + np.flatnonzero(row.weights[1:] > 0)).to(states_MC.device)
            yield begin, body.logits(states_MC.index_select(0, places)).float(), row
            begin += len(places)


def _batches(rows: Sequence[Encoded]) -> Iterator[list[Encoded]]:
    """Neighbours together, padded to at most `PASS_TOKENS`; at least one row."""
    batch: list[Encoded] = []
    longest = 0
    for row in rows:
        longest = max(longest, len(row.tokens))
        if batch and longest * (len(batch) + 1) > PASS_TOKENS:
            yield batch
            batch, longest = [], len(row.tokens)
        batch.append(row)
    if batch:
        yield batch


@dataclass
class _Sums:
    """What is added up over blocks of positions."""

    kl: list[Tensor] = field(default_factory=list)
    same: int = 0
    loss: float = 0.0
    weight: float = 0.0

    def add(self, first_NV: Tensor, second_NV: Tensor, *, wanted_N: Tensor, weights_N: Tensor) -> None:
        """One block; both in float64, for a KL of 1e-9 is measured with numbers that differ by 1e-5."""
        shared = min(first_NV.shape[1], second_NV.shape[1])
        first_NV, second_NV = (each[:, :shared].double().log_softmax(-1) for each in (first_NV, second_NV))
        self.kl.append((first_NV.exp() * (first_NV - second_NV)).sum(-1))
        self.same += int((first_NV.argmax(-1) == second_NV.argmax(-1)).sum())
        gained = first_NV.gather(1, wanted_N[:, None]) - second_NV.gather(1, wanted_N[:, None])
        self.loss += float((gained[:, 0] * weights_N.double()).sum())
        self.weight += float(weights_N.double().sum())

    def measured(self) -> Measured:
        """The sums as means."""
        kl_N = torch.cat(self.kl)
        return Measured(
            kl_mean=float(kl_N.mean()),
            kl_max=float(kl_N.max()),
            loss_difference=self.loss / self.weight,
            greedy_agreement=self.same / len(kl_N),
            positions=len(kl_N),
        )
