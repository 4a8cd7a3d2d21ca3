"""Partial fine-tuning: what trains, where the backward pass stops, and what is written for plain Transformers."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, GPT2Config, LlamaConfig

from tests.conftest import tiny_config
from tests.models.test_forward import examples_of, gradients, library_loss, relative, tiny
from tunewright.core.errors import UserError
from tunewright.models.forward import pack, packed_hidden, packed_loss, prepare_for_packing
from tunewright.models.methods.full import Work as Full
from tunewright.models.methods.partial import Work
from tunewright.recipe.options.methods.full import Options as FullOptions
from tunewright.recipe.options.methods.partial import Options


def attached(model: Any, **options: Any) -> tuple[Work, Any]:
    method = Work(Options(**options))
    return method, method.attach(model, seed=0)


def deep(layers: int = 6) -> Any:
    """A random Llama of many blocks in float64, untied."""
    config = LlamaConfig(**{**tiny_config(), "num_hidden_layers": layers, "tie_word_embeddings": False})
    return AutoModelForCausalLM.from_config(config, dtype=torch.float64, attn_implementation="sdpa")


def modules_of(names: Any) -> set[str]:
    return {name.removeprefix("model.").removesuffix(".weight") for name in names}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"top_layers": 1}, ["layers.5.*"]),
        ({"top_layers": 2, "modules": ["norm"]}, ["layers.4.*", "layers.5.*", "norm"]),
        ({"top_layers": 0, "modules": ["lm_head"]}, ["lm_head"]),
        ({"top_layers": 0, "modules": ["layers.[13].mlp"]}, ["layers.1.mlp.*", "layers.3.mlp.*"]),
        ({"top_layers": 0, "modules": ["layers.*.q_proj", "embed_tokens"]}, ["*.q_proj", "embed_tokens"]),
    ],
)
def test_exactly_what_is_asked_for_trains(options: dict[str, Any], expected: list[str]) -> None:
    model = deep()
    every = modules_of(name for name, _ in model.named_parameters())
    method, model = attached(model, **options)
    trains = modules_of(method.trainable(model))
    assert trains == {name for name in every if any(fnmatch(name, pattern) for pattern in expected)}
    assert {id(p) for p in model.parameters() if p.requires_grad} == {id(p) for p in method.trainable(model).values()}


def test_gradients_are_the_librarys_and_stop_below_the_lowest_trained_block() -> None:
    examples = examples_of([12, 7, 30], seed=1)
    method, model = attached(deep(), top_layers=2)
    sum(library_loss(model, example) for example in examples).backward()
    by_library = gradients(model)
    prepare_for_packing(model, examples[0])
    reached: list[str] = []
    for name, module in model.named_modules():
        if (name.count(".") == 2 and ".layers." in name) or name == "model.embed_tokens":
            module.register_forward_hook(watch(name, reached))
    packed_loss(model, pack(examples)).loss.backward()
    assert reached == ["model.layers.4", "model.layers.5"]
    ours = gradients(model)
    assert set(ours) == set(by_library) == set(method.trainable(model))
    for name, gradient in by_library.items():
        assert relative(ours[name], gradient) < 1e-10, name


def watch(name: str, reached: list[str]) -> Any:
    def hook(_module: Any, _args: Any, output: Any) -> None:
        if output.requires_grad:
            reached.append(name)

    return hook


def test_fewer_trained_blocks_keep_less_for_the_backward_pass() -> None:
    batch = pack(examples_of([200, 150], seed=3))
    kept = [kept_bytes(attached(deep(), top_layers=count)[1], batch) for count in (1, 3, 6)]
    assert kept[0] < kept[1] / 2 < kept[2] / 3


def kept_bytes(model: Any, batch: Any) -> int:
    """Bytes that autograd keeps for the backward pass, parameters left out."""
    prepare_for_packing(model, examples_of([9], seed=0)[0])
    own = {p.data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def pack_hook(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in own:
            kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack_hook, lambda tensor: tensor):
        hidden = packed_hidden(model, batch)
    assert hidden.requires_grad
    return sum(kept.values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_folder_loads_whole_in_plain_transformers(tiny_model_folder: Path, tmp_path: Path, dtype: Any) -> None:
    base = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=dtype)
    method, model = attached(base, top_layers=1, modules=["norm"])
    masters = {name: torch.randn(p.shape) * 0.1 for name, p in method.trainable(model).items()}
    with torch.no_grad():
        for name, parameter in method.trainable(model).items():
            parameter.copy_(masters[name])
    method.save(model, masters, tmp_path / "saved")
    written = load_file(tmp_path / "saved" / "model.safetensors")
    content = method.content(model, masters)
    assert written.keys() == content.keys()
    assert all(
        torch.equal(written[name], content[name]) and written[name].dtype == content[name].dtype for name in content
    )
    read = method.read(tmp_path / "saved")
    assert read.keys() == masters.keys()
    assert all(torch.equal(read[name], masters[name]) and read[name].dtype == torch.float32 for name in read)
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "saved", dtype=dtype)
    ours = method.load(AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=dtype), tmp_path / "saved")
    tokens = torch.randint(3, 500, (2, 20))
    with torch.no_grad():
        expected = model.eval()(tokens).logits
        assert torch.equal(plain.eval()(tokens).logits, expected)
        assert torch.equal(ours(tokens).logits, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_layers": 3}, "has 2 blocks, fewer than 3"),
        ({"modules": ["q_prj"]}, 'called "q_prj".*down_proj.*q_proj'),
        ({"modules": ["lm_head"]}, "one weight.*Name both: embed_tokens and lm_head"),
        ({"modules": ["embed_tokens"]}, "one weight"),
    ],
)
def test_what_means_nothing_on_a_model_is_one_sentence(
    tiny_model_folder: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        attached(tiny(tiny_model_folder), **options)
    assert "\n" not in str(caught.value)


def test_both_ends_of_a_tied_model_train_as_one_weight(tiny_model_folder: Path) -> None:
    method, model = attached(tiny(tiny_model_folder), top_layers=0, modules=["embed_tokens", "lm_head"])
    assert list(method.trainable(model)) == ["model.embed_tokens.weight"]


def test_blocks_of_another_family_are_found() -> None:
    config = GPT2Config(n_embd=32, n_layer=3, n_head=2, vocab_size=60)
    method, model = attached(AutoModelForCausalLM.from_config(config), top_layers=1)
    assert {".".join(name.split(".")[:3]) for name in method.trainable(model)} == {"transformer.h.2"}


def test_nothing_to_train_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing trains"):
        Options(top_layers=0)


@pytest.mark.parametrize("method", [Full(FullOptions()), Work(Options())], ids=["full", "partial"])
def test_quantised_weights_cannot_take_an_update(tiny_model_folder: Path, method: Any) -> None:
    quantised = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    model = AutoModelForCausalLM.from_pretrained(
        tiny_model_folder, quantization_config=quantised, device_map={"": "cpu"}
    )
    with pytest.raises(UserError, match=r"quantised weights cannot take an update.*lora"):
        method.attach(model, seed=0)
