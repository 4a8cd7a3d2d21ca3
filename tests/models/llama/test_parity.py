"""Our forward against Transformers' own, in float64: every family and option; padded, packed, cached, in chunks."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.models.llama.families import FAMILIES, ids, model_of
from tunewright.core.language_model import BASE, Request, ScoreItem
from tunewright.models.language_model import TransformersLanguageModel, open_language_model
from tunewright.models.llama.adapters import Alone
from tunewright.models.llama.batching import Generator, Limits
from tunewright.models.llama.language_model import LlamaLanguageModel

EXACT = 1e-9
LENGTHS = (1, 2, 17, 40, 40, 9, 33)


def opened(model: Any, **settings: Any) -> LlamaLanguageModel:
    found = open_language_model(model, **settings)
    assert isinstance(found, LlamaLanguageModel), found.forward
    return found


@torch.no_grad()
def logits_alone(model: Any, row: tuple[int, ...]) -> torch.Tensor:
    return model(torch.tensor([row]), use_cache=False).logits[0]


@torch.no_grad()
def logits_padded(model: Any, rows: list[tuple[int, ...]]) -> list[torch.Tensor]:
    """All rows in one batch, padded on the left, as Transformers batches them."""
    longest = max(map(len, rows))
    tokens = torch.tensor([[0] * (longest - len(row)) + list(row) for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    found = model(tokens, attention_mask=mask, position_ids=positions, use_cache=False).logits
    return [each[longest - len(row) :] for each, row in zip(found, rows, strict=True)]


@pytest.mark.parametrize("family", FAMILIES)
def test_packed_logits_are_those_of_the_library(family: str) -> None:
    model = model_of(family)
    rows = [ids(seed, length) for seed, length in enumerate(LENGTHS)]
    language_model = opened(model)
    with torch.no_grad():
        ours = [language_model.shared.decoder.logits(states) for states in language_model.hidden(rows)]
    for one, row, padded in zip(ours, rows, logits_padded(model, rows), strict=True):
        assert (one - logits_alone(model, row)).abs().max() < EXACT
        assert (one - padded).abs().max() < EXACT


@torch.no_grad()
def cached_logits(
    model: Any, rows: list[tuple[int, ...]], *, chunk: int, limit: float = EXACT, **settings: Any
) -> dict[int, list[torch.Tensor]]:
    """What the generator's own passes compute for the next token of each row, step by step; checked."""
    language_model = opened(model, **settings)
    decoder = language_model.shared.decoder
    generator = Generator(decoder, limits=Limits(chunk_tokens=chunk, cache_bytes=1 << 24))
    seen: dict[int, list[torch.Tensor]] = {}
    plans: list[Any] = []
    plan_of, logits_of = generator._plan, decoder.logits

    def remember_plan() -> Any:
        plans.append(plan_of())
        return plans[-1]

    def remember_logits(hidden: torch.Tensor) -> torch.Tensor:
        found = logits_of(hidden)
        for (row, _), each in zip(plans[-1].ends, found, strict=True):
            seen.setdefault(row.ticket, []).append(each)
        return found

    generator._plan, decoder.logits = remember_plan, remember_logits  # type: ignore[method-assign]
    for row in rows:
        generator.submit(Request(row, 12), None)
    answers = {}
    while generator.busy:
        answers |= {piece.ticket: piece.answer for piece in generator.step() if piece.answer is not None}
    for ticket, row in enumerate(rows):
        whole = logits_alone(model, (*row, *answers[ticket].tokens))
        for place, each in enumerate(seen[ticket]):
            assert (each - whole[len(row) - 1 + place]).abs().max() < limit
    return seen


@pytest.mark.parametrize("chunk", [5, 16, 512])
@pytest.mark.parametrize("family", FAMILIES)
def test_cached_and_chunked_logits_are_those_of_whole_passes(family: str, chunk: int) -> None:
    rows = [ids(seed, length) for seed, length in enumerate((1, 17, 150, 40, 9, 33))]
    seen = cached_logits(model_of(family), rows, chunk=chunk)
    assert [len(each) for _, each in sorted(seen.items())] == [12] * len(rows)


@pytest.mark.parametrize("family", ["llama", "qwen3", "mistral, window", "smollm3"])
def test_beginnings_that_are_shared_change_nothing(family: str) -> None:
    begin = ids(1, 60)
    rows = [(*begin, *ids(seed, 3 + seed)) for seed in range(2, 7)]
    seen = cached_logits(model_of(family), [*rows, begin, rows[0]], chunk=16)
    assert [len(each) for each in seen.values()] == [12] * 7


def test_a_beginning_is_computed_once() -> None:
    model = opened(model_of("llama"))
    counted: list[int] = []
    hidden = model.shared.decoder.hidden

    def count(tokens: torch.Tensor, *rest: Any, **more: Any) -> torch.Tensor:
        counted.append(len(tokens))
        return hidden(tokens, *rest, **more)

    model.shared.decoder.hidden = count  # type: ignore[method-assign]
    begin = ids(1, 100)
    model.answer([Request((*begin, 5 + at), 1) for at in range(4)])
    assert sum(counted) == 101 + 3
    model.answer([Request((*begin, 50), 1)])
    assert sum(counted) == 101 + 4


