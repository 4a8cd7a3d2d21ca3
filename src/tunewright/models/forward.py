"""One pass over packed examples: from tokens to the hidden states before the vocabulary, for any Transformers decoder.

An example is one sequence, or the two of a preference pair, whose shared prompt is computed once. Virtual tokens of a
method lead all of them. Shapes: T packed tokens, N labelled positions, A sequences, E examples, P virtual tokens,
C width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tunewright.core.errors import UserError
from tunewright.core.ports import Encoded
from tunewright.models.dropout import clock_of
from tunewright.models.head import HeadSums, TokenScores, head_sums, token_scores
from tunewright.models.packed import Prefix, Segments, segments_of, use_packed_attention

CHECK_TOKENS = 64
TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-3, torch.bfloat16: 0.15}
"""Largest relative L2 distance of logits between our pass and the library's: rounding, with room."""
LEAK = 1e-3
"""The same between two copies of an example in one pack: they see the same numbers, so this is nearly nothing."""
VIRTUAL = "tunewright_virtual"
"""Where a method hangs its virtual tokens on a language model."""
LENGTH_DEPENDENT = ("dynamic", "longrope")


LEAST_SHARED = 8
"""A shared prompt shorter than this is cheaper to compute twice than to divide."""


@dataclass(frozen=True)
class PackedBatch:
    """Examples one after another. `tokens` int64 [T]; `positions` int64 [T] restart at each sequence.

    `labelled` int64 [N]: positions whose hidden state predicts a trained token; `labels` int64 [N]: that token;
    `weights` float32 [N]: its loss weight; `sequence_of` int64 [N]: the sequence (0 to A - 1) it belongs to; of a
    preference pair the answer that won is sequence 2i, the one that lost 2i + 1. `last` int64 [A]: position of each
    sequence's last token. `seeds`: one integer a segment, for dropout; `leads`: which segments lead each. `examples`:
    what was packed, in order. `step`: sums over the whole step that an objective prepared.
    """

    tokens: Tensor
    positions: Tensor
    segments: Segments
    labelled: Tensor
    labels: Tensor
    weights: Tensor
    sequence_of: Tensor
    last: Tensor
    seeds: tuple[int, ...]
    leads: tuple[tuple[int, ...], ...]
    examples: tuple[Encoded, ...]
    step: Mapping[str, float] = field(default_factory=dict)

    def summed(self, values_N: Tensor) -> Tensor:
        """Sums over the labelled positions of each sequence, [A]."""
        return values_N.new_zeros(len(self.last)).index_add(0, self.sequence_of, values_N)


class Piece(NamedTuple):
    """A segment of a pack: its tokens and weights, where it stands in its sequence, and what leads it."""

    tokens: NDArray[np.int32]
    weights: NDArray[np.float32]
    depth: int
    sequence: int | None
    lead: int | None
    seed: int


def pack(examples: Sequence[Encoded], *, seed: int = 0, device: str = "cpu") -> PackedBatch:
    """Pack examples without padding or cutting. `seed` and each example's index decide its dropout."""
    pieces: list[Piece] = []
    for example in examples:
        pieces += _pieces(example, at=len(pieces), sequences=sum(p.sequence is not None for p in pieces), seed=seed)
    lengths = [len(piece.tokens) for piece in pieces]
    starts = np.cumsum([0, *lengths[:-1]])
    before = np.arange(-1, sum(lengths) - 1)
    before[starts] = [-1 if p.lead is None else starts[p.lead] + lengths[p.lead] - 1 for p in pieces]
    tokens = np.concatenate([piece.tokens for piece in pieces]).astype(np.int64)
    weights = np.concatenate([piece.weights for piece in pieces]).astype(np.float32)
    trained = np.flatnonzero((weights != 0) & (before >= 0))
    owner = np.repeat([-1 if piece.sequence is None else piece.sequence for piece in pieces], lengths)
    positions = np.concatenate([np.arange(len(piece.tokens)) + piece.depth for piece in pieces])
    last = [
        start + length - 1 for start, length, p in zip(starts, lengths, pieces, strict=True) if p.sequence is not None
    ]
    leads = tuple(() if piece.lead is None else (piece.lead,) for piece in pieces)

    def there(values: Any) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device)

    return PackedBatch(
        tokens=there(tokens),
        positions=there(positions),
        segments=segments_of(lengths, leads=leads),
        labelled=there(before[trained]),
        labels=there(tokens[trained]),
        weights=there(weights[trained]),
        sequence_of=there(owner[trained].astype(np.int64)),
        last=there(np.array(last, np.int64)),
        seeds=tuple(piece.seed for piece in pieces),
        leads=leads,
        examples=tuple(examples),
    )


