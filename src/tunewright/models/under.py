"""Adapters that lie under another one: LoRA that stays as it is while something else trains over it.

Each is two matrices beside a linear layer, added to what the layer gives: y + B (A x), its scale within B. They are
no part of the model's modules, so every method finds the layers that it knows. Shapes: R rank, I in, O out.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from tunewright.core.errors import UserError
from tunewright.models.adapter_config import ADAPTER_CONFIG, CHANGES_BASE, UNKNOWN_FORMS
from tunewright.models.config import read_json
from tunewright.models.weights import tensors_of

WHERE = "model.under"
KIND = "STACK"
"""What such adapters are called where PEFT's kinds are."""
UNDER = "under"
FILE = "under.safetensors"
ADAPTER = "adapter_model.safetensors"
MARK = "tunewright_under"
"""Attribute of the language model: its `Under`."""
OTHERS = ("use_dora", "modules_to_save", "trainable_token_indices")
NAME = re.compile(r"base_model\.model\.(.+)\.lora_(A|B)\.weight")
OWN_NAME = re.compile(r"under\.(\d+)\.(.+)\.(A|B)")
SERVES = "Give the folder of a plain LoRA adapter over the same base."


class Low(NamedTuple):
    """The matrices of one layer, float32 at least: A [R, I], and B [O, R] with the scale in it."""

    a: Tensor
    b: Tensor


class Under:
    """The adapters under a model: all in use, or none. Has the interface of a coat of adapters."""

    def __init__(self) -> None:
        self.layers: list[dict[str, Low]] = []
        self.active_adapter: Any = UNDER
        self.handles: list[Any] = []
        self._off = False

    def set_adapter(self, adapter_name: str) -> None:
        """There is one choice. Raises ValueError for another name."""
        if adapter_name != UNDER:
            raise ValueError(f"no adapter is called {adapter_name}")

    def delete_adapter(self, adapter_name: str) -> None:
        """Raises ValueError: what trained over it would mean nothing."""
        raise ValueError(f"{adapter_name} lies under what was trained")

    @contextmanager
    def disable_adapter(self) -> Generator[None]:
        """The model itself in the block."""
        before, self._off = self._off, True
        try:
            yield
        finally:
            self._off = before

    def tensors(self) -> dict[str, Tensor]:
        """Every matrix by the name under which it is saved."""
        return {
            f"{UNDER}.{at}.{name}.{part}": tensor
            for at, layers in enumerate(self.layers)
            for name, low in layers.items()
            for part, tensor in zip("AB", low, strict=True)
        }

    @property
    def off(self) -> bool:
        """True inside `disable_adapter`."""
        return self._off


class Adding:
    """The hook of one linear layer. Its matrices follow the type and the device of what the layer is given."""

    def __init__(self, under: Under, low: Low) -> None:
        self.under, self.low, self.used = under, low, low

    def __call__(self, _layer: nn.Module, given: Any, out: Tensor) -> Tensor:
        """What the layer gives, and what the adapter adds."""
        if self.under.off:
            return out
        x = given[0]
        if (self.used.a.dtype, self.used.a.device) != (x.dtype, x.device):
            self.used = Low(self.low.a.to(x), self.low.b.to(x))
        return out + (x @ self.used.a.T) @ self.used.b.T


def under_of(model: Any) -> Under | None:
    """What lies under a language model, None for nothing."""
    return vars(model).get(MARK)


def lay_under(lm: Any, adapters: list[dict[str, Low]]) -> None:
    """Lay adapters under a language model, the first lowest. Raises UserError where one does not fit."""
    modules = dict(lm.named_modules())
    for layers in adapters:
        for name, low in layers.items():
            _check(name, low, modules.get(name))
    under = under_of(lm) or Under()
    for layers in adapters:
        under.layers.append(layers)
        for name, low in layers.items():
            under.handles.append(modules[name].register_forward_hook(Adding(under, low)))
    vars(lm)[MARK] = under


def fold(lm: Any) -> None:
    """Make what lies under part of the weights, which should be float32: a sum in bf16 loses most of a small change."""
    under = under_of(lm)
    if under is None:
        return
    modules = dict(lm.named_modules())
    for layers in under.layers:
        for name, low in layers.items():
            layer = getattr(modules[name], "base_layer", modules[name])
            weight_OI = layer.weight.data
            weight_OI.add_((low.b @ low.a).to(device=weight_OI.device, dtype=weight_OI.dtype))
    for handle in under.handles:
        handle.remove()
    del vars(lm)[MARK]


