"""Merging: every form of LoRA over every kind of base computes after it what it did before, and what the paper says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel, PromptTuningConfig, get_peft_model
from transformers import GPT2Config, GPT2LMHeadModel

from tests.models.export.trained import logits, numbers, opener, save_plain, train_at_random
from tests.models.test_lora_forms import EVERY
from tests.models.test_lora_forms import base as random_qwen
from tunewright.core.errors import UserError
from tunewright.models.export.exact import exact_base
from tunewright.models.export.merge import check_mergeable, merged
from tunewright.models.load import load
from tunewright.models.methods.full import Work as Full
from tunewright.models.methods.lora import Work as Lora
from tunewright.models.methods.partial import Work as Partial
from tunewright.models.tensors import read_weights
from tunewright.recipe.options.methods.full import Options as FullOptions
from tunewright.recipe.options.methods.lora import Options as LoraOptions
from tunewright.recipe.options.methods.partial import Options as PartialOptions

NEAR = 2e-6
"""Relative L2 distance of scores that differ by the order of float32 sums."""


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer_folder: Path) -> Path:
    """A random untied Qwen2 with biases, in float32."""
    return save_plain(random_qwen(torch.float32), tmp_path_factory.mktemp("qwen"), tiny_tokenizer_folder)


def lora(**options: Any) -> Lora:
    return Lora(LoraOptions(**{"rank": 4, "alpha": 8, **options}))


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


def changed(method: Any, base: Path, folder: Path, *, held: Any, added: tuple[int, ...] = ()) -> tuple[float, float]:
    """Of a model trained at random: merged against unmerged, and merged against the base."""
    train_at_random(method, base, folder, as_held=held, added=added)
    exact = opener(method, base, folder, as_held=held, added=added)
    before = logits(exact())
    after = merged(exact())
    assert not isinstance(after, PeftModel)
    assert {each.dtype for each in after.parameters()} == {torch.float32}
    rows = after.get_input_embeddings().weight.shape[0]
    plain = exact_base(base, numbers=held, device="cpu", vocabulary_size=rows, added=added)
    return apart(logits(after), before), apart(logits(plain), before)


@pytest.mark.parametrize("form", EVERY)
def test_every_form_of_lora_computes_the_same_once_merged(form: str, qwen: Path, tmp_path: Path) -> None:
    same, base = changed(lora(**EVERY[form]), qwen, tmp_path, held=numbers("fp32"))
    assert same < NEAR
    assert base > 100 * NEAR, "the random steps changed nothing"


@pytest.mark.parametrize("weights", ["nf4", "int8", "bf16"])
@pytest.mark.parametrize("form", ["plain", "dora"])
def test_over_other_weights_the_delta_is_added_to_what_the_adapter_saw(
    weights: str, form: str, qwen: Path, tmp_path: Path
) -> None:
    held = numbers(weights, "bf16")
    same, base = changed(lora(**EVERY[form]), qwen, tmp_path, held=held)
    assert same < NEAR < base
    seen = logits(load(qwen, numbers=held, device="cpu"))
    plain = exact_base(qwen, numbers=held, device="cpu", vocabulary_size=512, added=())
    assert apart(logits(plain), seen) < 0.03, "float32 over the weights that were seen differs by bf16 products alone"
    if weights != "bf16":
        original = logits(load(qwen, numbers=numbers("fp32"), device="cpu"))
        assert apart(logits(plain), seen) < apart(original, seen), "these are the original weights, not those seen"


@pytest.mark.parametrize(
    "method", [Full(FullOptions()), Partial(PartialOptions(top_layers=1))], ids=["full", "partial"]
)
def test_a_model_whose_own_weights_trained_is_merged_already(method: Any, qwen: Path, tmp_path: Path) -> None:
    same, base = changed(method, qwen, tmp_path, held=numbers("bf16"))
    assert same == 0
    assert base > 100 * NEAR


@pytest.mark.parametrize("tied", [True, False])
def test_rows_of_added_tokens_become_part_of_embedding_and_head(
    tied: bool, qwen: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    base, added = (tiny_model_folder if tied else qwen), (512, 513)
    method = lora()
    same, _ = changed(method, base, tmp_path, held=numbers("fp32"), added=added)
    assert same < NEAR
    exact = opener(method, base, tmp_path, as_held=numbers("fp32"), added=added)
    plain = merged(exact())
    rows = plain.get_input_embeddings().weight
    start = exact_base(base, numbers=numbers("fp32"), device="cpu", vocabulary_size=514, added=added)
    assert rows.shape[0] == 514
    assert not torch.equal(rows[512:], start.get_input_embeddings().weight[512:])
    assert (plain.get_output_embeddings().weight is rows) == tied


def test_the_merged_weight_is_the_formula_of_the_paper(qwen: Path, tmp_path: Path) -> None:
    """W + (alpha / r) B A (Hu et al., 2021, equation 3), and DoRA's m (W + s B A) / |W + s B A| (Liu et al., 2024)."""
    name = "model.layers.0.self_attn.q_proj"
    weight = read_weights(qwen)[f"{name}.weight"].double()
    for form in ("plain", "rslora", "dora"):
        method, folder = lora(**EVERY[form]), tmp_path / form
        train_at_random(method, qwen, folder, as_held=numbers("fp32"))
        saved = {key.removeprefix("base_model.model."): each.double() for key, each in read_weights(folder).items()}
        scale = 8 / 2 if form == "rslora" else 8 / 4
        expected = weight + scale * saved[f"{name}.lora_B.weight"] @ saved[f"{name}.lora_A.weight"]
        if form == "dora":
            expected *= (saved[f"{name}.lora_magnitude_vector"] / expected.norm(dim=1))[:, None]
        found = merged(opener(method, qwen, folder, as_held=numbers("fp32"))()).get_submodule(name).weight
        assert apart(found.double(), expected) < NEAR


def test_turned_layers_are_merged_too(tiny_tokenizer_folder: Path, tmp_path: Path) -> None:
    """GPT-2 keeps its linear layers as in x out."""
    torch.manual_seed(2)
    config = GPT2Config(vocab_size=512, n_embd=64, n_layer=2, n_head=4, n_positions=128)
    base = save_plain(GPT2LMHeadModel(config), tmp_path / "base", tiny_tokenizer_folder)
    same, other = changed(lora(targets=["c_attn"]), base, tmp_path / "adapter", held=numbers("fp32"))
    assert same < NEAR < other


def test_what_is_no_change_of_weights_is_refused_with_the_reason(tiny_model_folder: Path) -> None:
    model = load(tiny_model_folder, numbers=numbers("fp32"), device="cpu")
    check_mergeable(model, method="full", adapts=False)
    with pytest.raises(
        UserError, match="bottleneck cannot be merged: its adapters bend what passes between the layers"
    ):
        check_mergeable(model, method="bottleneck", adapts=True)
    prompted = get_peft_model(model, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4))
    with pytest.raises(UserError, match="cannot be merged: its virtual tokens stand before every text"):
        check_mergeable(prompted, method="prompt", adapts=True)
