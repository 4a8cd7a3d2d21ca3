"""LoRA through PEFT (Hu et al., 2021, arXiv 2106.09685, equation 3): h = W x + (alpha / r) B A x."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn

from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.models.dropout import CLOCK, DropoutClock, SeededDropout, silence
from tunewright.models.tensors import read_weights, write_weights
from tunewright.recipe.options.methods.lora import Options

ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj", "query_key_value", "c_attn", "dense", "out_proj"}


class Work:
    """Low-rank matrices beside frozen weights."""

    adapts = True
    learning_rate = 2e-4
    """Dettmers et al., 2023 (arXiv 2305.14314), table 9, for small models."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def attach(self, model: Any, *, seed: int) -> Any:
        """A PeftModel: A drawn at random from `seed` and its own name, B zero, all else frozen.

        Raises UserError when a target matches no linear layer.
        """
        silence(model)
        config = LoraConfig(
            r=self.options.rank,
            lora_alpha=self.options.alpha,  # pyright: ignore[reportArgumentType] - PEFT divides it, a float is fine
            lora_dropout=self.options.dropout,
            target_modules=self._targets(model),
            bias="none",
            task_type="CAUSAL_LM",
        )
        wrapped = get_peft_model(model, config, autocast_adapter_dtype=False)
        for name, parameter in self.trainable(wrapped).items():
            if ".lora_A." in name:
                _draw(parameter, name, seed)
        if self.options.dropout:
            _seed_dropout(wrapped)
        return wrapped

    def trainable(self, model: Any) -> dict[str, nn.Parameter]:
        """The matrices by the names under which PEFT saves them."""
        return {
            name.replace(".default.", "."): parameter
            for name, parameter in model.named_parameters()
            if parameter.requires_grad
        }

    def rates(self, model: Any) -> dict[str, float]:
        """All trains at the same rate."""
        del model
        return {}

    def content(self, model: Any, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The masters are what is saved."""
        del model
        return dict(weights)

    def read(self, folder: Path) -> dict[str, Tensor]:
        """The masters of a saved folder."""
        return read_weights(folder)

    def save(self, model: Any, weights: Mapping[str, Tensor], folder: Path) -> None:
        """`adapter_model.safetensors` and `adapter_config.json`, as plain PEFT reads them."""
        folder.mkdir(parents=True, exist_ok=True)
        write_weights(folder / "adapter_model.safetensors", weights)
        model.peft_config["default"].save_pretrained(folder)

    def load(self, model: Any, folder: Path) -> Any:
        """The model with a saved adapter, in the type of its weights, for use."""
        return PeftModel.from_pretrained(model, folder, autocast_adapter_dtype=False).eval()

    def _targets(self, model: Any) -> str | list[str]:
        targets = self.options.targets
        if isinstance(targets, str) and targets == "all-linear":
            return "all-linear"
        linear = {name for name, module in model.named_modules() if isinstance(module, nn.Linear)}
        last = {name.rpartition(".")[2] for name in linear}
        if targets == "attention":
            return sorted(ATTENTION & last) or _no_target("attention", last)
        head = model.get_output_embeddings()
        names = [name for name, module in model.named_modules() if module is head]
        for target in targets:
            if any(name == target or name.endswith(f".{target}") for name in names):
                raise UserError(
                    "the vocabulary projection cannot be adapted.", where="method.targets", do=f"Take {target} out."
                )
            if not any(name == target or name.endswith(f".{target}") for name in linear):
                _no_target(target, last)
        return list(targets)


def _no_target(target: str, known: set[str]) -> list[str]:
    raise UserError(
        f'no linear layer is called "{target}".',
        where="method.targets",
        do=f"This model has: {', '.join(sorted(known))}.",
    )


def _draw(parameter: nn.Parameter, name: str, seed: int) -> None:
    """Uniform in +-1/sqrt(in), PEFT's own start (kaiming_uniform with a = sqrt 5), one generator a matrix."""
    generator = torch.Generator().manual_seed(int(digest.of_json([seed, name])[:15], 16))
    bound = 1 / math.sqrt(parameter.shape[1])
    drawn = torch.rand(parameter.shape, generator=generator, dtype=torch.float32) * (2 * bound) - bound
    with torch.no_grad():
        parameter.copy_(drawn)


def _seed_dropout(model: Any) -> None:
    """Put our dropout where PEFT put the library's."""
    clock = DropoutClock()
    layers = [module for module in model.modules() if hasattr(module, "lora_dropout")]
    for index, layer in enumerate(layers):
        for name, dropout in layer.lora_dropout.items():
            if isinstance(dropout, nn.Dropout):
                layer.lora_dropout[name] = SeededDropout(dropout.p, index, clock)
    setattr(model, CLOCK, clock)
