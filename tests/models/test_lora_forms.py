"""Every form of LoRA against plain PEFT: the same function and gradients, and files that PEFT reads as meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from tests.conftest import tiny_config
from tests.models.test_forward import examples_of, gradients, library_loss, relative
from tunewright.core.errors import UserError
from tunewright.models.dropout import CLOCK, SeededDropout
from tunewright.models.forward import pack, packed_loss, prepare_for_packing
from tunewright.models.methods.lora import Work
from tunewright.models.tensors import read_weights, weights_digest
from tunewright.recipe.options.methods.lora import Options

NAMES = ["q_proj", "down_proj"]
FORMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "attention": ({"targets": "attention"}, {"target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]}),
    "names": ({"targets": NAMES}, {"target_modules": NAMES}),
    "rslora": ({"scaling": "rank_stabilised"}, {"use_rslora": True}),
    "dora": ({"decomposition": "dora"}, {"use_dora": True}),
    "dora_rslora": (
        {"decomposition": "dora", "scaling": "rank_stabilised"},
        {"use_dora": True, "use_rslora": True},
    ),
    "lora_plus": ({"rate_ratio": 4}, {}),
    "beside": ({"also_train": ["norm", "lm_head"]}, {"modules_to_save": ["norm", "lm_head"]}),
    "beside_embeddings": ({"also_train": ["embed_tokens"]}, {"modules_to_save": ["embed_tokens"]}),
    "bias_all": ({"bias": "all"}, {"bias": "all"}),
    "bias_lora_only": ({"bias": "lora_only", "targets": NAMES}, {"bias": "lora_only", "target_modules": NAMES}),
}
"""Our options, and what PEFT is told for the same."""
STARTS = {
    "pissa": {"init": "pissa"},
    "pissa_rslora": {"init": "pissa", "scaling": "rank_stabilised"},
    "pissa_dora": {"init": "pissa", "decomposition": "dora"},
}
EVERY = {name: ours for name, (ours, _) in FORMS.items()} | STARTS


def base(dtype: torch.dtype = torch.float64) -> Any:
    """A random Qwen2, untied, whose q, k and v have biases; the same numbers each time."""
    torch.manual_seed(5)
    model = Qwen2ForCausalLM(Qwen2Config(**{**tiny_config(), "tie_word_embeddings": False}))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(".bias"):
                parameter.normal_(std=0.3)
    return model.to(dtype).eval()  # pyright: ignore[reportArgumentType]


def shaken(weights: dict[str, Any]) -> None:
    """Random steps on trained weights, the same for the same name."""
    for place, name in enumerate(sorted(weights)):
        generator = torch.Generator().manual_seed(place)
        step = torch.randn(weights[name].shape, generator=generator, dtype=torch.float64) * 0.1
        with torch.no_grad():
            weights[name].add_(step.to(weights[name].dtype))


def attached(options: dict[str, Any], dtype: torch.dtype = torch.float64) -> tuple[Work, Any]:
    method = Work(Options(rank=4, alpha=8, **options))
    return method, method.attach(base(dtype), seed=3)


def logits_of(model: Any) -> Tensor:
    tokens = torch.randint(3, 500, (2, 40), generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        return model.eval()(input_ids=tokens).logits


@pytest.mark.parametrize("form", FORMS)
def test_function_and_gradients_are_pefts(form: str) -> None:
    ours, theirs = FORMS[form]
    method, model = attached(ours)
    shaken(method.trainable(model))
    plain_config = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM"} | theirs
    plain = get_peft_model(base(), LoraConfig(**plain_config), autocast_adapter_dtype=False)
    live = dict(model.named_parameters())
    with torch.no_grad():
        for name, parameter in plain.named_parameters():
            parameter.copy_(live[name])
    assert {name for name, each in plain.named_parameters() if each.requires_grad} == {
        name for name, each in live.items() if each.requires_grad
    }
    assert torch.equal(logits_of(model), logits_of(plain))

    examples = examples_of([5, 31, 12], seed=4)
    sum(library_loss(plain, example) for example in examples).backward()  # pyright: ignore
    wanted = gradients(plain)
    prepare_for_packing(model, examples[0])
    packed_loss(model, pack(examples)).loss.backward()
    found = gradients(model)
    assert set(found) == set(wanted)
    assert max(relative(found[name], each) for name, each in wanted.items()) < 1e-6


@pytest.mark.parametrize("form", EVERY)
def test_plain_peft_reads_what_was_saved_over_the_original_base(form: str, tmp_path: Path) -> None:
    method, model = attached(EVERY[form], torch.float32)
    shaken(method.trainable(model))
    weights = {name: each.detach().clone() for name, each in method.trainable(model).items()}
    method.save(model, weights, tmp_path / "adapter")

    plain = PeftModel.from_pretrained(base(torch.float32), tmp_path / "adapter", autocast_adapter_dtype=False)
    live = logits_of(model)
    assert relative(logits_of(plain), live) < 1e-5
    assert relative(logits_of(method.load(base(torch.float32), tmp_path / "adapter")), live) < 1e-5
    assert relative(logits_of(base(torch.float32)), live) > 1e-2

    content = method.content(model, weights)
    assert weights_digest(content) == weights_digest(read_weights(tmp_path / "adapter"))
    again = method.read(tmp_path / "adapter")
    assert set(again) == set(weights)
    assert all(torch.equal(again[name], each) for name, each in weights.items())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_pissa_begins_where_peft_begins(dtype: torch.dtype) -> None:
    _, model = attached({"init": "pissa"}, dtype)
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights="pissa")
    plain = get_peft_model(base(dtype), config, autocast_adapter_dtype=False)
    layers = dict(plain.named_modules())
    untouched = dict(base(dtype).named_modules())
    for name, layer in model.named_modules():
        if not hasattr(layer, "lora_A"):
            continue
        assert relative(layer.get_base_layer().weight.float(), layers[name].get_base_layer().weight.float()) < 1e-2
        product, theirs = layer.get_delta_weight("default"), layers[name].get_delta_weight("default")
        assert relative(product.float(), theirs.float()) < (1e-5 if dtype == torch.float32 else 2e-2)
        whole = untouched[name.removeprefix("base_model.model.")].weight.float()
        rest = layer.get_base_layer().weight.float()
        a_RI, b_OR = layer.lora_A["default"].weight.float(), layer.lora_B["default"].weight.float()
        assert relative(rest + layer.scaling["default"] * b_OR @ a_RI, whole) < (
            1e-6 if dtype == torch.float32 else 4e-3
        )


@pytest.mark.parametrize("form", ["plain", "pissa", "dora", "pissa_dora"])
def test_two_attachments_are_bit_equal(form: str) -> None:
    (_, one), (_, other) = (attached(EVERY[form], torch.bfloat16) for _ in range(2))
    wanted = dict(other.named_parameters())
    assert all(torch.equal(each, wanted[name]) for name, each in one.named_parameters())


def test_pissa_of_a_rank_above_the_layers_own_keeps_the_function() -> None:
    method = Work(Options(rank=80, alpha=160, init="pissa"))
    model = method.attach(base(), seed=0)
    assert relative(logits_of(model), logits_of(base())) < 1e-5


@pytest.mark.parametrize("decomposition", ["none", "dora"])
def test_dropout_falls_on_the_adapters_input(decomposition: str) -> None:
    """PEFT's form: W x + (g - 1) W x' + g s B A x', x' with dropout; g = 1 without DoRA, else magnitude / norm."""
    _, model = attached({"decomposition": decomposition, "dropout": 0.25})
    shaken(Work(Options()).trainable(model))
    layer = model.base_model.model.model.layers[0].mlp.up_proj
    dropout = layer.lora_dropout["default"]
    assert isinstance(dropout, SeededDropout)
    getattr(model, CLOCK).set((0, 7, 19), (11, 12))
    x_TC = torch.randn(19, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    dropped_TC = x_TC * torch.from_numpy(dropout.mask(64)) / 0.75

    weight_OI = layer.get_base_layer().weight
    delta_OI = layer.scaling["default"] * layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    gain_O = torch.ones(len(weight_OI), dtype=torch.float64)
    if decomposition == "dora":
        gain_O = layer.lora_magnitude_vector["default"].weight / (weight_OI + delta_OI).norm(dim=1)
    expected = x_TC @ weight_OI.T + dropped_TC @ ((gain_O - 1)[:, None] * weight_OI + gain_O[:, None] * delta_OI).T
    found = layer.train()(x_TC)
    assert 0.2 < float((dropped_TC == 0).double().mean()) < 0.3
    assert relative(found, expected) < 1e-10
    assert relative(layer.eval()(x_TC), expected) > 1e-3


@pytest.mark.parametrize("form", EVERY)
def test_lora_plus_speeds_up_b_alone(form: str) -> None:
    method, model = attached(EVERY[form])
    ratio = EVERY[form].get("rate_ratio", 1)
    wanted = {name: ratio for name in method.trainable(model) if name.endswith(".lora_B.weight") and ratio != 1}
    assert method.rates(model) == wanted


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"targets": ["q_proj", "kv_proj"]}, 'no linear layer is called "kv_proj".*down_proj'),
        ({"targets": ["lm_head"]}, "the vocabulary projection cannot be adapted"),
        ({"also_train": ["nrom"]}, 'no module is called "nrom".*norm'),
        ({"bias": "lora_only", "targets": ["o_proj"]}, "none of the adapted layers has a bias"),
    ],
)
def test_names_that_match_nothing_are_errors(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        attached(options)


@pytest.mark.parametrize("bias", ["all", "lora_only"])
def test_a_model_without_biases_trains_none(bias: Any) -> None:
    model = LlamaForCausalLM(LlamaConfig(**tiny_config()))
    with pytest.raises(UserError, match=r"this model has no biases|none of the adapted layers has a bias"):
        Work(Options(bias=bias)).attach(model, seed=0)


@pytest.mark.parametrize("also_train", ["embed_tokens", "lm_head"])
def test_a_tied_embedding_does_not_train_alone(also_train: str) -> None:
    model = LlamaForCausalLM(LlamaConfig(**tiny_config()))
    with pytest.raises(UserError, match="shares its weight"):
        Work(Options(also_train=(also_train,))).attach(model, seed=0)


@pytest.mark.parametrize("options", [{}, {"init": "pissa"}, {"targets": ["c_attn"]}, {"targets": "attention"}], ids=str)
def test_layers_with_turned_weights(options: dict[str, Any], tmp_path: Path) -> None:
    """GPT-2 keeps its weights as in x out."""

    def turned() -> Any:
        torch.manual_seed(3)
        return GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=2, vocab_size=500)).eval()

    method = Work(Options(rank=4, **options))
    model = method.attach(turned(), seed=1)
    assert relative(logits_of(model), logits_of(turned())) < 1e-5
    shaken(method.trainable(model))
    method.save(model, {name: each.detach() for name, each in method.trainable(model).items()}, tmp_path / "adapter")
    plain = PeftModel.from_pretrained(turned(), tmp_path / "adapter", autocast_adapter_dtype=False)
    assert relative(logits_of(plain), logits_of(model)) < 1e-5
