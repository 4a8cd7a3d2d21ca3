"""The forms that a trained model can be exported to: how each is written, and how it is read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tunewright.core.nouns import Device, Numbers, Precision
from tunewright.models.export.gguf_file import TYPES as GGUF_TYPES
from tunewright.models.export.gguf_file import check_architecture, write_gguf
from tunewright.models.export.gguf_read import unpack
from tunewright.models.export.gguf_text import check_tokenizer
from tunewright.models.export.int8 import int8_weights, write_int8
from tunewright.models.export.modelfile import modelfile
from tunewright.models.export.plain import TYPES, plain_weights, write_folder
from tunewright.models.load import load
from tunewright.models.version import GGUF
from tunewright.text.chat import ChatFormat

FORMS = ("merged-fp32", "merged-bf16", "int8", *GGUF_TYPES)
MODELFILE = "Modelfile"


@dataclass(frozen=True)
class Wanted:
    """What a form is made from besides weights: `name` for people, the recipe's system turn, how much is read."""

    form: str
    chat: ChatFormat
    name: str
    system: str | None = None
    context_tokens: int | None = None

    @property
    def is_gguf(self) -> bool:
        """True where the form is one file for llama.cpp."""
        return self.form in GGUF_TYPES


def resolve_form(asked: str, *, products: Precision) -> str:
    """`merged` is the number format that the model was trained to compute in; others are what they say."""
    if asked != "merged":
        return asked
    return "merged-bf16" if products == "bf16" else "merged-fp32"


def check_form(wanted: Wanted, config: Any) -> None:
    """Raise UserError for a model that cannot take a form, before anything is computed."""
    if wanted.is_gguf:
        check_architecture(config)
        check_tokenizer(wanted.chat)


def write_form(model: Any, wanted: Wanted, *, folder: Path) -> None:
    """Write a merged float32 model in a form."""
    folder.mkdir(parents=True, exist_ok=True)
    if wanted.is_gguf:
        path = folder / GGUF
        write_gguf(model, form=wanted.form, chat=wanted.chat, path=path, name=wanted.name)
        text = modelfile(wanted.chat, file=path.name, system=wanted.system, context_tokens=wanted.context_tokens)
        (folder / MODELFILE).write_text(text, encoding="utf-8")
    elif wanted.form == "int8":
        write_int8(model, int8_weights(model), chat=wanted.chat, folder=folder)
    else:
        dtype = TYPES[wanted.form.removeprefix("merged-")]
        write_folder(model, plain_weights(model, dtype), chat=wanted.chat, folder=folder)


def readable(folder: Path, form: str, *, scratch: Path) -> Path:
    """The folder to load a written form from: itself, or what lies in a GGUF file and nowhere else."""
    if form not in GGUF_TYPES:
        return folder
    unpack(folder / GGUF, scratch)
    return scratch


def numbers_of_form(form: str) -> Numbers:
    """How a form computes when it is read back: GGUF's blocks are unpacked to float32, so that nothing is added."""
    if form == "int8":
        return Numbers(weights="int8", products="bf16", double_quantisation=False)
    products: Precision = "bf16" if form == "merged-bf16" else "fp32"
    return Numbers(weights=products, products=products, double_quantisation=False)


def open_form(folder: Path, form: str, *, device: Device) -> Any:
    """The Transformers model of a written form's readable folder."""
    return load(folder, numbers=numbers_of_form(form), device=device)


def own_rounding(model: Any) -> Any:
    """The same model in bf16, in place: how far bf16 alone is from float32."""
    return model.to(torch.bfloat16)
