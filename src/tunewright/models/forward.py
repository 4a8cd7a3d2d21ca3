"""One pass over packed examples: from tokens to the hidden states before the vocabulary, for any Transformers decoder.

Shapes: T packed tokens, N labelled positions, C width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tunewright.core.errors import UserError
from tunewright.core.ports import Encoded
from tunewright.models.dropout import clock_of
from tunewright.models.head import HeadSums, head_sums
from tunewright.models.packed import Segments, segments_of, use_packed_attention

CHECK_TOKENS = 64
TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-3, torch.bfloat16: 0.15}
"""Largest relative L2 distance of logits between our pass and the library's: rounding, with room."""
LEAK = 1e-3
"""The same between two copies of an example in one pack: they see the same numbers, so this is nearly nothing."""
LENGTH_DEPENDENT = ("dynamic", "longrope")


@dataclass(frozen=True)
class PackedBatch:
    """Examples one after another. `tokens` int64 [T]; `positions` int64 [T] restart at each example.

    `labelled` int64 [N]: positions whose hidden state predicts a trained token; `labels` int64 [N]: that token;
    `weights` float32 [N]: its loss weight; `seeds`: one integer an example, for dropout.
    """

    tokens: Tensor
    positions: Tensor
    segments: Segments
    labelled: Tensor
    labels: Tensor
    weights: Tensor
    seeds: tuple[int, ...]


def pack(examples: Sequence[Encoded], *, seed: int = 0, device: str = "cpu") -> PackedBatch:
    """Pack examples without padding or cutting. `seed` and each example's index decide its dropout."""
    lengths = [len(example.tokens) for example in examples]
    tokens = np.concatenate([example.tokens for example in examples]).astype(np.int64)
    weights = np.concatenate([example.weights for example in examples]).astype(np.float32)
    starts = np.cumsum([0, *lengths[:-1]])
    weights[starts] = 0.0
    trained = np.flatnonzero(weights)
    positions = np.concatenate([np.arange(length) for length in lengths])
    return PackedBatch(
        tokens=torch.from_numpy(tokens).to(device),
        positions=torch.from_numpy(positions).to(device),
        segments=segments_of(lengths),
        labelled=torch.from_numpy(trained - 1).to(device),
        labels=torch.from_numpy(tokens[trained]).to(device),
        weights=torch.from_numpy(weights[trained]).to(device),
        seeds=tuple((seed * 1_000_003 + example.index * 7_368_787) % (1 << 31) for example in examples),
    )


def causal_lm(model: Any) -> Any:
    """The language model inside whatever a method wrapped around it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def packed_hidden(model: Any, batch: PackedBatch) -> Tensor:
    """Hidden states [T, C] after the last norm; each example sees itself only. The model must use packed attention."""
    clock = clock_of(model)
    if clock is not None:
        clock.set(batch.segments.bounds, batch.seeds)
    inner = causal_lm(model).base_model
    out = inner(
        input_ids=batch.tokens[None],
        position_ids=batch.positions[None],
        segments=batch.segments,
        use_cache=False,
    )
    return out.last_hidden_state[0]


def packed_loss(model: Any, batch: PackedBatch) -> HeadSums:
    """Weighted cross-entropy sum over the labelled positions of a pack, in nats."""
    hidden_TC = packed_hidden(model, batch)
    head = causal_lm(model).get_output_embeddings()
    hidden_NC = hidden_TC.index_select(0, batch.labelled)
    return head_sums(hidden_NC, head.weight, labels_N=batch.labels, weights_N=batch.weights)


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
