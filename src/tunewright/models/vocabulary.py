"""Room for added tokens: embeddings and an untied head grow, new rows begin at the mean of the old."""

from __future__ import annotations

from typing import Any


def resize(model: Any, vocabulary_size: int) -> None:
    """Grow the embeddings to `vocabulary_size` rows where the tokenizer has more tokens than the model; else nothing.

    New rows are the mean of the old ones (Hewitt, 2021), so that they change no other token's probability much.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    if vocabulary_size <= rows:
        return
    model.resize_token_embeddings(vocabulary_size, mean_resizing=False)
    for layer in {id(each): each for each in (model.get_input_embeddings(), model.get_output_embeddings())}.values():
        layer.weight.data[rows:] = layer.weight.data[:rows].float().mean(0).to(layer.weight.dtype)