def _pieces(example: Encoded, *, at: int, sequences: int, seed: int) -> list[Piece]:
    """The segments of one example: itself, or a shared prompt and the two answers after it."""
    seeds = [(seed * 1_000_003 + example.index * 7_368_787 + part * 15_485_863) % (1 << 31) for part in range(3)]
    if example.rejected is None:
        return [Piece(example.tokens, example.weights, 0, sequences, None, seeds[0])]
    both = (example, example.rejected)
    shared = _shared(*both)
    if shared < LEAST_SHARED:
        return [Piece(e.tokens, e.weights, 0, sequences + k, None, seeds[k]) for k, e in enumerate(both)]
    prompt = Piece(example.tokens[:shared], example.weights[:shared], 0, None, None, seeds[2])
    answers = [
        Piece(e.tokens[shared:], e.weights[shared:], shared, sequences + k, at, seeds[k]) for k, e in enumerate(both)
    ]
    return [prompt, *answers]


def _shared(one: Encoded, other: Encoded) -> int:
    """Tokens that both begin with and neither trains, leaving each at least one."""
    most = min(len(one.tokens), len(other.tokens)) - 1
    free = (one.tokens[:most] == other.tokens[:most]) & (one.weights[:most] == 0) & (other.weights[:most] == 0)
    return most if free.all() else int(free.argmin())


def causal_lm(model: Any) -> Any:
    """The language model inside whatever a method wrapped around it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


class Virtual(Protocol):
    """Trained vectors that lead every example: a prompt of embeddings, or keys and values of each layer."""

    tokens: int

    def embeddings(self) -> Tensor:
        """What stands in the place of virtual tokens' embeddings, [P, C]."""
        ...

    def prefix(self) -> Prefix | None:
        """Trained keys and values, None where those of the embeddings count."""
        ...


def virtual_of(model: Any) -> Virtual | None:
    """The virtual tokens that a method hung on a model, None without."""
    return getattr(causal_lm(model), VIRTUAL, None)


@contextmanager
def without_virtual(model: Any) -> Iterator[None]:
    """No virtual tokens in the block: what a method that adds them began from."""
    hung = vars(causal_lm(model))
    virtual = hung.pop(VIRTUAL, None)
    try:
        yield
    finally:
        if virtual is not None:
            hung[VIRTUAL] = virtual


def packed_hidden(model: Any, batch: PackedBatch) -> Tensor:
    """Hidden states [T, C] after the last norm; each example sees itself only. The model must use packed attention."""
    virtual = virtual_of(model)
    if virtual is not None:
        return _led_hidden(model, batch, virtual)
    _announce(model, batch.segments, batch.seeds)
    out = causal_lm(model).base_model(
        input_ids=batch.tokens[None],
        position_ids=batch.positions[None],
        segments=batch.segments,
        use_cache=False,
    )
    return out.last_hidden_state[0]


def _led_hidden(model: Any, batch: PackedBatch, virtual: Virtual) -> Tensor:
    """The same where virtual tokens lead every example: they stand once in a pack, and all see them."""
    lm = causal_lm(model)
    own = [end - start for start, end in pairwise(batch.segments.bounds)]
    leads = [(), *((0, *(lead + 1 for lead in leads)) for leads in batch.leads)]
    segments = segments_of([virtual.tokens, *own], leads=leads)
    _announce(model, segments, (0, *batch.seeds))
    embeddings = virtual.embeddings()
    ids = lm.get_input_embeddings()(batch.tokens)
    first = torch.arange(virtual.tokens, device=batch.positions.device)
    out = lm.base_model(
        inputs_embeds=torch.cat([embeddings.to(ids.dtype), ids])[None],
        position_ids=torch.cat([first, batch.positions + virtual.tokens])[None],
        segments=segments,
        prefix=virtual.prefix(),
        use_cache=False,
    )
    return out.last_hidden_state[0, virtual.tokens :]


