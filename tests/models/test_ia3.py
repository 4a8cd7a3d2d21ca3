"""(IA)3 against the paper's formula and plain PEFT: function, gradients, files, merging, and quantised weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import IA3Config, PeftModel, get_peft_model
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MambaConfig, MambaForCausalLM

from tests.conftest import tiny_config
from tests.models.test_forward import examples_of, gradients, library_loss, relative
from tests.models.test_language_model import small_model
from tests.models.test_lora_forms import base, logits_of, shaken
from tunewright.core.errors import UserError
from tunewright.core.nouns import Numbers
from tunewright.models.forward import pack, packed_loss, prepare_for_packing
from tunewright.models.ia3 import layers_of
from tunewright.models.load import load
from tunewright.models.methods.ia3 import Work
from tunewright.models.vocabulary import resize
from tunewright.recipe.options.methods.ia3 import Options
from tunewright.train.groups import groups

PAPER = ["k_proj", "v_proj", "down_proj"]
FORMS: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "paper": ({}, PAPER, ["down_proj"]),
    "attention": ({"targets": ["q_proj", "o_proj"]}, ["q_proj", "o_proj"], []),
    "inputs": ({"targets": ["up_proj", "v_proj"], "feedforward": ["up_proj"]}, ["up_proj", "v_proj"], ["up_proj"]),
}
"""Our options, and what PEFT is told for the same: targets, and those whose inputs are scaled."""


def attached(options: dict[str, Any], dtype: torch.dtype = torch.float64) -> tuple[Work, Any]:
    method = Work(Options(**options))
    return method, method.attach(base(dtype), seed=3)


def config_of(form: str) -> IA3Config:
    _, targets, inside = FORMS[form]
    return IA3Config(target_modules=targets, feedforward_modules=inside, task_type="CAUSAL_LM")


@pytest.mark.parametrize("form", FORMS)
def test_function_and_gradients_are_pefts(form: str) -> None:
    method, model = attached(FORMS[form][0])
    assert torch.equal(logits_of(model), logits_of(base()))
    shaken(method.trainable(model))
    plain = get_peft_model(base(), config_of(form), autocast_adapter_dtype=False)
    live = dict(model.named_parameters())
    with torch.no_grad():
        for name, parameter in plain.named_parameters():
            parameter.copy_(live[name])
    assert {name for name, each in plain.named_parameters() if each.requires_grad} == {
        name for name, each in live.items() if each.requires_grad
    }
    assert torch.equal(logits_of(model), logits_of(plain))
    assert relative(logits_of(model), logits_of(base())) > 1e-3
    with model.disable_adapter():
        assert torch.equal(logits_of(model), logits_of(base()))

    examples = examples_of([5, 31, 12], seed=4)
    sum(library_loss(plain, example) for example in examples).backward()  # pyright: ignore
    wanted = gradients(plain)
    prepare_for_packing(model, examples[0])
    packed_loss(model, pack(examples)).loss.backward()
    found = gradients(model)
    assert set(found) == set(wanted)
    assert max(relative(found[name], each) for name, each in wanted.items()) < 1e-6


def test_keys_values_and_inner_values_are_scaled_as_in_the_paper() -> None:
    """l_k K, l_v V, and (l_ff f(x W_1)) W_2: section 3.3, here with a gated MLP."""
    method, model = attached({})
    shaken(method.trainable(model))
    layer = model.base_model.model.model.layers[1]
    x = np.random.default_rng(1).normal(size=(7, 64))
    factors = {name.split(".layers.")[1]: each.detach().numpy() for name, each in method.trainable(model).items()}
    for part in ("k_proj", "v_proj"):
        linear = getattr(layer.self_attn, part)
        weight, bias = (each.detach().numpy() for each in (linear.base_layer.weight, linear.base_layer.bias))
        expected = factors[f"1.self_attn.{part}.ia3_l"].ravel() * (x @ weight.T + bias)
        np.testing.assert_allclose(linear(torch.from_numpy(x)).detach(), expected, rtol=1e-12)
    mlp = layer.mlp
    gate, up, down = (
        each.detach().numpy() for each in (mlp.gate_proj.weight, mlp.up_proj.weight, mlp.down_proj.base_layer.weight)
    )
    middle = x @ gate.T / (1 + np.exp(-x @ gate.T)) * (x @ up.T)
    expected = (factors["1.mlp.down_proj.ia3_l"].ravel() * middle) @ down.T
    np.testing.assert_allclose(mlp(torch.from_numpy(x)).detach(), expected, rtol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("form", FORMS)
def test_plain_peft_reads_what_was_saved(form: str, dtype: torch.dtype, tmp_path: Path) -> None:
    method, model = attached(FORMS[form][0], dtype)
    shaken(method.trainable(model))
    assert {each.dtype for each in method.trainable(model).values()} == {torch.float32}
    weights = {name: each.detach().clone() for name, each in method.trainable(model).items()}
    method.save(model, weights, tmp_path / "adapter")
    plain = PeftModel.from_pretrained(base(dtype), tmp_path / "adapter")
    assert torch.equal(logits_of(plain), logits_of(model))
    assert torch.equal(logits_of(method.load(base(dtype), tmp_path / "adapter")), logits_of(model))
    assert all(torch.equal(each, weights[name]) for name, each in method.read(tmp_path / "adapter").items())


@pytest.mark.parametrize("form", FORMS)
def test_merged_by_peft_it_computes_the_same(form: str) -> None:
    method, model = attached(FORMS[form][0])
    shaken(method.trainable(model))
    before = logits_of(model)
    merged = model.merge_and_unload(safe_merge=True)
    assert not layers_of(merged)
    assert relative(logits_of(merged), before) < 1e-6


@pytest.mark.parametrize("weights", ["int8", "nf4"])
@pytest.mark.parametrize("products", ["fp32", "bf16"])
def test_quantised_weights_compute_in_the_type_of_the_products(
    weights: Any, products: Any, tiny_model_folder: Path
) -> None:
    numbers = Numbers(weights=weights, products=products, double_quantisation=False)
    method = Work(Options())
    model = method.attach(load(tiny_model_folder, numbers=numbers), seed=0)
    shaken(method.trainable(model))
    examples = examples_of([5, 31], seed=4)
    prepare_for_packing(model, examples[0])
    found = packed_loss(model, pack(examples))
    found.loss.backward()
    assert all(each.grad is not None for each in method.trainable(model).values())
    for layer in layers_of(model).values():
        x = torch.randn(3, layer.in_features, generator=torch.Generator().manual_seed(1)).to(model.dtype)
        factor = layer.ia3_l["default"].flatten()
        given = (x * factor).to(x.dtype) if layer.is_feedforward else x
        expected = layer.base_layer(given) * (1 if layer.is_feedforward else factor)
        out = layer(x)
        assert out.dtype == model.dtype
        assert relative(out.float(), expected.float()) < (1e-6 if products == "fp32" else 1e-2)


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("llama", PAPER),
        ("qwen2", PAPER),
        ("qwen3", PAPER),
        ("gemma2", PAPER),
        ("cohere", PAPER),
        ("phi3", ["qkv_proj", "down_proj"]),
        ("gpt_neox", ["query_key_value", "dense_4h_to_h"]),
        ("gpt2", ["c_attn", "mlp.c_proj"]),
    ],
)
def test_every_family_has_its_keys_values_and_mlp(family: str, expected: list[str]) -> None:
    method = Work(Options())
    model = method.attach(small_model(family), seed=0)
    config = model.peft_config["default"]
    assert (config.target_modules, config.feedforward_modules) == (set(expected), {expected[-1]})
    layers = layers_of(model)
    assert len(layers) == 3 * len(expected)
    assert all(layer.is_feedforward == name.endswith(expected[-1]) for name, layer in layers.items())
    assert torch.equal(logits_of_small(model), logits_of_small(small_model(family)))


def logits_of_small(model: Any) -> Tensor:
    with torch.no_grad():
        return model(input_ids=torch.arange(5, 25)[None], use_cache=False).logits


def test_layers_with_turned_weights(tmp_path: Path) -> None:
    """GPT-2 keeps its weights as in x out."""

    def turned() -> Any:
        torch.manual_seed(3)
        return GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=2, vocab_size=500)).eval()

    method = Work(Options())
    model = method.attach(turned(), seed=1)
    shaken(method.trainable(model))
    method.save(model, {name: each.detach() for name, each in method.trainable(model).items()}, tmp_path / "adapter")
    plain = PeftModel.from_pretrained(turned(), tmp_path / "adapter")
    before = logits_of(model)
    assert torch.equal(logits_of(plain), before)
    assert relative(logits_of(model.merge_and_unload()), before) < 1e-5


def mamba() -> Any:
    return MambaForCausalLM(MambaConfig(vocab_size=96, hidden_size=32, num_hidden_layers=2, state_size=4))


@pytest.mark.parametrize(
    ("options", "model", "sentence"),
    [
        ({"targets": ["kv_proj"]}, base, 'no linear layer is called "kv_proj".*down_proj'),
        ({"targets": ["lm_head"]}, base, "the vocabulary projection cannot be adapted"),
        ({"feedforward": ["up_proj"]}, base, "up_proj is not among the targets.*down_proj, k_proj, v_proj"),
        ({}, mamba, "keys, values and the MLP of the architecture mamba are not known by name"),
    ],
    ids=["target", "head", "feedforward", "family"],
)
def test_names_that_match_nothing_are_errors(options: dict[str, Any], model: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Work(Options(**options)).attach(model(), seed=0)


def test_added_tokens_are_refused() -> None:
    model = LlamaForCausalLM(LlamaConfig(**tiny_config()))
    resize(model, 513, added=(512,))
    with pytest.raises(UserError, match="ia3 trains no row of the embedding"):
        Work(Options()).attach(model, seed=0)


def test_factors_do_not_decay_towards_zero() -> None:
    """They are vectors, whatever shape PEFT gives them; decay would take them from 1 to 0."""
    method, model = attached({})
    trainable = method.trainable(model)
    found = groups({**trainable, "matrix": nn.Parameter(torch.ones(2, 3))}, {}, weight_decay=0.1)
    assert {group["weight_decay"]: len(group["params"]) for group in found} == {0.0: len(trainable), 0.1: 1}
