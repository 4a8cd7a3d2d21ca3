"""Packed examples compute what the same examples compute one by one, through the library's own pass."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForCausalLM, MistralConfig

from tunewright.core.errors import UserError
from tunewright.core.ports import Encoded
from tunewright.models import packed
from tunewright.models.forward import causal_lm, pack, packed_loss, prepare_for_packing
from tunewright.models.methods.lora import Work as Lora
from tunewright.models.packed import segments_of
from tunewright.recipe.options.methods.lora import Options


def examples_of(lengths: list[int], *, seed: int) -> list[Encoded]:
    rng = np.random.default_rng(seed)
    made = []
    for index, length in enumerate(lengths):
        weights = rng.choice([0.0, 1.0, 0.5], size=length).astype(np.float32)
        weights[0] = 0
        weights[-1] = 1
        made.append(Encoded(rng.integers(3, 500, length).astype(np.int32), weights, index))
    return made


def tiny(folder: Path, dtype: torch.dtype = torch.float64) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")


def random_lora(model: Any, *, dropout: float = 0.0) -> Any:
    wrapped = Lora(Options(rank=4, dropout=dropout)).attach(model, seed=3)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if ".lora_B." in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.3)
    return wrapped


def library_loss(model: Any, example: Encoded) -> torch.Tensor:
    tokens = torch.from_numpy(example.tokens.astype(np.int64))[None]
    logits = model(input_ids=tokens).logits[0, :-1]
    losses = cross_entropy(logits, tokens[0, 1:], reduction="none")
    return (losses * torch.from_numpy(example.weights[1:])).sum()


def gradients(model: Any) -> dict[str, torch.Tensor]:
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def relative(one: torch.Tensor, other: torch.Tensor) -> float:
    """Relative L2 error; gradients that are zero in truth are compared with a small absolute floor."""
    return float((one - other).norm() / other.norm().clamp(min=1e-3))


@pytest.mark.parametrize("lengths", [[5, 9, 9, 31, 2], [40], [2, 2, 2], [17, 60, 3, 61, 18, 90]])
def test_a_pack_equals_its_examples_one_by_one(tiny_model_folder: Path, lengths: list[int]) -> None:
    examples = examples_of(lengths, seed=sum(lengths))
    model = random_lora(tiny(tiny_model_folder))
    expected = sum(library_loss(model, example) for example in examples)
    expected.backward()
    by_library = gradients(model)
    prepare_for_packing(model, examples[0])
    found = packed_loss(model, pack(examples))
    found.loss.backward()
    assert float(found.loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-11)
    ours = gradients(model)
    assert set(ours) == set(by_library)
    for name, gradient in by_library.items():
        assert relative(ours[name], gradient) < 1e-10, name


def test_full_training_has_the_librarys_gradients_also_for_the_tied_head(tiny_model_folder: Path) -> None:
    examples = examples_of([12, 7, 30], seed=1)
    model = tiny(tiny_model_folder)
    sum(library_loss(model, example) for example in examples).backward()
    by_library = gradients(model)
    prepare_for_packing(model, examples[0])
    packed_loss(model, pack(examples)).loss.backward()
    ours = gradients(model)
    assert set(ours) == set(by_library)
    assert "model.embed_tokens.weight" in ours
    for name, gradient in by_library.items():
        assert relative(ours[name], gradient) < 1e-10, name


def test_long_segments_take_the_librarys_kernel_and_agree(
    tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = examples_of([40, 5, 33, 6], seed=2)
    model = random_lora(tiny(tiny_model_folder))
    prepare_for_packing(model, examples[0])
    packed_loss(model, pack(examples)).loss.backward()
    together = gradients(model)
    monkeypatch.setattr(packed, "LONG_TOKENS", 20)
    batch = pack(examples)
    assert len(batch.segments.long) == 2
    packed_loss(model, batch).loss.backward()
    for name, gradient in gradients(model).items():
        assert relative(together[name], gradient) < 1e-10, name


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_splitting_a_batch_changes_rounding_only(tiny_model_folder: Path, dropout: float) -> None:
    examples = examples_of([12, 7, 30, 9, 21], seed=4)
    model = random_lora(tiny(tiny_model_folder), dropout=dropout)
    prepare_for_packing(model, examples[0])
    model.train()
    packed_loss(model, pack(examples, seed=11)).loss.backward()
    whole = gradients(model)
    for part in (examples[3:], [examples[0]], examples[1:3]):
        packed_loss(model, pack(part, seed=11)).loss.backward()
    for name, gradient in gradients(model).items():
        assert relative(whole[name], gradient) < 1e-10, name


def test_dropout_drops_and_depends_on_the_seed_and_is_off_in_evaluation(tiny_model_folder: Path) -> None:
    examples = examples_of([30, 20], seed=6)
    model = random_lora(tiny(tiny_model_folder), dropout=0.5)
    prepare_for_packing(model, examples[0])
    model.train()
    with torch.no_grad():
        one, other = (float(packed_loss(model, pack(examples, seed=seed)).loss) for seed in (1, 2))
        again = float(packed_loss(model, pack(examples, seed=1)).loss)
        model.eval()
        off = float(packed_loss(model, pack(examples, seed=1)).loss)
    assert one == again
    assert len({one, other, off}) == 3


def test_recomputing_layers_changes_no_gradient(tiny_model_folder: Path) -> None:
    examples = examples_of([12, 7, 30], seed=8)
    model = random_lora(tiny(tiny_model_folder), dropout=0.2)
    prepare_for_packing(model, examples[0])
    model.train()
    packed_loss(model, pack(examples, seed=1)).loss.backward()
    plain = gradients(model)
    causal_lm(model).gradient_checkpointing_enable({"use_reentrant": False})
    packed_loss(model, pack(examples, seed=1)).loss.backward()
    for name, gradient in gradients(model).items():
        assert torch.equal(plain[name], gradient), name


def test_an_architecture_that_packing_does_not_know_is_refused(tiny_model_folder: Path) -> None:
    model = tiny(tiny_model_folder)
    plain = model.lm_head.forward
    model.lm_head.forward = lambda hidden: torch.tanh(plain(hidden))
    with pytest.raises(UserError, match="llama computes something that packed training does not know"):
        prepare_for_packing(model, examples_of([20], seed=1)[0])


@pytest.mark.parametrize("family", ["bloom", "mamba", "falcon"])
def test_an_architecture_that_looks_across_examples_is_refused(family: str) -> None:
    sizes = {"vocab_size": 512, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    names = {"bloom": {"n_layer": 2, "n_head": 4}, "mamba": {"state_size": 8}}.get(family, {})
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **{**sizes, **names}), dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    with pytest.raises(UserError, match="packed training does not know"):
        prepare_for_packing(model.eval(), examples_of([40], seed=1)[0])


def test_positions_that_depend_on_the_longest_example_are_refused(tiny_model_folder: Path) -> None:
    model = tiny(tiny_model_folder)
    model.config.rope_parameters = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10_000.0}
    with pytest.raises(UserError, match="depend on the longest example"):
        prepare_for_packing(model, examples_of([20], seed=1)[0])


@pytest.mark.parametrize(("window", "refused"), [(16, True), (64, False)])
def test_a_window_is_known_where_it_holds_the_example(window: int, refused: bool) -> None:
    config = MistralConfig(
        vocab_size=512,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=window,
    )
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float64, attn_implementation="sdpa").eval()
    expected = pytest.raises(UserError, match="no window shorter than an example") if refused else nullcontext()
    with expected:
        prepare_for_packing(model, examples_of([40], seed=1)[0])


def test_a_base_model_with_nan_is_refused(tiny_model_folder: Path) -> None:
    model = tiny(tiny_model_folder)
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[0, 0] = torch.nan
    with pytest.raises(UserError, match=r"model\.name: the base model computes NaN or infinity"):
        prepare_for_packing(model, examples_of([20], seed=1)[0])


def test_groups_hold_every_position_once_and_waste_little() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 400, 60)
    segments = segments_of(lengths)
    positions = torch.cat([group.positions for group in segments.groups])
    assert sorted(positions.tolist()) == list(range(int(lengths.sum())))
    padded = sum(group.count * group.longest**2 for group in segments.groups)
    assert padded <= packed.PADDING_SHARE * float((lengths.astype(float) ** 2).sum())