def _announce(model: Any, segments: Segments, seeds: tuple[int, ...]) -> None:
    clock = clock_of(model)
    if clock is not None:
        clock.set(segments.bounds, seeds)


def packed_loss(model: Any, batch: PackedBatch) -> HeadSums:
    """Weighted cross-entropy sum over the labelled positions of a pack, in nats."""
    hidden_TC = packed_hidden(model, batch)
    head = causal_lm(model).get_output_embeddings()
    hidden_NC = hidden_TC.index_select(0, batch.labelled)
    return head_sums(hidden_NC, head.weight, labels_N=batch.labels, weights_N=batch.weights)


def packed_log_probabilities(model: Any, batch: PackedBatch, *, hidden_TC: Tensor | None = None) -> TokenScores:
    """Log-probability of each trained token, in nats. `hidden_TC`: states that were computed already."""
    hidden_TC = packed_hidden(model, batch) if hidden_TC is None else hidden_TC
    head = causal_lm(model).get_output_embeddings()
    return token_scores(hidden_TC.index_select(0, batch.labelled), head.weight, labels_N=batch.labels)


def prepare_for_packing(model: Any, example: Encoded) -> None:
    """Switch a model to packed passes, after checking that they compute what the library's own pass does.

    The example is packed twice: both copies must agree with the library, and with one another, so that a model which
    looks across examples is found out. Raises UserError for such architectures and for base models that compute NaN.
    """
    lm = causal_lm(model)
    _check_positions(lm)
    one = Encoded(example.tokens[:CHECK_TOKENS], example.weights[:CHECK_TOKENS])
    tokens = torch.from_numpy(one.tokens.astype(np.int64)).to(model.device)
    training = model.training
    model.eval()
    with torch.no_grad():
        expected = lm(input_ids=tokens[None], use_cache=False).logits[0]
        if not bool(torch.isfinite(expected).all()):
            raise UserError(
                "the base model computes NaN or infinity on the first training row.",
                where="model.name",
                do="Its weights are damaged, or it needs model.precision: fp32.",
            )
        use_packed_attention(lm)
        first, second = _packed_twice(model, one)
    model.train(training)
    limit = TOLERANCE.get(first.dtype, TOLERANCE[torch.bfloat16])
    if not (distance(first, expected) <= limit and distance(second, first) <= LEAK):
        raise _unknown(lm, f"logits differ by {max(distance(first, expected), distance(second, first)):.2g}")


def _packed_twice(model: Any, example: Encoded) -> tuple[Tensor, Tensor]:
    """Logits [T, V] of two copies of one example in one pack."""
    batch = pack([example, example], device=str(model.device))
    lm = causal_lm(model)
    try:
        hidden = packed_hidden(model, batch)
        logits = hidden @ lm.get_output_embeddings().weight.T
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise _unknown(lm, str(error)) from error
    return logits[: len(example.tokens)], logits[len(example.tokens) :]


def _check_positions(lm: Any) -> None:
    """Refuse rotary positions that depend on the longest example seen so far: no pass would be repeatable."""
    rope = getattr(lm.config, "rope_parameters", None) or {}
    if rope.get("rope_type") in LENGTH_DEPENDENT:
        raise UserError(
            f"its rotary positions ({rope['rope_type']}) depend on the longest example of a pass.",
            where="model.name",
            do="Choose a model with fixed rotary positions.",
        )


def _unknown(lm: Any, why: str) -> UserError:
    return UserError(
        f"the architecture {lm.config.model_type} computes something that packed training does not know ({why}).",
        where="model.name",
        do="Choose a model of the Llama, Mistral, Qwen or SmolLM family.",
    )


def distance(one: Tensor, other: Tensor) -> float:
    """Relative L2 distance; NaN where either holds NaN."""
    return float((one.double() - other.double()).norm() / other.double().norm())
