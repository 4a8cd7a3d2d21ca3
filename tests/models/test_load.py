"""Loading: precision, attention, tied weights, and one sentence for what cannot be loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.models.numbers import plain
from tunewright.core.errors import UserError
from tunewright.models.load import load, resolve_precision


@pytest.fixture
def copy(tiny_model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "model"))


@pytest.mark.parametrize(
    ("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32), ("fp64", torch.float64)]
)
def test_precision_attention_and_ties(precision: str, dtype: torch.dtype, tiny_model_folder: Path) -> None:
    model = load(tiny_model_folder, numbers=plain(precision))  # type: ignore[arg-type]
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    assert not model.training
    assert model.config._attn_implementation == "sdpa"
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_weights_are_those_of_the_file(tiny_model_folder: Path) -> None:
    model = load(tiny_model_folder, numbers=plain("fp32"))
    for name, tensor in load_file(tiny_model_folder / "model.safetensors").items():
        assert torch.equal(model.state_dict()[name], tensor)


def test_a_missing_weight_is_not_filled_with_random_numbers(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    weights.pop("model.layers.1.mlp.up_proj.weight")
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"1 weights are missing, among them model\.layers\.1\.mlp\.up_proj\.weight"):
        load(copy, numbers=plain("fp32"))


@pytest.mark.parametrize(
    "change", [{"hidden_size": 128}, {"model_type": "never_heard_of"}, {"num_attention_heads": "four"}]
)
def test_a_config_that_does_not_fit_is_one_sentence(change: dict[str, object], copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        load(copy, numbers=plain("fp32"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx2 avx512f", "fp32"),
        ("fpu avx512_bf16", "bf16"),
        ("amx_bf16 amx_tile", "bf16"),
        ("fpu avx512_bf16x", "fp32"),
    ],
)
def test_auto_precision_follows_the_processor(flags: str, expected: str, tmp_path: Path) -> None:
    if torch.cuda.is_available():  # then the processor does not decide
        expected = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n\nprocessor\t: 1\n")
    assert resolve_precision("auto", processor=tmp_path / "cpuinfo") == expected


def test_a_precision_that_was_asked_for_stands() -> None:
    assert resolve_precision("fp32") == "fp32"
    assert resolve_precision("bf16", processor=Path("/nowhere")) == "bf16"


def test_loading_leaves_nothing_on_standard_error(tiny_model_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load(tiny_model_folder, numbers=plain("fp32"))
    assert capfd.readouterr() == ("", "")
