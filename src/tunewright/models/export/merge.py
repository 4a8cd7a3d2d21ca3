"""A trained model as one set of plain weights: what an adapter adds becomes part of the weights that it was added to.

W' = W + s B A for LoRA and its forms, in float32 over the very weights that the adapter trained on (`export.exact`).
PEFT does the sum; tests hold it against the formulas and against the forward that was not merged.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from peft import PeftModel

from tunewright.core.errors import UserError
from tunewright.models.forward import causal_lm
from tunewright.models.heads import FACTS, FOLDER
from tunewright.models.under import fold

IN_WEIGHTS = frozenset({"LORA", "IA3"})
"""Kinds of PEFT's adapters that are a change of weights; what they do needs no module of its own."""
WHY_NOT = {
    "PREFIX_TUNING": "its keys and values stand before every text and are no weights",
    "PROMPT_TUNING": "its virtual tokens stand before every text and are no weights",
    "P_TUNING": "its virtual tokens stand before every text and are no weights",
}
OWN_MODULES = "its adapters bend what passes between the layers, and no weight of the base can do that"
DO = "Serve the base with the adapter beside it, or train with method: lora."


def check_mergeable(model: Any, *, method: str, adapts: bool) -> None:
    """Raise UserError for a method whose trained weights cannot become part of the base's."""
    kind = kind_of(model)
    if kind in IN_WEIGHTS or not (kind or adapts):
        return
    raise UserError(
        f"a model trained by {method} cannot be merged: {WHY_NOT.get(kind, OWN_MODULES)}.", where="method", do=DO
    )


def has_head(folder: Path) -> bool:
    """True for a trained model that answers with a head: a reward, classes or a number."""
    return (folder / FOLDER / FACTS).is_file()


def check_head(folder: Path, form: str) -> None:
    """Raise UserError for a head in a form that has no place for one."""
    if has_head(folder) and not form.startswith("merged-"):
        raise UserError(
            f"this model answers with a head (a reward, classes or a number), and {form} has no place for one.",
            where="--form",
            do="Export --form merged: the head lies beside it, in the folder head/.",
        )


def copy_head(source: Path, folder: Path) -> None:
    """Put the trained head, where there is one, beside the merged weights that it reads."""
    if has_head(source):
        shutil.copytree(source / FOLDER, folder / FOLDER)


def kind_of(model: Any) -> str:
    """PEFT's name of the adapter around a model; empty for a model without PEFT."""
    configs = getattr(model, "peft_config", {})
    kinds = [str(getattr(config.peft_type, "value", config.peft_type)) for config in configs.values()]
    return kinds[0] if kinds else ""


def merged(model: Any) -> Any:
    """The plain Transformers model that computes what `model` does; the given one is used up.

    The weights should be float32: a sum of bf16 weights loses most of a small delta.
    """
    fold(causal_lm(model))
    if not isinstance(model, PeftModel):
        return model
    plain: Any = model.merge_and_unload(safe_merge=True)
    plain.tie_weights()
    for name in ("peft_config", "_hf_peft_config_loaded"):
        vars(plain).pop(name, None)
    return plain.requires_grad_(False).eval()
