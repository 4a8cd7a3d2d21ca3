"""Combined adapters: the linear sum is exact, TIES and DARE are what their papers say, and PEFT reads the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel

from tests.models.export.trained import numbers, train_at_random
from tunewright.core.errors import UserError
from tunewright.models.combine import COMBINED, Recipe, combine, save_combined
from tunewright.models.load import load
from tunewright.models.methods.lora import Work
from tunewright.models.tensors import read_weights, write_weights
from tunewright.recipe.options.methods.lora import Options

LAYER = "base_model.model.model.layers.0.self_attn.q_proj"


def adapter(base: Path, folder: Path, *, shift: float = 0.0, **options: Any) -> Path:
    train_at_random(Work(Options(**{"rank": 4, "alpha": 8, **options})), base, folder, as_held=numbers("fp32"))
    if shift:
        path = folder / "adapter_model.safetensors"
        moved = {name: each * (1 - 2 * torch.rand_like(each) * shift) for name, each in read_weights(folder).items()}
        write_weights(path, moved)
    return folder


def delta(folder: Path) -> torch.Tensor:
    """What an adapter adds to one layer's weight, as plain PEFT reads it."""
    base = load(BASE[0], numbers=numbers("fp32"), device="cpu")
    layer: Any = PeftModel.from_pretrained(base, folder).get_submodule(LAYER)
    return layer.get_delta_weight("default").double()


BASE: list[Path] = []


@pytest.fixture(autouse=True)
def base(tiny_model_folder: Path) -> Path:
    BASE[:] = [tiny_model_folder]
    torch.manual_seed(1)
    return tiny_model_folder


def combined(base: Path, folders: list[Path], recipe: Recipe, target: Path) -> torch.Tensor:
    wrapped = combine(load(base, numbers=numbers("fp32"), device="cpu"), folders, recipe=recipe)
    assert wrapped.active_adapter == COMBINED
    save_combined(wrapped, target)
    return delta(target)


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


def test_a_linear_sum_is_exact_for_other_ranks_and_scalings_too(base: Path, tmp_path: Path) -> None:
    one = adapter(base, tmp_path / "one", scaling="rank_stabilised")
    other = adapter(base, tmp_path / "other", rank=2, alpha=3)
    found = combined(base, [one, other], Recipe("linear", (0.25, 2.0)), tmp_path / "sum")
    assert apart(found, 0.25 * delta(one) + 2 * delta(other)) < 1e-6


def test_ties_drops_small_values_elects_signs_and_averages_those_that_agree(base: Path, tmp_path: Path) -> None:
    one = adapter(base, tmp_path / "one")
    other = adapter(base, tmp_path / "other", shift=0.9)
    found = combined(base, [one, other], Recipe("ties", (1.0, 1.0), density=0.5, rank=64), tmp_path / "ties")
    trimmed = []
    for values in (delta(one), delta(other)):
        least = values.abs().flatten().sort(descending=True).values[values.numel() // 2 - 1]
        trimmed.append(torch.where(values.abs() >= least, values, torch.zeros(())))
    stacked = torch.stack(trimmed)
    agree = torch.sign(stacked) == torch.sign(stacked.sum(0))
    expected = (stacked * agree).sum(0) / agree.sum(0).clamp(min=1)
    assert apart(found, expected) < 1e-3


def test_dare_keeps_a_share_scaled_up_and_its_seed_decides_which(base: Path, tmp_path: Path) -> None:
    one, other = adapter(base, tmp_path / "one"), adapter(base, tmp_path / "other", shift=0.9)
    full = Recipe("dare", (1.0, 0.0), density=0.5, rank=64)
    found = combined(base, [one, other], full, tmp_path / "dare")
    kept = found.abs() > 1e-6
    assert 0.4 < float(kept.float().mean()) < 0.6
    assert apart(found[kept], 2 * delta(one)[kept]) < 1e-3
    again = combined(base, [one, other], full, tmp_path / "again")
    assert torch.equal(found, again)
    fresh = combined(base, [one, other], Recipe("dare", (1.0, 0.0), density=0.5, rank=64, seed=5), tmp_path / "fresh")
    assert apart(fresh, found) > 0.1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"decomposition": "dora"}, "holds magnitudes of DoRA, of which no weighted sum is defined"),
        ({"also_train": ["norm"]}, "holds modules that trained whole"),
        ({"targets": ["q_proj"]}, "these adapters change different layers"),
    ],
)
def test_what_cannot_be_summed_is_refused(options: dict[str, Any], says: str, base: Path, tmp_path: Path) -> None:
    one, other = adapter(base, tmp_path / "one"), adapter(base, tmp_path / "other", **options)
    with pytest.raises(UserError, match=says):
        combine(load(base, numbers=numbers("fp32"), device="cpu"), [one, other], recipe=Recipe("linear", (0.5, 0.5)))


def test_a_whole_model_is_no_adapter(base: Path) -> None:
    with pytest.raises(UserError, match="this model is no adapter"):
        combine(load(base, numbers=numbers("fp32"), device="cpu"), [base, base], recipe=Recipe("linear", (0.5, 0.5)))
