"""Trained models of a few steps' size, made without training: every trainable weight moved at random."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from tests.models.test_lora_forms import shaken
from tunewright.core.nouns import Numbers
from tunewright.core.ports import Encoded
from tunewright.models.export.exact import exact_base
from tunewright.models.load import load
from tunewright.models.vocabulary import resize


def numbers(weights: Any, products: Any = "") -> Numbers:
    return Numbers(weights=weights, products=products or weights, double_quantisation=True)


def train_at_random(method: Any, base: Path, folder: Path, *, as_held: Numbers, added: tuple[int, ...] = ()) -> None:
    """What training leaves in a model's folder: weights of `method` over a base, a step away from their start."""
    model: Any = load(base, numbers=as_held, device="cpu")
    rows = model.get_input_embeddings().weight.shape[0] + len(added)
    resize(model, rows, added=added)
    model = method.attach(model, seed=3)
    weights = {name: each.detach().float() for name, each in method.trainable(model).items()}
    shaken(weights)
    method.save(model, weights, folder)


def opener(
    method: Any, base: Path, folder: Path, *, as_held: Numbers, added: tuple[int, ...] = ()
) -> Callable[[], Any]:
    """A function that opens the trained model in float32, as an export does."""
    config_rows = load(base, numbers=numbers("fp32"), device="cpu").get_input_embeddings().weight.shape[0]

    def exact() -> Any:
        plain = exact_base(base, numbers=as_held, device="cpu", vocabulary_size=config_rows + len(added), added=added)
        return method.load(plain, folder)

    return exact


def examples(rows: int = 6, tokens: int = 30, vocabulary: int = 500) -> list[Encoded]:
    """Random rows whose second half is trained."""
    found: list[Encoded] = []
    for at in range(rows):
        drawn = np.random.default_rng(at).integers(3, vocabulary, tokens).astype(np.int32)
        weights = (np.arange(tokens) >= tokens // 2).astype(np.float32)
        found.append(Encoded(drawn, weights, at))
    return found


def save_plain(model: PreTrainedModel, folder: Path, tokenizer: Path) -> Path:
    """A base model's folder with the tokenizer of another."""
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (folder / name).write_bytes((tokenizer / name).read_bytes())
    return folder


def logits(model: Any) -> torch.Tensor:
    tokens = torch.randint(3, 500, (2, 40), generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        return model.eval()(input_ids=tokens).logits.double()