def test_scores_of_long_trees_and_prefixes() -> None:
    model = model_of("llama")
    begin = ids(3, 30)
    items = [
        ScoreItem((*begin, *ids(seed, 5 * seed)), ((4, 5), (4, 6, 7), (4,), (9, 10, 11, 12))) for seed in (1, 2, 30)
    ]
    scored = opened(model).score(items)
    for item, row in zip(items, scored, strict=True):
        for continuation, one in zip(item.continuations, row, strict=True):
            logits = logits_alone(model, (*item.prompt, *continuation)).log_softmax(-1)[len(item.prompt) - 1 : -1]
            wanted = logits.gather(1, torch.tensor(continuation)[:, None])[:, 0]
            assert one.log_probabilities == pytest.approx(wanted.numpy(), abs=1e-5, rel=1e-6)
            assert one.greedy.tolist() == (logits.argmax(-1) == torch.tensor(continuation)).tolist()


def test_a_row_longer_than_a_product_of_scores() -> None:
    model = model_of("llama")
    row = ids(8, 1500)
    ours = opened(model)
    with torch.no_grad():
        found = ours.shared.decoder.logits(ours.hidden([row])[0])
    assert (found - logits_alone(model, row)).abs().max() < EXACT


@pytest.mark.parametrize("family", ["llama, biases", "qwen3"])
def test_weights_are_shared_not_copied(family: str) -> None:
    model = model_of(family)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    language_model = opened(model)
    for projection in language_model.shared.decoder.projections:
        assert projection.weight().data_ptr() == projection.modules[0].weight.data_ptr()
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())
    row = ids(2, 20)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.01)
        changed = language_model.shared.decoder.logits(language_model.hidden([row])[0])
    assert (changed - logits_alone(model, row)).abs().max() < EXACT


def test_weights_that_were_replaced_are_seen() -> None:
    model = model_of("llama")
    language_model = opened(model)
    fresh = model_of("llama", seed=9)
    for old, new in zip(model.parameters(), fresh.parameters(), strict=True):
        old.data = new.data.clone()
    row = ids(2, 20)
    with torch.no_grad():
        found = language_model.shared.decoder.logits(language_model.hidden([row])[0])
    assert (found - logits_alone(fresh, row)).abs().max() < EXACT


def test_gradients_are_those_of_the_library() -> None:
    model = model_of("qwen2").requires_grad_(True)
    row = ids(5, 30)
    model(torch.tensor([row])).logits[0].sin().sum().backward()
    expected = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    language_model = opened(model)
    states = language_model.hidden([ids(6, 4), row])[1]
    language_model.shared.decoder.logits(states).sin().sum().backward()
    assert expected
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad - expected[name]).abs().max() < 1e-8 * max(1, expected[name].abs().max()), name


def test_log_probabilities_have_a_history() -> None:
    model = model_of("llama").requires_grad_(True)
    items = [ScoreItem(ids(1, 20), ((4, 5, 6), (7,))), ScoreItem(ids(2, 9), ((8, 9),))]
    for language_model in (opened(model), TransformersLanguageModel(model)):
        model.zero_grad()
        found = language_model.log_probabilities(items)
        sum(each.sum() for row in found for each in row).backward()
        gradient = model.lm_head.weight.grad.clone()
        model.zero_grad()
        total = torch.zeros((), dtype=torch.float64)
        for item in items:
            for continuation in item.continuations:
                logits = model(torch.tensor([[*item.prompt, *continuation]])).logits[0, len(item.prompt) - 1 : -1]
                total = total + logits.log_softmax(-1).gather(1, torch.tensor(continuation)[:, None]).sum()
        total.backward()
        assert (gradient - model.lm_head.weight.grad).abs().max() < 1e-8


def test_other_architectures_fall_back_and_say_why() -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model("gpt2", n_embd=32, n_layer=2, n_head=4, vocab_size=96)
    found = open_language_model(AutoModelForCausalLM.from_config(config).eval())
    assert found.forward == "transformers: the architecture gpt2 is not of the Llama family"
    rope = {"rope_type": "dynamic", "rope_theta": 1000.0, "factor": 2.0}
    FAMILIES_WITH = {"rope_parameters": rope}
    config = AutoConfig.for_model(
        "llama", **{"hidden_size": 32, "num_attention_heads": 4, "vocab_size": 96} | FAMILIES_WITH
    )
    found = open_language_model(AutoModelForCausalLM.from_config(config).eval())
    assert "dynamic" in found.forward


def test_a_layer_that_was_changed_is_found_out() -> None:
    model = model_of("llama")
    attention = model.model.layers[1].self_attn
    inner = attention.forward
    attention.forward = lambda *given, **more: tuple(
        each * 2 if place == 0 else each for place, each in enumerate(inner(*given, **more))
    )
    found = open_language_model(model)
    assert found.forward.startswith("transformers: scores differ by")


def test_base_is_a_name_that_is_always_there() -> None:
    model = opened(model_of("llama"))
    plain, base = model.answer([Request(ids(1, 9), 5), Request(ids(1, 9), 5, adapter=BASE)])
    assert plain == base
    assert isinstance(model._passes().products, Alone)
