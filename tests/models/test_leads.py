"""Segments that lead others: a shared prompt of a pair, and virtual tokens, against the library's pass row by row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from tunewright.core.ports import Encoded
from tunewright.models import forward, packed
from tunewright.models.forward import LEAST_SHARED, VIRTUAL, pack, packed_log_probabilities, packed_loss
from tunewright.models.packed import segments_of, use_packed_attention

ROUNDED: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-6}
"""The library's norms compute in float32 whatever the model is in, so gradients carry its rounding."""


def pair(prompt: int, won: int, lost: int, *, seed: int, index: int = 0) -> Encoded:
    """A pair of random answers after one random prompt."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(3, 500, prompt).astype(np.int32)
    sides = []
    for length in (won, lost):
        answer = rng.integers(3, 500, length).astype(np.int32)
        weights = np.concatenate([np.zeros(prompt), np.ones(length)]).astype(np.float32)
        sides.append(Encoded(np.concatenate([tokens, answer]), weights, index))
    return replace(sides[0], rejected=sides[1])


def model_of(folder: Path) -> Any:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="sdpa")
    return model.requires_grad_(False)


def sums_by_library(model: Any, example: Encoded) -> list[Tensor]:
    """Log-probability of the trained tokens of each side, one pass a side."""
    found = []
    for side in (example, example.rejected):
        assert side is not None
        tokens = torch.from_numpy(side.tokens.astype(np.int64))
        scores = model(input_ids=tokens[None]).logits[0, :-1].log_softmax(-1)
        each = scores.gather(1, tokens[1:, None])[:, 0]
        found.append((each * torch.from_numpy(side.weights[1:])).sum())
    return found


@pytest.mark.parametrize("long", [1024, 16])
def test_a_pair_computes_what_two_rows_compute(
    tiny_model_folder: Path, long: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values and gradients of every weight, whether segments go through our products or the library's kernel."""
    monkeypatch.setattr(packed, "LONG_TOKENS", long)
    examples = [
        pair(23, 9, 31, seed=1),
        pair(40, 5, 6, seed=2),
        pair(3, 12, 4, seed=3),
        pair(LEAST_SHARED, 1, 2, seed=4),
    ]
    scale = torch.tensor([0.3, -1.1, 0.7, 0.2, -0.4, 0.9, 1.3, -0.6], dtype=torch.float64)
    model = model_of(tiny_model_folder).requires_grad_(True)
    expected = torch.stack([each for example in examples for each in sums_by_library(model, example)])
    (scale * expected).sum().backward()
    wanted = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    use_packed_attention(model)
    batch = pack(examples)
    found = batch.summed(packed_log_probabilities(model, batch).log_probabilities)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-11)
    (scale * found).sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, wanted[name], **ROUNDED)


def test_a_shared_prompt_is_computed_once() -> None:
    """The pack holds the prompt once; a prompt too short to divide is packed with each answer."""
    long, short = pack([pair(20, 5, 7, seed=1)]), pack([pair(LEAST_SHARED - 1, 5, 7, seed=1)])
    assert (len(long.tokens), len(short.tokens)) == (32, 2 * (LEAST_SHARED - 1) + 12)
    assert long.leads == ((), (0,), (0,))
    assert short.leads == ((), ())
    assert long.positions[20:].tolist() == [*range(20, 25), *range(20, 27)]
    assert long.last.tolist() == [24, 31]
    assert long.sequence_of.tolist() == [0] * 5 + [1] * 7
    assert long.labelled.tolist() == [19, 20, 21, 22, 23, 19, 25, 26, 27, 28, 29, 30]


def test_answers_of_which_one_begins_the_other_keep_a_token_each(tiny_model_folder: Path) -> None:
    """What both share ends before the first trained token, and before the last of either."""
    one = pair(12, 3, 5, seed=5)
    assert one.rejected is not None
    same = replace(one.rejected, tokens=np.concatenate([one.tokens, one.tokens[:2]]))
    model = model_of(tiny_model_folder)
    expected = torch.stack(sums_by_library(model, replace(one, rejected=same)))
    use_packed_attention(model)
    batch = pack([replace(one, rejected=same)])
    found = batch.summed(packed_log_probabilities(model, batch).log_probabilities)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-11)