def read_lora(folder: Path) -> list[dict[str, Low]]:
    """The plain LoRA adapter of a folder, and what lies under it in turn.

    Raises UserError for any other form, for damaged files, and for NaN.
    """
    config = _config(folder)
    scale = float(config["lora_alpha"]) / float(config["r"]) ** (0.5 if config.get("use_rslora") else 1)
    halves: dict[str, dict[str, Tensor]] = {}
    for name, tensor in _finite(folder / ADAPTER).items():
        found = NAME.fullmatch(name)
        if found is None:
            raise _refused(folder, f"{name} is no weight of plain LoRA")
        halves.setdefault(found[1], {})[found[2]] = tensor.to(torch.promote_types(tensor.dtype, torch.float32))
    lows = {name: Low(*_both(name, parts, folder)) for name, parts in halves.items()}
    return [*read_under(folder), {name: Low(low.a, low.b * scale) for name, low in lows.items()}]


def read_under(folder: Path) -> list[dict[str, Low]]:
    """What was saved as lying under the adapter of a folder; empty where nothing was."""
    if not (folder / FILE).is_file():
        return []
    halves: dict[int, dict[str, dict[str, Tensor]]] = {}
    for name, tensor in _finite(folder / FILE).items():
        found = OWN_NAME.fullmatch(name)
        if found is None:
            raise _refused(folder, f"{name} is no name of a weight in {FILE}")
        halves.setdefault(int(found[1]), {}).setdefault(found[2], {})[found[3]] = tensor
    return [
        {name: Low(*_both(name, parts, folder)) for name, parts in layers.items()}
        for _, layers in sorted(halves.items())
    ]


def _config(folder: Path) -> Mapping[str, Any]:
    path = folder / ADAPTER_CONFIG
    if not path.is_file() or not (folder / ADAPTER).is_file():
        raise _refused(folder, f"there is no {ADAPTER_CONFIG} with {ADAPTER}")
    config = read_json(path)
    start = config.get("init_lora_weights")
    strange = [key for key in (*UNKNOWN_FORMS, *OTHERS) if config.get(key)]
    if config.get("peft_type") != "LORA":
        why = f"it is of the kind {config.get('peft_type')}"
    elif strange:
        why = f"it has the form {strange[0]}"
    elif config.get("bias", "none") != "none":
        why = "it changes biases"
    elif isinstance(start, str) and start.startswith(CHANGES_BASE):
        why = f"it began with {start}, which changes the base"
    elif not (_is_number(config.get("r")) and _is_number(config.get("lora_alpha"))):
        why = "it names no rank or alpha"
    else:
        return config
    raise _refused(folder, why)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _finite(path: Path) -> dict[str, Tensor]:
    tensors_of(path)
    try:
        found = load_file(path)
    except SafetensorError as error:
        raise _refused(path, f"it cannot be read ({error})") from error
    spoilt = next((name for name, tensor in found.items() if not bool(torch.isfinite(tensor).all())), None)
    if spoilt is not None:
        raise _refused(path, f"{spoilt} holds NaN or infinity")
    return found


def _both(name: str, parts: Mapping[str, Tensor], folder: Path) -> tuple[Tensor, Tensor]:
    if set(parts) != {"A", "B"}:
        raise _refused(folder, f"one of the two matrices of {name} is missing")
    return parts["A"], parts["B"]


def _check(name: str, low: Low, layer: Any) -> None:
    """Raise UserError unless a layer is linear and of these sides."""
    sides = (getattr(layer, "in_features", None), getattr(layer, "out_features", None))
    fits = low.a.ndim == low.b.ndim == 2 and low.a.shape[0] == low.b.shape[1]
    if layer is None or not fits or (low.a.shape[1], low.b.shape[0]) != sides:
        shapes = f"{list(low.a.shape)} and {list(low.b.shape)}"
        raise UserError(f"the model has no linear layer {name} for the shapes {shapes}.", where=WHERE, do=SERVES)


def _refused(where: Path, why: str) -> UserError:
    return UserError(f"this adapter cannot lie under another: {why}.", where=str(where), do=SERVES)
