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

    Raises UserError for architectures whose attention or head does something that packing does not know.
    """
    tokens = torch.from_numpy(example.tokens[:CHECK_TOKENS].astype(np.int64)).to(model.device)
    lm = causal_lm(model)
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
        batch = pack([Encoded(example.tokens[:CHECK_TOKENS], example.weights[:CHECK_TOKENS])], device=str(model.device))
        head = lm.get_output_embeddings()
        found = packed_hidden(model, batch) @ head.weight.T
    model.train(training)
    distance = float((found.double() - expected.double()).norm() / expected.double().norm())
    if not distance <= TOLERANCE.get(found.dtype, 0.15):
        raise UserError(
            f"the architecture {lm.config.model_type} computes something that packed training does not know "
            f"(relative distance of logits {distance:.2g}).",
            where="model.name",
            do="Choose a model of the Llama, Mistral, Qwen or SmolLM family.",
        )
