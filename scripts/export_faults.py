"""Exports broken on purpose, each in one way that really happens; the proof has to find every one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tunewright.models.export.forms import Wanted, write_form
from tunewright.models.export.gguf_read import turned_back
from tunewright.models.export.merge import merged

Merge = Callable[[Any], Any]
Write = Callable[..., None]


@dataclass(frozen=True)
class Fault:
    """One way of breaking a form, and a part of the sentence that has to be said."""

    name: str
    form: str
    says: str
    merge: Merge = merged
    write: Write = write_form


def weaker(model: Any) -> Any:
    """Every delta scaled by 0.9."""
    for layer in layers(model):
        layer.scaling["default"] *= 0.9
    return merged(model)


def one_layer_left_out(model: Any) -> Any:
    """The last adapted layer is not merged."""
    torch.nn.init.zeros_(layers(model)[-1].lora_B["default"].weight)
    return merged(model)


def layers(model: Any) -> list[Any]:
    """PEFT's adapted layers."""
    return [module for module in model.modules() if hasattr(module, "lora_A")]


def spoilt(spoil: Callable[[Path], None]) -> Write:
    """A form written as it should be, and spoilt after that."""

    def write(model: Any, wanted: Wanted, *, folder: Path) -> None:
        write_form(model, wanted, folder=folder)
        spoil(folder)

    return write


def lose_the_stop(folder: Path) -> None:
    """No file names the token that ends an answer any more."""
    for name in ("generation_config.json", "config.json", "tokenizer_config.json"):
        path = folder / name
        settings = json.loads(path.read_text())
        settings.pop("eos_token_id", None)
        settings.pop("eos_token", None)
        path.write_text(json.dumps(settings))


def change_the_template(folder: Path) -> None:
    """Another text stands in front of answers."""
    path = folder / "chat_template.jinja"
    path.write_text(path.read_text().replace("assistant\n", "assistant: ").replace("assistant\\n", "assistant: "))


def change_the_tokenizer(folder: Path) -> None:
    """A space is put in front of every text."""
    path = folder / "tokenizer.json"
    settings = json.loads(path.read_text())
    settings["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    path.write_text(json.dumps(settings))


def rows_not_turned(model: Any, wanted: Wanted, *, folder: Path) -> None:
    """A GGUF file whose q and k keep Transformers' order of rows, the classical mistake of converters."""
    config = model.config
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    kept = {}
    for name, parameter in model.named_parameters():
        for part, count in heads.items():
            if f".{part}." in name:
                kept[name] = parameter.data.clone()
                parameter.data.copy_(torch.from_numpy(turned_back(parameter.data.numpy().copy(), count).copy()))
    try:
        write_form(model, wanted, folder=folder)
    finally:
        for name, parameter in model.named_parameters():
            if name in kept:
                parameter.data.copy_(kept[name])


NOT_MERGED = "the merged weights do not compute what was trained"
OTHER_TEXT = "its tokenizer or chat template writes other tokens"
FAULTS = (
    Fault("delta_0.9", "merged-bf16", NOT_MERGED, merge=weaker),
    Fault("layer_left_out", "gguf-q4_0", NOT_MERGED, merge=one_layer_left_out),
    Fault("stop_lost", "merged-bf16", "it does not stop where the trained model does", write=spoilt(lose_the_stop)),
    Fault("other_template", "merged-bf16", OTHER_TEXT, write=spoilt(change_the_template)),
    Fault("other_tokenizer", "int8", OTHER_TEXT, write=spoilt(change_the_tokenizer)),
    Fault("rows_not_turned", "gguf-q8_0", "its next-token distributions are too far", write=rows_not_turned),
)
