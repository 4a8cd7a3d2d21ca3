"""Several LoRA adapters over one base as one: a weighted sum, TIES or DARE, on what each adds to the weights.

`linear`: sum of w_i delta_i, exact, with the ranks together. `ties` (Yadav et al., 2023, arXiv 2306.01708): small
values dropped, signs elected, agreeing ones averaged. `dare` (Yu et al., 2024, arXiv 2311.03099): values dropped at
random, the rest scaled up, summed. The last two are factored again by SVD, which loses what the rank cannot hold. PEFT
computes. Shapes: R rank, I and O columns and rows of a weight.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from peft import PeftModel, get_peft_model_state_dict
from torch import Tensor

from tunewright.core.errors import UserError
from tunewright.models.tensors import write_weights
from tunewright.models.under import FILE as UNDER

Way = Literal["linear", "ties", "dare"]
IN_PEFT = {"linear": "cat", "ties": "ties_svd", "dare": "dare_linear_svd"}
COMBINED = "combined"


@dataclass(frozen=True)
class Recipe:
    """How adapters are combined. `density`: the share of values kept by `ties` and `dare`; `seed`: of DARE's draws.

    `rank`: of the result of `ties` and `dare`; None: the ranks together.
    """

    way: Way
    weights: tuple[float, ...]
    density: float = 0.5
    rank: int | None = None
    seed: int = 0


def combine(model: Any, folders: Sequence[Path], *, recipe: Recipe) -> PeftModel:
    """The base with the adapters of `folders` and, active, one more: `COMBINED`. `model` should be float32.

    Raises UserError for adapters that are more than a low-rank change of the same layers.
    """
    configs = [_config(folder) for folder in folders]
    _check(configs, folders)
    names = [f"part{number}" for number in range(len(folders))]
    wrapped = PeftModel.from_pretrained(model, folders[0], adapter_name=names[0], autocast_adapter_dtype=False)
    for name, folder in zip(names[1:], folders[1:], strict=True):
        wrapped.load_adapter(str(folder), adapter_name=name, autocast_adapter_dtype=False)
    more: dict[str, Any] = {}
    if recipe.way != "linear":
        more = {"density": recipe.density, "svd_rank": recipe.rank or sum(config["r"] for config in configs)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        tuner: Any = wrapped.base_model
        tuner.add_weighted_adapter(names, list(recipe.weights), COMBINED, combination_type=IN_PEFT[recipe.way], **more)
    wrapped.set_adapter(COMBINED)
    return wrapped


def save_combined(wrapped: PeftModel, folder: Path) -> dict[str, Tensor]:
    """Write the combined adapter as plain PEFT reads it; returns its tensors."""
    folder.mkdir(parents=True, exist_ok=True)
    weights: Mapping[str, Tensor] = get_peft_model_state_dict(
        wrapped, adapter_name=COMBINED, save_embedding_layers=False
    )
    config: Any = wrapped.peft_config[COMBINED]
    found = {name: _padded(name, each.detach().float().cpu(), config.r) for name, each in weights.items()}
    write_weights(folder / "adapter_model.safetensors", found)
    config.use_rslora = False  # what each adapter was scaled by stands in the numbers, so that the scale is 1
    config.lora_alpha, config.inference_mode = config.r, True
    config.save_pretrained(str(folder))
    return found


def _padded(name: str, matrix: Tensor, rank: int) -> Tensor:
    """A matrix with zeros up to the adapter's rank: a layer smaller than that has fewer singular values."""
    missing = rank - (matrix.shape[0] if ".lora_A." in name else matrix.shape[1])
    added = (0, 0, 0, missing) if ".lora_A." in name else (0, missing)
    return torch.nn.functional.pad(matrix, added).contiguous()


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "adapter_config.json"
    if not path.is_file():
        raise UserError("this model is no adapter.", where=str(folder), do="Combine models of method: lora.")
    if (folder / UNDER).is_file():
        raise UserError(
            "this adapter was trained over another one, and means nothing without it.",
            where=str(folder),
            do="Export the stack as --form merged, or combine adapters over the base itself.",
        )
    return json.loads(path.read_text(encoding="utf-8"))


def _check(configs: Sequence[dict[str, Any]], folders: Sequence[Path]) -> None:
    for config, folder in zip(configs, folders, strict=True):
        more = [
            what
            for key, what in (
                ("use_dora", "magnitudes of DoRA"),
                ("modules_to_save", "modules that trained whole"),
                ("trainable_token_indices", "rows of added tokens"),
            )
            if config.get(key)
        ]
        if config.get("peft_type") != "LORA":
            more = [f"an adapter of the kind {config.get('peft_type')}"]
        if config.get("bias", "none") != "none":
            more.append("biases that trained")
        if more:
            raise UserError(
                f"this adapter holds {' and '.join(more)}, of which no weighted sum is defined.",
                where=str(folder),
                do="Combine adapters of method: lora with its default form; scaling and rank may differ.",
            )
    targets = [frozenset(config["target_modules"]) for config in configs]
    if len(set(targets)) > 1:
        raise UserError(
            "these adapters change different layers.", where="method.targets", do="Train them with the same targets."
        )
