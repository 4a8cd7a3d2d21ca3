"""LoRA through PEFT (Hu et al., 2021, arXiv 2106.09685, equation 3): h = W x + s B A x, in all its forms."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn

from tunewright.core.errors import UserError
from tunewright.models import pissa
from tunewright.models.drawn import draw_uniform
from tunewright.models.dropout import CLOCK, DropoutClock, SeededDropout, silence
from tunewright.models.targets import beside, targets, turned
from tunewright.models.tensors import read_weights, write_weights
from tunewright.models.vocabulary import token_rows
from tunewright.recipe.options.methods.lora import Options

ADAPTER = "default"
INNER = (
    (f".modules_to_save.{ADAPTER}.", "."),
    (f".lora_magnitude_vector.{ADAPTER}.weight", ".lora_magnitude_vector"),
    (f".token_adapter.trainable_tokens_delta.{ADAPTER}", ".token_adapter.trainable_tokens_delta"),
    (f".{ADAPTER}.", "."),
)
"""From PEFT's names of live parameters to those under which it saves them."""


class Work:
    """Low-rank matrices beside frozen weights."""

    learning_rate = 2e-4
    """Dettmers et al., 2023 (arXiv 2305.14314), table 9, for small models."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.adapts = options.bias == "none"
        """A bias that trains is the base's own: switching the adapter off would not bring it back."""

    def attach(self, model: Any, *, seed: int) -> Any:
        """A PeftModel: A drawn at random from `seed` and its own name, B zero, all else frozen.

        With `init: pissa` the start is the base's own and `seed` changes nothing. Raises UserError when a target
        matches no linear layer, or the form does not fit the weights.
        """
        silence(model)
        self._check(model)
        wrapped = get_peft_model(model, self._config(model), autocast_adapter_dtype=False)
        _compute_in(model.dtype, wrapped)
        self._check_biases(wrapped)
        layers = _layers(wrapped)
        if self.options.init == "pissa":
            pissa.split_base(wrapped, layers)
        else:
            for name, parameter in self.trainable(wrapped).items():
                if ".lora_A." in name:
                    draw_uniform(parameter, name, seed=seed)
        if self.options.dropout:
            _seed_dropout(wrapped, layers)
        return wrapped

    def trainable(self, model: Any) -> dict[str, nn.Parameter]:
        """What trains by the names under which PEFT saves it."""
        return {_saved_name(name): each for name, each in model.named_parameters() if each.requires_grad}

    def rates(self, model: Any) -> dict[str, float]:
        """LoRA+: B learns faster than A."""
        ratio = self.options.rate_ratio
        return {name: ratio for name in self.trainable(model) if ".lora_B." in name} if ratio != 1 else {}

    def content(self, model: Any, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The masters; for PiSSA the adapter of twice the rank that means the same over the original base."""
        return pissa.widen(weights, getattr(model, pissa.START, {}))

    def save(self, model: Any, weights: Mapping[str, Tensor], folder: Path) -> None:
        """`adapter_model.safetensors` and `adapter_config.json`, as plain PEFT reads them."""
        folder.mkdir(parents=True, exist_ok=True)
        write_weights(folder / "adapter_model.safetensors", self.content(model, weights))
        config = copy(model.peft_config[ADAPTER])
        if self.options.init == "pissa":
            config.r *= 2
            config.lora_alpha = pissa.doubled_alpha(config.lora_alpha, stabilised=config.use_rslora)
        config.save_pretrained(str(folder))

    def read(self, folder: Path) -> dict[str, Tensor]:
        """The masters that `save` wrote."""
        found = read_weights(folder)
        return pissa.narrow(found) if self.options.init == "pissa" else found

    def load(self, model: Any, folder: Path) -> Any:
        """The model with a saved adapter, in the type of its products, for use."""
        wrapped = PeftModel.from_pretrained(model, folder, autocast_adapter_dtype=False)
        _compute_in(model.dtype, wrapped)
        return wrapped.eval()

    def _config(self, model: Any) -> LoraConfig:
        options, rows = self.options, token_rows(model)
        tokens: dict[str, Any] = {"trainable_token_indices": rows} if rows else {}
        return LoraConfig(
            r=options.rank,
            lora_alpha=options.alpha,  # pyright: ignore[reportArgumentType] - PEFT divides it, a float is fine
            lora_dropout=options.dropout,
            target_modules=targets(model, options.targets),
            bias=options.bias,
            fan_in_fan_out=turned(model),
            use_rslora=options.scaling == "rank_stabilised",
            use_dora=options.decomposition == "dora",
            modules_to_save=beside(model, options.also_train),
            task_type="CAUSAL_LM",
            **tokens,
        )

    def _check(self, model: Any) -> None:
        """Raise UserError for a form that these weights cannot take."""
        if self.options.init == "pissa" and getattr(model, "is_quantized", False):
            raise UserError(
                "PiSSA takes a part out of the base, and what is left, quantised, is not the quantised base less that "
                "part, so that no adapter over the plain base would mean the same.",
                where="method.init",
                do="Use init: random over quantised weights, or weights in bf16.",
            )

    def _check_biases(self, model: Any) -> None:
        """Raise UserError when biases shall train and there are none."""
        if self.options.bias == "none" or any(name.endswith(".bias") for name in self.trainable(model)):
            return
        if self.options.bias == "all":
            raise UserError("this model has no biases that could train.", where="method.bias", do="Write bias: none.")
        raise UserError(
            "none of the adapted layers has a bias.", where="method.bias", do="Write bias: none, or other targets."
        )


def _saved_name(name: str) -> str:
    for inner, saved in INNER:
        if inner in name or name.endswith(inner):
            return name.replace(inner, saved)
    return name


def _layers(model: Any) -> dict[str, Any]:
    """PEFT's adapted layers by name."""
    return {name: module for name, module in model.named_modules() if hasattr(module, "lora_A")}


def _compute_in(dtype: torch.dtype, model: Any) -> None:
    """Bring adapters over 8-bit weights to the type of products: PEFT makes them float32 there, at half the speed."""
    for layer in _layers(model).values():
        for parts in (layer.lora_A, layer.lora_B, layer.lora_magnitude_vector):
            parts.to(dtype)


def _seed_dropout(model: Any, layers: Mapping[str, Any]) -> None:
    """Put our dropout where PEFT put the library's."""
    clock = DropoutClock()
    for index, layer in enumerate(layers.values()):
        for name, dropout in layer.lora_dropout.items():
            if isinstance(dropout, nn.Dropout):
                layer.lora_dropout[name] = SeededDropout(dropout.p, index, clock)
    setattr(model, CLOCK, clock)
