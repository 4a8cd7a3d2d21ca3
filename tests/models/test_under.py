"""Stacks: what trains over a LoRA adapter that stays as it is computes what PEFT computes with both in use."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from tests.conftest import tiny_config
from tests.models.test_forward import examples_of, gradients, library_loss, relative
from tests.models.test_lora_forms import base, logits_of, shaken
from tunewright.core.errors import UserError
from tunewright.core.nouns import Numbers
from tunewright.models.adapted import bare, kinds_in
from tunewright.models.combine import Recipe, combine
from tunewright.models.export.merge import merged
from tunewright.models.forward import causal_lm, pack, packed_loss, prepare_for_packing
from tunewright.models.language_model import TransformersLanguageModel, open_language_model
from tunewright.models.load import load
from tunewright.models.methods.bottleneck import Work as Bottleneck
from tunewright.models.methods.full import Work as Full
from tunewright.models.methods.ia3 import Work as Ia3
from tunewright.models.methods.lora import Work as Lora
from tunewright.models.over import OverAdapter
from tunewright.models.tensors import read_weights, weights_digest
from tunewright.models.under import under_of
from tunewright.recipe.options.methods.bottleneck import Options as BottleneckOptions
from tunewright.recipe.options.methods.full import Options as FullOptions
from tunewright.recipe.options.methods.ia3 import Options as Ia3Options
from tunewright.recipe.options.methods.lora import Options as LoraOptions

METHODS: dict[str, Any] = {
    "lora": Lora(LoraOptions(rank=4, alpha=8)),
    "dora": Lora(LoraOptions(rank=4, decomposition="dora")),
    "pissa": Lora(LoraOptions(rank=4, init="pissa")),
    "bottleneck": Bottleneck(BottleneckOptions(form="houlsby", width=5)),
    "ia3": Ia3(Ia3Options()),
}
UNDER: dict[str, Any] = {"r": 2, "lora_alpha": 6, "target_modules": ["q_proj", "down_proj"], "task_type": "CAUSAL_LM"}


def lower(folder: Path, dtype: torch.dtype = torch.float64, **config: Any) -> Path:
    """An adapter with random weights that PEFT alone made and saved."""
    torch.manual_seed(11)
    model = get_peft_model(base(dtype), LoraConfig(**UNDER | config), autocast_adapter_dtype=False)
    shaken({name: each for name, each in model.named_parameters() if each.requires_grad})
    model.save_pretrained(folder)
    return folder


def stacked(name: str, folder: Path, dtype: torch.dtype = torch.float64) -> tuple[OverAdapter, Any]:
    method = OverAdapter(METHODS[name], folder)
    return method, method.attach(base(dtype), seed=3)


def under_alone(folder: Path, dtype: torch.dtype = torch.float64) -> Tensor:
    return logits_of(PeftModel.from_pretrained(base(dtype), folder, autocast_adapter_dtype=False))


@pytest.mark.parametrize("stabilised", [False, True])
def test_function_and_gradients_are_pefts_with_both_adapters_in_use(stabilised: bool, tmp_path: Path) -> None:
    lower(tmp_path / "lower", use_rslora=stabilised)
    method, model = stacked("lora", tmp_path / "lower")
    assert relative(logits_of(model), under_alone(tmp_path / "lower")) < 1e-9
    shaken(method.trainable(model))

    plain = PeftModel.from_pretrained(base(), tmp_path / "lower", adapter_name="lower", autocast_adapter_dtype=False)
    plain.add_adapter("default", LoraConfig(r=4, lora_alpha=8, target_modules="all-linear"))
    plain.base_model.set_adapter(["lower", "default"])
    live = dict(model.named_parameters())
    wanted_names = {name for name in live if ".lora_" in name}
    with torch.no_grad():
        for name, parameter in plain.named_parameters():
            parameter.requires_grad_(name in wanted_names)
            if name in wanted_names:
                parameter.copy_(live[name])
    plain = plain.to(torch.float64)
    assert relative(logits_of(model), logits_of(plain)) < 1e-9

    examples = examples_of([5, 31, 12], seed=4)
    sum(library_loss(plain, example) for example in examples).backward()  # pyright: ignore
    wanted = gradients(plain)
    prepare_for_packing(model, examples[0])
    packed_loss(model, pack(examples)).loss.backward()
    found = gradients(model)
    assert set(found) == set(wanted) == wanted_names
    assert max(relative(found[name], each) for name, each in wanted.items()) < 1e-6


@pytest.mark.parametrize("name", METHODS)
def test_every_method_that_adapts_trains_over_it(name: str, tmp_path: Path) -> None:
    lower(tmp_path / "lower")
    method, model = stacked(name, tmp_path / "lower")
    start = under_alone(tmp_path / "lower")
    assert relative(logits_of(model), start) < 1e-6
    shaken(method.trainable(model))
    live = logits_of(model)
    assert relative(live, start) > 1e-3
    if name != "pissa":  # which holds a part of the base itself
        with bare(model):
            assert torch.equal(logits_of(model), logits_of(base()))
    assert torch.equal(logits_of(model), live)

    weights = {key: each.detach().clone() for key, each in method.trainable(model).items()}
    method.save(model, weights, tmp_path / "stack")
    assert weights_digest(method.content(model, weights)) == weights_digest(read_weights(tmp_path / "stack"))
    assert all(torch.equal(each, weights[key]) for key, each in method.read(tmp_path / "stack").items())
    assert method.read(tmp_path / "stack").keys() == weights.keys()
    assert relative(logits_of(OverAdapter(METHODS[name], None).load(base(), tmp_path / "stack")), live) < 1e-6


def test_a_stack_lies_under_in_turn(tmp_path: Path) -> None:
    lower(tmp_path / "lower")
    method, model = stacked("lora", tmp_path / "lower")
    shaken(method.trainable(model))
    method.save(model, {key: each.detach() for key, each in method.trainable(model).items()}, tmp_path / "stack")
    third, over = stacked("ia3", tmp_path / "stack")
    assert relative(logits_of(over), logits_of(model)) < 1e-6
    shaken(third.trainable(over))
    third.save(over, {key: each.detach() for key, each in third.trainable(over).items()}, tmp_path / "third")
    assert len(under_of(causal_lm(over)).layers) == 2  # pyright: ignore[reportOptionalMemberAccess]
    again = OverAdapter(METHODS["ia3"], None).load(base(), tmp_path / "third")
    assert relative(logits_of(again), logits_of(over)) < 1e-6


@pytest.mark.parametrize("name", ["lora", "ia3"])
def test_merged_it_is_one_plain_model(name: str, tmp_path: Path) -> None:
    lower(tmp_path / "lower")
    method, model = stacked(name, tmp_path / "lower")
    shaken(method.trainable(model))
    before = logits_of(model)
    plain = merged(model)
    assert under_of(plain) is None
    assert relative(logits_of(plain), before) < 1e-6
    fresh = base()
    fresh.load_state_dict(plain.state_dict())
    assert torch.equal(logits_of(fresh), logits_of(plain))


@pytest.mark.parametrize("weights", ["nf4", "int8"])
def test_over_quantised_weights(weights: Any, tiny_model_folder: Path, tmp_path: Path) -> None:
    numbers = Numbers(weights=weights, products="bf16", double_quantisation=False)
    torch.manual_seed(1)
    trained = get_peft_model(
        load(tiny_model_folder, numbers=numbers), LoraConfig(**UNDER | {"init_lora_weights": False})
    )
    trained.save_pretrained(tmp_path)
    method = OverAdapter(METHODS["lora"], tmp_path)
    model = method.attach(load(tiny_model_folder, numbers=numbers), seed=0)
    alone = logits_of(trained)
    assert relative(logits_of(model).float(), alone.float()) < 0.05
    with bare(model):
        assert relative(logits_of(model).float(), alone.float()) > 0.1
    examples = examples_of([5, 31], seed=4)
    prepare_for_packing(model, examples[0])
    packed_loss(model, pack(examples)).loss.backward()
    assert all(each.grad is not None for each in method.trainable(model).values())


def test_behind_the_port_it_is_one_model_whose_base_is_the_base(tmp_path: Path) -> None:
    lower(tmp_path / "lower")
    method, model = stacked("lora", tmp_path / "lower")
    shaken(method.trainable(model))
    found = open_language_model(model)
    assert found.forward == "transformers: an adapter lies under another"
    assert isinstance(found, TransformersLanguageModel)
    assert kinds_in(model) == {"LORA", "STACK"}
    assert found.adapters == ("default",)
    tokens = [[5, 9, 13, 40, 7]]
    plain = TransformersLanguageModel(base())
    torch.testing.assert_close(found.without_adapter().hidden(tokens), plain.hidden(tokens), rtol=0, atol=0)
    assert relative(found.hidden(tokens)[0], plain.hidden(tokens)[0]) > 1e-3
    torch.testing.assert_close(found.with_adapter("default").hidden(tokens), found.hidden(tokens), rtol=0, atol=0)
    found.load_adapter("lower", tmp_path / "lower")
    alone = TransformersLanguageModel(PeftModel.from_pretrained(base(), tmp_path / "lower"))
    torch.testing.assert_close(found.with_adapter("lower").hidden(tokens), alone.hidden(tokens))
    method.save(model, {key: each.detach() for key, each in method.trainable(model).items()}, tmp_path / "stack")
    for other in (found, open_language_model(base().float())):
        with pytest.raises(UserError, match=r"trained over another one|knows no adapter weight under"):
            other.load_adapter("stack", tmp_path / "stack")


def test_a_stack_is_not_combined_as_if_it_were_its_top_alone(tmp_path: Path) -> None:
    lower(tmp_path / "lower")
    method, model = stacked("lora", tmp_path / "lower")
    method.save(model, {key: each.detach() for key, each in method.trainable(model).items()}, tmp_path / "stack")
    with pytest.raises(UserError, match="trained over another one"):
        combine(base(), [tmp_path / "stack", tmp_path / "lower"], recipe=Recipe("linear", (0.5, 0.5)))


def config(**keys: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | keys))

    return spoil


def tensors(change: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        weights = load_file(folder / "adapter_model.safetensors")
        change(weights)
        save_file(weights, folder / "adapter_model.safetensors")

    return spoil


FIRST = "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight"
SPOILT: list[tuple[Callable[[Path], object], str]] = [
    (config(peft_type="IA3"), "it is of the kind IA3"),
    (config(use_dora=True), "it has the form use_dora"),
    (config(rank_pattern={"q_proj": 3}), "it has the form rank_pattern"),
    (config(modules_to_save=["norm"]), "it has the form modules_to_save"),
    (config(bias="all"), "it changes biases"),
    (config(init_lora_weights="pissa"), "began with pissa"),
    (config(r=0), "names no rank or alpha"),
    (config(lora_alpha=None), "names no rank or alpha"),
    (tensors(lambda w: w.pop(FIRST)), "one of the two matrices of model.layers.0.mlp.down_proj is missing"),
    (tensors(lambda w: w[FIRST].fill_(float("nan"))), "holds NaN or infinity"),
    (tensors(lambda w: w.update({FIRST: torch.zeros(2, 5)})), "no linear layer model.layers.0.mlp.down_proj for"),
    (tensors(lambda w: w.update({FIRST: torch.zeros(3, 128)})), "no linear layer model.layers.0.mlp.down_proj for"),
    (tensors(lambda w: w.update(other=torch.zeros(1))), "other is no weight of plain LoRA"),
    (lambda folder: (folder / "adapter_model.safetensors").write_bytes(b"\x80"), "damaged"),
    (lambda folder: (folder / "adapter_config.json").unlink(), "there is no adapter_config.json"),
]


@pytest.mark.parametrize(("spoil", "sentence"), SPOILT, ids=[sentence for _, sentence in SPOILT])
def test_what_cannot_lie_under_is_refused_in_one_sentence(
    spoil: Callable[[Path], object], sentence: str, tmp_path: Path
) -> None:
    spoil(lower(tmp_path))
    model = base()
    with pytest.raises(UserError, match=sentence) as caught:
        OverAdapter(METHODS["lora"], tmp_path).attach(model, seed=0)
    assert "\n" not in str(caught.value)
    assert torch.equal(logits_of(model), logits_of(base()))


def test_another_base_and_a_method_that_changes_it_are_refused(tmp_path: Path) -> None:
    lower(tmp_path)
    other = LlamaForCausalLM(LlamaConfig(**{**tiny_config(), "num_hidden_layers": 1}))
    with pytest.raises(UserError, match="the model has no linear layer"):
        OverAdapter(METHODS["lora"], tmp_path).attach(other, seed=0)
    with pytest.raises(UserError, match="changes the model's own weights"):
        OverAdapter(Full(FullOptions()), tmp_path).attach(base(), seed=0)