class Prompt:
    """Virtual tokens as embeddings."""

    def __init__(self, count: int, width: int) -> None:
        self.tokens = count
        self.weight = nn.Parameter(torch.randn(count, width, generator=torch.Generator().manual_seed(3)).double())

    def embeddings(self) -> Tensor:
        return self.weight

    def prefix(self) -> None:
        return None


def test_virtual_tokens_lead_every_example(tiny_model_folder: Path) -> None:
    """As if each row began with them: values, and gradients of the virtual tokens themselves."""
    examples = [pair(20, 6, 9, seed=7), *(replace(pair(9, 4, 1, seed=s), rejected=None) for s in (8, 9))]
    model = model_of(tiny_model_folder)
    prompt = Prompt(5, model.config.hidden_size)
    total = torch.zeros((), dtype=torch.float64)
    for example in examples:
        for side in (example, example.rejected):
            if side is not None:
                tokens = torch.from_numpy(side.tokens.astype(np.int64))
                embedded = torch.cat([prompt.weight, model.get_input_embeddings()(tokens)])
                scores = model(inputs_embeds=embedded[None]).logits[0, 5:-1].log_softmax(-1)
                weights = torch.from_numpy(side.weights[1:])
                total = total - (scores.gather(1, tokens[1:, None])[:, 0] * weights).sum()
    total.backward()
    assert prompt.weight.grad is not None
    wanted, prompt.weight.grad = prompt.weight.grad.clone(), None
    use_packed_attention(model)
    model.__dict__[VIRTUAL] = prompt
    found = packed_loss(model, pack(examples)).loss
    torch.testing.assert_close(found, total, rtol=1e-12, atol=1e-10)
    found.backward()
    torch.testing.assert_close(prompt.weight.grad, wanted, **ROUNDED)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_led_segments_see_what_they_should(data: st.DataObject) -> None:
    """Random packs with random leads: attention equals that of a full mask, forward and backward."""
    lengths = data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=7))
    leads = [
        data.draw(st.lists(st.sampled_from(range(at)), max_size=2, unique=True)) if at else []
        for at in range(len(lengths))
    ]
    long = data.draw(st.sampled_from([4, 1024]))
    total, generator = sum(lengths), torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    query, key, value, slope = (
        torch.randn(1, heads, total, 4, generator=generator, dtype=torch.float64) for heads in (4, 2, 2, 4)
    )
    bounds = np.cumsum([0, *lengths])
    sees = torch.zeros(total, total, dtype=torch.bool)
    for at, length in enumerate(lengths):
        own = slice(bounds[at], bounds[at + 1])
        sees[own, own] = torch.ones(length, length, dtype=torch.bool).tril()
        for lead in leads[at]:
            sees[own, bounds[lead] : bounds[lead + 1]] = True
    parts = (query.requires_grad_(True), key.requires_grad_(True), value.requires_grad_(True))
    wanted = torch.nn.functional.scaled_dot_product_attention(*parts, attn_mask=sees, enable_gqa=True)
    expected = torch.autograd.grad((wanted * slope).sum(), parts)
    before = packed.LONG_TOKENS
    packed.LONG_TOKENS = long
    try:
        segments = segments_of(lengths, leads=leads)
        found, _ = packed.packed_attention(nn.Module(), *parts, None, segments=segments)
    finally:
        packed.LONG_TOKENS = before
    torch.testing.assert_close(found, wanted.transpose(1, 2), rtol=1e-10, atol=1e-12)
    gradients = torch.autograd.grad((found * slope.transpose(1, 2)).sum(), parts)
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_least_shared_is_what_pack_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is one number."""
    monkeypatch.setattr(forward, "LEAST_SHARED", 1)
    assert pack([pair(2, 1, 1, seed=1)]).leads == ((), (0,), (0,))
