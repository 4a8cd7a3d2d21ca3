"""Room for added tokens: embeddings and an untied head grow; the rows of new tokens begin at the mean of all.

Shapes: V vocabulary, C width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from tunewright.core.errors import UserError

ADDED = "tunewright_added_rows"


def resize(model: Any, vocabulary_size: int, *, added: Sequence[int] = ()) -> None:
    """Make room for every token of a tokenizer; `added` are the ids that the recipe added, whose rows start afresh.

    A new row is the mean of the old ones (Hewitt, 2021), so that it changes no other token's probability much.
    """
    old = model.get_input_embeddings().weight.shape[0]
    if vocabulary_size > old:
        model.resize_token_embeddings(vocabulary_size, mean_resizing=False)
    rows = sorted({*added, *range(old, vocabulary_size)})
    if not rows:
        return
    keep = [row for row in range(old) if row not in set(added)]
    weights = {
        id(layer.weight): layer.weight for layer in (model.get_input_embeddings(), model.get_output_embeddings())
    }
    with torch.no_grad():
        for weight_VC in weights.values():
            weight_VC[rows] = weight_VC[keep].float().mean(0).to(weight_VC.dtype)
    setattr(model, ADDED, tuple(added))


def added_rows(model: Any) -> tuple[int, ...]:
    """Ids of added tokens, whose embeddings train beside an adapter."""
    return getattr(model, ADDED, ())


def refuse_added(model: Any, *, method: str) -> None:
    """Raise UserError where tokens were added: their rows must learn, and this method trains no embedding."""
    if added_rows(model):
        raise UserError(
            f"{method} trains no row of the embedding, so added tokens would never learn what they mean.",
            where="model.added_tokens",
            do="Choose method: lora, partial or full.",
        )


def token_rows(model: Any) -> dict[str, list[int]]:
    """What PEFT is told about added tokens (`trainable_token_indices`): rows by the last name of their module.

    Embedding and head where each has its own weight; tied, PEFT follows the embedding. Empty without added tokens.
    """
    rows = list(added_rows(model))
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    modules = (embedding,) if embedding.weight is head.weight else (embedding, head)
    names = {module: name.rpartition(".")[2] for name, module in model.named_modules() if module in modules}
    return {names[module]: rows for module in modules} if rows else {}
