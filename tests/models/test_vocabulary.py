"""Added tokens: where their rows begin, that they train beside an adapter, and what plain libraries make of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig

from tests.conftest import tiny_config
from tests.models.test_forward import gradients, library_loss, relative
from tunewright.core.nouns import Numbers
from tunewright.core.ports import Encoded
from tunewright.models.forward import pack, packed_loss, prepare_for_packing
from tunewright.models.language_model import TransformersLanguageModel
from tunewright.models.load import load
from tunewright.models.methods.full import Work as Full
from tunewright.models.methods.lora import Work as Lora
from tunewright.models.methods.partial import Work as Partial
from tunewright.models.vocabulary import resize, token_rows
from tunewright.recipe.options.methods.full import Options as FullOptions
from tunewright.recipe.options.methods.lora import Options as LoraOptions
from tunewright.recipe.options.methods.partial import Options as PartialOptions
from tunewright.text.chat import load_chat

ADDED = ("<note>", "</note>")


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def base(request: pytest.FixtureRequest, tmp_path: Path, tiny_model_folder: Path) -> Path:
    """A model folder with tied embeddings, and one with a head of its own."""
    folder = Path(shutil.copytree(tiny_model_folder, tmp_path / "base"))
    if not request.param:
        torch.manual_seed(3)
        config = LlamaConfig(**{**tiny_config(), "tie_word_embeddings": False})
        AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    return folder


def grown(folder: Path, dtype: torch.dtype = torch.float64) -> tuple[Any, tuple[int, ...]]:
    """The model with room for the added tokens, and their ids."""
    chat = load_chat(folder, added_tokens=ADDED)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
    rows = tuple(chat.added_ids.values())
    resize(model, chat.vocabulary_size, added=rows)
    return model, rows


def with_added(rows: tuple[int, ...], *, seed: int) -> list[Encoded]:
    """Examples in which the added tokens are read and predicted."""
    rng = np.random.default_rng(seed)
    made = []
    for index, length in enumerate((12, 7, 30)):
        tokens = rng.integers(3, 400, length).astype(np.int32)
        tokens[rng.permutation(length)[: length // 2]] = rng.choice(rows, length // 2)
        weights = np.ones(length, np.float32)
        weights[0] = 0
        made.append(Encoded(tokens, weights, index))
    return made


def tuned(method: Any, model: Any) -> tuple[Any, dict[str, torch.Tensor]]:
    """The model with random weights in everything that trains, and those weights."""
    model = method.attach(model, seed=1)
    masters = {name: torch.randn(p.shape) * 0.2 for name, p in method.trainable(model).items()}
    with torch.no_grad():
        for name, parameter in method.trainable(model).items():
            parameter.copy_(masters[name])
    return model, masters


def test_new_rows_begin_at_the_mean_of_the_old(base: Path) -> None:
    old = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float64)
    model, rows = grown(base)
    assert model.config.vocab_size == max(rows) + 1 == model.get_output_embeddings().weight.shape[0]
    for now, before in zip(ends(model), ends(old), strict=True):
        kept = [row for row in range(len(before)) if row not in rows]
        assert torch.equal(now[kept], before[kept])
        for row in rows:
            torch.testing.assert_close(now[row], before[kept].float().mean(0).double(), rtol=0, atol=1e-12)
    again, _rows = grown(base)
    assert all(torch.equal(one, two) for one, two in zip(ends(model), ends(again), strict=True))


def ends(model: Any) -> list[torch.Tensor]:
    return [model.get_input_embeddings().weight.detach(), model.get_output_embeddings().weight.detach()]


def test_nothing_changes_without_added_tokens(base: Path) -> None:
    old = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float64)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float64)
    resize(model, load_chat(base).vocabulary_size)
    assert all(torch.equal(one, two) for one, two in zip(ends(model), ends(old), strict=True))
    assert token_rows(model) == {}


def test_a_model_with_spare_rows_gives_them_to_added_tokens(tiny_model_folder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float64)
    before = model.get_input_embeddings().weight.detach().clone()
    resize(model, 511, added=(509, 510))
    now = model.get_input_embeddings().weight.detach()
    kept = [row for row in range(512) if row not in (509, 510)]
    assert now.shape == before.shape
    assert torch.equal(now[kept], before[kept])
    assert torch.equal(now[509], now[510])
    torch.testing.assert_close(now[509], before[kept].mean(0), rtol=1e-6, atol=1e-7)


METHODS = {
    "lora": Lora(LoraOptions(rank=4)),
    "dora": Lora(LoraOptions(rank=4, decomposition="dora")),
    "full": Full(FullOptions()),
    "partial": Partial(PartialOptions(top_layers=1)),
}


@pytest.mark.parametrize("name", METHODS)
def test_a_packed_pass_has_the_librarys_loss_and_gradients(base: Path, name: str) -> None:
    model, rows = grown(base)
    examples = with_added(rows, seed=len(name))
    model, _masters = tuned(METHODS[name], model)
    expected = sum(library_loss(model, example) for example in examples)
    expected.backward()
    by_library = gradients(model)
    prepare_for_packing(model, examples[0])
    found = packed_loss(model, pack(examples))
    found.loss.backward()
    assert float(found.loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-11)
    ours = gradients(model)
    assert ours.keys() == by_library.keys()
    for each, gradient in by_library.items():
        assert relative(ours[each], gradient) < 1e-10, each
    embeddings = [each for each in ours if "embed_tokens" in each or "lm_head" in each]
    assert len(embeddings) == (1 if model.config.tie_word_embeddings else 2)
    assert all(float(ours[each].abs().sum()) > 0 for each in embeddings)


@pytest.mark.parametrize("name", METHODS)
def test_what_is_saved_answers_alike_in_plain_libraries(base: Path, tmp_path: Path, name: str) -> None:
    method, folder = METHODS[name], tmp_path / "saved"
    model, rows = grown(base, torch.float32)
    model, masters = tuned(method, model)
    method.save(model, masters, folder)
    load_chat(base, added_tokens=ADDED).save(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer("<note>The heart</note>", return_tensors="pt").input_ids
    assert set(rows) < set(prompt[0].tolist())
    plain = AutoModelForCausalLM.from_pretrained(base if method.adapts else folder, dtype=torch.float32)
    if method.adapts:  # rows that PEFT overwrites, so their start does not matter: the library's is random
        plain.resize_token_embeddings(len(tokenizer))
        plain = PeftModel.from_pretrained(plain, folder)
    loaded = method.load(grown(base, torch.float32)[0], folder)
    with torch.no_grad():
        expected = model.eval()(prompt).logits
        torch.testing.assert_close(plain.eval()(prompt).logits, expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(loaded(prompt).logits, expected, rtol=1e-5, atol=1e-5)
    answer = plain.generate(input_ids=prompt, max_new_tokens=8, do_sample=False, eos_token_id=None)
    ours = TransformersLanguageModel(loaded).generate([prompt[0].tolist()], max_new_tokens=8, stop=frozenset())
    assert list(ours[0].tokens) == answer[0, prompt.shape[1] :].tolist()


def test_the_base_comes_back_when_the_adapter_is_off(base: Path) -> None:
    plain, rows = grown(base, torch.float32)
    model, _masters = tuned(METHODS["lora"], grown(base, torch.float32)[0])
    tokens = torch.tensor([[5, rows[0], 9, rows[1], 30]])
    with torch.no_grad(), model.disable_adapter():
        assert torch.equal(model.eval()(tokens).logits, plain(tokens).logits)


@pytest.mark.parametrize(("weights", "limit"), [("nf4", 1e-4), ("int8", 2e-2)])
def test_quantised_weights_leave_the_vocabulary_plain(base: Path, weights: Any, limit: float) -> None:
    model = load(base, numbers=Numbers(weights=weights, products="fp32"))
    chat = load_chat(base, added_tokens=ADDED)
    rows = tuple(chat.added_ids.values())
    resize(model, chat.vocabulary_size, added=rows)
    model, masters = tuned(METHODS["lora"], model)
    assert any("trainable_tokens_delta" in name for name in masters)
    examples = with_added(rows, seed=4)
    expected = sum(float(library_loss(model, example).detach()) for example in examples)
    prepare_for_packing(model, examples[0])
    loss = packed_loss(model.train(), pack(examples)).loss
    assert float(loss.detach()) == pytest.approx(expected, rel=limit)
    loss.backward()
    assert all(p.grad is not None for p in METHODS["lora"].trainable(model).values())
