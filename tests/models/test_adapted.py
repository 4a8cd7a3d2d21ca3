"""Every kind of adapter behind the port of a language model: on, off, several one at a time, coats over one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from tests.models.test_language_model import STOP, greedily, items, plainly, small_model, state_of
from tests.models.test_lora_forms import shaken
from tunewright.core.errors import UserError
from tunewright.core.language_model import BASE, Request
from tunewright.models.adapted import bare, kinds_in
from tunewright.models.bottleneck import BottleneckModel
from tunewright.models.language_model import TransformersLanguageModel, open_language_model
from tunewright.models.llama.language_model import LlamaLanguageModel
from tunewright.models.methods.bottleneck import Work as Bottleneck
from tunewright.models.methods.ia3 import Work as Ia3
from tunewright.models.methods.lora import Work as Lora
from tunewright.recipe.options.methods.bottleneck import Options as BottleneckOptions
from tunewright.recipe.options.methods.ia3 import Options as Ia3Options
from tunewright.recipe.options.methods.lora import Options as LoraOptions

METHODS: dict[str, Any] = {
    "houlsby": Bottleneck(BottleneckOptions(form="houlsby", width=5)),
    "pfeiffer": Bottleneck(BottleneckOptions(form="pfeiffer", width=3)),
    "parallel": Bottleneck(BottleneckOptions(form="parallel", width=5, layers=(1,))),
    "ia3": Ia3(Ia3Options()),
    "ia3 of queries": Ia3(Ia3Options(targets=("q_proj",))),
    "lora": Lora(LoraOptions(rank=4)),
    "lora of queries": Lora(LoraOptions(rank=2, targets=("q_proj",))),
}
KINDS = {"houlsby": "BOTTLENECK", "pfeiffer": "BOTTLENECK", "parallel": "BOTTLENECK", "ia3": "IA3"}
PROMPTS = [item.prompt for item in items()]


def tuned(name: str, *, shake: bool = True) -> Any:
    """A model with one adapter around it, with weights that change what is computed."""
    model = METHODS[name].attach(small_model("llama"), seed=1)
    if shake:
        shaken(METHODS[name].trainable(model))
    return model


def saved(name: str, folder: Path) -> Path:
    model = tuned(name)
    METHODS[name].save(model, {key: each.detach() for key, each in METHODS[name].trainable(model).items()}, folder)
    return folder


def firsts(language_model: Any) -> np.ndarray:
    """Scores of the first continuations."""
    return np.concatenate([row[0].log_probabilities for row in language_model.score(items()[:3])])


@pytest.mark.parametrize("name", KINDS)
def test_it_scores_and_generates_as_plain_passes_do(name: str) -> None:
    model = tuned(name)
    found = open_language_model(model)
    assert found.forward == f"transformers: the adapter is of the kind {KINDS[name]}"
    for item, row in zip(items(), found.score(items()), strict=True):
        for number, one in enumerate(row):
            np.testing.assert_allclose(one.log_probabilities, plainly(model.eval(), item, number)[0], rtol=1e-6)
    answers = found.generate(PROMPTS, max_new_tokens=8, stop=STOP)
    assert [(answer.tokens, answer.finish) for answer in answers] == [greedily(model, p, 8) for p in PROMPTS]


@pytest.mark.parametrize("name", KINDS)
def test_without_it_there_is_the_base_and_training_is_not_disturbed(name: str) -> None:
    base = firsts(TransformersLanguageModel(small_model("llama")))
    model = tuned(name).train()
    before = state_of(model)
    found = open_language_model(model, live=True)
    on, off = firsts(found), firsts(found.without_adapter())
    np.testing.assert_array_equal(off, base)
    assert abs(on - off).max() > 1e-3
    found.without_adapter().generate(PROMPTS, max_new_tokens=4, stop=STOP)
    np.testing.assert_array_equal(firsts(found), on)
    assert state_of(model) == before
    with pytest.raises(IndexError):
        found.without_adapter().generate([(10**6,)], max_new_tokens=2, stop=STOP)
    assert state_of(model) == before
    model(input_ids=torch.tensor([PROMPTS[0]]), labels=torch.tensor([PROMPTS[0]])).loss.backward()
    assert all(each.grad is not None for each in METHODS[name].trainable(model).values())


@pytest.mark.parametrize("name", KINDS)
def test_an_adapter_at_its_start_is_not_taken_for_none(name: str) -> None:
    """Our own forward computes no such adapter: agreeing with it once, at a start of zero, must not let it in."""
    assert isinstance(open_language_model(tuned(name, shake=False), live=True), TransformersLanguageModel)


@pytest.mark.parametrize("name", KINDS)
def test_gradients_reach_what_trains(name: str) -> None:
    model = tuned(name)
    found = open_language_model(model, live=True)
    sum(row[0].sum() for row in found.log_probabilities(items()[:2])).backward()  # pyright: ignore
    assert all(bool(each.grad.any()) for each in METHODS[name].trainable(model).values())


def expected_of(name: str) -> np.ndarray:
    return firsts(TransformersLanguageModel(tuned(name)))


@pytest.mark.parametrize(
    "names", [("houlsby", "pfeiffer", "parallel"), ("ia3", "ia3 of queries"), ("lora", "lora of queries")], ids=str
)
@pytest.mark.parametrize("opened_with", ["nothing", "one"])
def test_several_of_a_kind_are_used_one_at_a_time(names: tuple[str, ...], opened_with: str, tmp_path: Path) -> None:
    model = small_model("llama") if opened_with == "nothing" else tuned(names[0])
    found = TransformersLanguageModel(model)
    early_view = found.without_adapter()
    base, opened = firsts(TransformersLanguageModel(small_model("llama"))), firsts(found)
    for name in names:
        found.load_adapter(name, saved(name, tmp_path / name))
    assert set(names) <= set(found.adapters)
    for name in (*names, *reversed(names)):
        np.testing.assert_allclose(firsts(found.with_adapter(name)), expected_of(name), rtol=1e-6)
    np.testing.assert_array_equal(firsts(found), opened)
    for view in (early_view, found.without_adapter()):
        np.testing.assert_array_equal(firsts(view), base if view.name == BASE else opened)
    requests = [Request(PROMPTS[0], 6, STOP, adapter=name) for name in (*names, BASE, "")]
    answers = found.answer(requests)
    for request, answer in zip(requests, answers, strict=True):
        alone = tuned(request.adapter) if request.adapter in METHODS else small_model("llama")
        alone = model if request.adapter == "" and opened_with == "one" else alone
        with bare(alone) if request.adapter == BASE else bare(None):
            assert (answer.tokens, answer.finish) == greedily(alone.eval(), PROMPTS[0], 6)
    for name in names:
        found.unload_adapter(name)
        np.testing.assert_array_equal(firsts(found), opened)
    with pytest.raises(UserError, match="no adapter is loaded under the name"):
        found.with_adapter(names[0])
    found.load_adapter("again", tmp_path / names[1])
    np.testing.assert_allclose(firsts(found.with_adapter("again")), expected_of(names[1]), rtol=1e-6)


@pytest.mark.parametrize("order", [("lora", "houlsby"), ("houlsby", "lora"), ("ia3", "pfeiffer"), ("pfeiffer", "ia3")])
def test_bottlenecks_and_pefts_adapters_share_a_base(order: tuple[str, str], tmp_path: Path) -> None:
    found = TransformersLanguageModel(small_model("llama"))
    for name in order:
        found.load_adapter(name, saved(name, tmp_path / name))
    assert kinds_in(found.model) == {"BOTTLENECK", "LORA" if "lora" in order else "IA3"}
    for name in order:
        np.testing.assert_allclose(firsts(found.with_adapter(name)), expected_of(name), rtol=1e-6)
    np.testing.assert_array_equal(firsts(found), firsts(TransformersLanguageModel(small_model("llama"))))


def test_a_bottleneck_over_an_adapter_is_used_with_it(tmp_path: Path) -> None:
    """Opened as a stack, "" is both; `disable_adapter` of the outer one leaves what it was trained over."""
    under = get_peft_model(small_model("llama"), LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=False))
    alone = firsts(TransformersLanguageModel(under))
    model = BottleneckModel(under)
    method = METHODS["houlsby"]
    adapter = model.add_adapter("default", tuned("houlsby").adapters["default"].form)
    shaken(dict(adapter.named_parameters()))
    found = open_language_model(model)
    assert found.forward.startswith("transformers: ")
    both = firsts(found)
    assert abs(both - alone).max() > 1e-3
    np.testing.assert_array_equal(
        firsts(found.without_adapter()), firsts(TransformersLanguageModel(small_model("llama")))
    )
    with model.disable_adapter():
        np.testing.assert_array_equal(firsts(found), alone)
    np.testing.assert_array_equal(firsts(found), both)
    del method


def nan(folder: Path) -> None:
    weights = load_file(folder / "adapter_model.safetensors")
    weights[sorted(weights)[0]].fill_(float("nan"))
    save_file(weights, folder / "adapter_model.safetensors")


def halved(folder: Path) -> None:
    weights = load_file(folder / "adapter_model.safetensors")
    save_file({name: weights[name] for name in sorted(weights)[::2]}, folder / "adapter_model.safetensors")


def cut(folder: Path) -> None:
    file = folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-8])


def narrow(folder: Path) -> None:
    weights = load_file(folder / "adapter_model.safetensors")
    first = next(name for name in sorted(weights) if weights[name].ndim == 2)
    weights[first] = weights[first][:, :0].contiguous()
    save_file(weights, folder / "adapter_model.safetensors")


@pytest.mark.parametrize("spoil", [nan, halved, cut, narrow], ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("name", ["parallel", "ia3", "lora"])
def test_a_spoilt_adapter_is_refused_and_changes_nothing(name: str, spoil: Any, tmp_path: Path) -> None:
    found = TransformersLanguageModel(small_model("llama"))
    before = firsts(found)
    spoil(saved(name, tmp_path / "spoilt"))
    with pytest.raises(UserError) as caught:
        found.load_adapter("spoilt", tmp_path / "spoilt")
    assert "\n" not in str(caught.value)
    assert found.adapters == ()
    assert not any("lora" in key or "ia3" in key for key, _ in found.model.named_parameters())
    np.testing.assert_array_equal(firsts(found), before)
    found.load_adapter("whole", saved(name, tmp_path / "whole"))
    np.testing.assert_allclose(firsts(found.with_adapter("whole")), expected_of(name), rtol=1e-6)
    np.testing.assert_array_equal(firsts(found), before)


def test_two_kinds_of_pefts_adapters_do_not_share_a_base(tmp_path: Path) -> None:
    found = TransformersLanguageModel(small_model("llama"))
    found.load_adapter("lora", saved("lora", tmp_path / "lora"))
    with pytest.raises(UserError, match="this adapter is refused") as caught:
        found.load_adapter("ia3", saved("ia3", tmp_path / "ia3"))
    assert "\n" not in str(caught.value)
    assert found.adapters == ("lora",)
    np.testing.assert_allclose(firsts(found.with_adapter("lora")), expected_of("lora"), rtol=1e-6)


@pytest.mark.parametrize("name", ["parallel", "ia3"])
def test_our_own_forward_refuses_them_by_name(name: str, tmp_path: Path) -> None:
    found = open_language_model(small_model("llama"))
    assert isinstance(found, LlamaLanguageModel)
    with pytest.raises(UserError, match=r"it is a bottleneck|it is of the kind IA3"):
        found.load_adapter("other", saved(name, tmp_path))


def test_plain_peft_models_are_opened_as_before() -> None:
    model = tuned("lora")
    assert isinstance(model, PeftModel)
    assert isinstance(open_language_model(model), LlamaLanguageModel)
