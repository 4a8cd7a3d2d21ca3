"""Our forward and the fall-back answer the same requests alike; the real model as Transformers' own generate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from tests.models.llama.adapters import saved
from tests.models.llama.families import ids, model_of
from tests.models.llama.test_parity import opened
from tests.models.numbers import plain
from tunewright.core.errors import UserError
from tunewright.core.language_model import BASE, LanguageModel, Request, Sampling, ScoreItem
from tunewright.models.find import FoundModel
from tunewright.models.language_model import TransformersLanguageModel, open_language_model
from tunewright.models.load import load

LETTERS = [chr(0x4E00 + at) for at in range(96)]


def decode(tokens: Any) -> str:
    """Two characters a token, so that stop strings lie across tokens."""
    return "".join(f"{LETTERS[token]}{token % 3}" for token in tokens)


def both(tmp_path: Path) -> list[LanguageModel]:
    """The same model behind both forwards, two adapters loaded."""
    found: list[LanguageModel] = [
        opened(model_of("llama"), decode=decode),
        TransformersLanguageModel(model_of("llama"), decode=decode),
    ]
    for seed, form in enumerate(("all", "dora")):
        folder = saved(model_of("llama"), form, tmp_path / form, seed=seed)
        for model in found:
            model.load_adapter(form, folder)
    return found


def requests() -> list[Request]:
    settings = [
        Sampling(),
        Sampling(temperature=1, seed=4),
        Sampling(temperature=1.5, top_k=9, seed=1),
        Sampling(temperature=0.9, top_p=0.7, seed=2),
        Sampling(temperature=2, top_p=0.95, top_k=40, repetition_penalty=1.3, seed=3),
        Sampling(repetition_penalty=1.7),
    ]
    names = ["all", "dora", BASE]
    return [
        Request(ids(at, 4 + 3 * at), 20, frozenset({7, 8}), ("0" + LETTERS[40], "2"), each, names[at % 3])
        for at, each in enumerate(settings)
    ] + [Request(ids(50 + at, 20), at, sampling=Sampling(temperature=3, seed=at), adapter=BASE) for at in range(4)]


def test_both_forwards_give_the_same_answers(tmp_path: Path) -> None:
    ours, theirs = both(tmp_path)
    found, wanted = ours.answer(requests()), theirs.answer(requests())
    assert {answer.finish for answer in found} == {"stop", "length"}
    for one, other, request in zip(found, wanted, requests(), strict=True):
        assert (one.tokens, one.finish, one.text) == (other.tokens, other.finish, other.text)
        assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-9)
        if request.stop_strings:
            assert one.text is not None
            assert decode(one.tokens).startswith(one.text)
            assert not any(stop in one.text for stop in request.stop_strings)
    for model in (ours, theirs):
        pieces = list(model.stream(requests()))
        for at, answer in enumerate(found):
            assert tuple(p.token for p in pieces if p.ticket == at and p.answer is None) == answer.tokens
            (last,) = [p.answer for p in pieces if p.ticket == at and p.answer is not None]
            assert last.tokens == answer.tokens


def test_both_forwards_score_and_show_states_alike(tmp_path: Path) -> None:
    ours, theirs = both(tmp_path)
    items = [ScoreItem(ids(at, 30), ((4, 5), (4,), (), (6, 7, 8))) for at in range(5)]
    for name in ("all", "dora", BASE):
        views = [m.without_adapter() if name == BASE else m.with_adapter(name) for m in (ours, theirs)]
        one, other = (view.score(items) for view in views)
        for left, right in zip(one, other, strict=True):
            for each, wanted in zip(left, right, strict=True):
                np.testing.assert_allclose(each.log_probabilities, wanted.log_probabilities, atol=1e-5)
                np.testing.assert_array_equal(each.greedy, wanted.greedy)
        with torch.no_grad():
            for each, wanted in zip(*(view.hidden([ids(1, 9), ids(2, 30)]) for view in views), strict=True):
                assert (each - wanted).abs().max() < 1e-9


def test_a_generate_call_draws_anew_for_each_prompt(tmp_path: Path) -> None:
    for model in both(tmp_path):
        asked = Sampling(temperature=1, seed=5)
        answers = model.generate([ids(1, 5)] * 3, max_new_tokens=8, stop=frozenset(), sampling=asked)
        assert len({answer.tokens for answer in answers}) == 3
        again = model.generate([ids(1, 5)] * 3, max_new_tokens=8, stop=frozenset(), sampling=asked)
        assert [answer.tokens for answer in again] == [answer.tokens for answer in answers]


def test_names_are_checked_by_both(tmp_path: Path) -> None:
    for model in both(tmp_path):
        with pytest.raises(UserError, match="no adapter is loaded under the name 'x'"):
            model.answer([Request(ids(1, 5), 2, adapter="x")])
        model.unload_adapter("all")
        with pytest.raises(UserError, match="'all'"):
            model.with_adapter("all")


def test_a_model_with_trained_parts_beside_its_adapter_falls_back() -> None:
    from peft import LoraConfig, get_peft_model

    for kept in ("norm", "lm_head", "embed_tokens"):
        config = LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=[kept])
        found = open_language_model(get_peft_model(model_of("llama untied, one head"), config))
        assert found.forward.startswith("transformers: "), kept


QUESTIONS = [
    "What is the capital of France?",
    "Name three colours.",
    "Write one sentence about rain.",
    "How many legs does a spider have?",
    "Translate 'good morning' into Spanish.",
    "What is 12 plus 30?",
]
CHAT = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
NEAR = 1e-4


@pytest.mark.parametrize("how", ["tunewright, compiled", "tunewright, not compiled: no folder was given for them"])
def test_greedy_text_of_the_real_model_is_that_of_generate(smollm2: FoundModel, how: str, compiled: Path) -> None:
    """In float32, alone and all together; a difference must come from two scores that are nearly equal."""
    tokenizer = Tokenizer.from_file(str(smollm2.path / "tokenizer.json"))
    model = load(smollm2.path, numbers=plain("fp32"))
    ours = open_language_model(model, compiled=None if "not" in how else compiled)
    assert ours.forward == how
    prompts = [tuple(tokenizer.encode(CHAT.format(question)).ids) for question in QUESTIONS]
    together = ours.generate(prompts, max_new_tokens=24, stop=frozenset({2}))
    differing = 0
    for prompt, beside in zip(prompts, together, strict=True):
        alone = ours.generate([prompt], max_new_tokens=24, stop=frozenset({2}))[0]
        out = model.generate(
            torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), max_new_tokens=24, do_sample=False
        )[0, len(prompt) :].tolist()
        wanted = tuple(token for token in out if token != 2)
        for found in (alone.tokens, beside.tokens):
            if found != wanted:
                differing += 1
                place = next(at for at, pair in enumerate(zip(found, wanted)) if pair[0] != pair[1])
                with torch.no_grad():
                    logits = model(torch.tensor([[*prompt, *wanted[:place]]])).logits[0, -1]
                best = logits.topk(2).values
                assert best[0] - best[1] < NEAR
    assert differing <= 1


@pytest.mark.parametrize("weights", ["int8", "nf4"])
def test_the_real_model_in_few_bits_computes_as_transformers(smollm2: FoundModel, weights: str, compiled: Path) -> None:
    from tunewright.core.nouns import Numbers

    tokenizer = Tokenizer.from_file(str(smollm2.path / "tokenizer.json"))
    model = load(smollm2.path, numbers=Numbers(weights=weights, products="bf16"))  # type: ignore[arg-type]
    ours, theirs = open_language_model(model, compiled=compiled), TransformersLanguageModel(model)
    assert ours.forward == "tunewright, compiled"
    items = [
        ScoreItem(tuple(tokenizer.encode(CHAT.format(question)).ids), ((504, 1), (28, 2))) for question in QUESTIONS[:3]
    ]
    for one, other in zip(ours.score(items), theirs.score(items), strict=True):
        for left, right in zip(one, other, strict=True):
            np.testing.assert_allclose(left.log_probabilities, right.log_probabilities, atol=0.25, rtol=0.02)
