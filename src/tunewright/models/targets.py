"""Which modules of a model an adapter goes to, and which train beside it: names that must match something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from transformers.pytorch_utils import Conv1D

from tunewright.core.errors import UserError

ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj", "query_key_value", "c_attn", "dense", "out_proj"}
LINEAR = (nn.Linear, Conv1D)
"""Linear layers; GPT-2 calls its own Conv1D and keeps their weights turned, as in x out."""


def targets(model: Any, asked: str | Sequence[str]) -> str | list[str]:
    """What PEFT is told: `all-linear`, or last names of layers. Raises UserError for a name that matches nothing."""
    if asked == "all-linear":
        return "all-linear"
    linear = {name for name, module in model.named_modules() if isinstance(module, LINEAR)}
    last = {name.rpartition(".")[2] for name in linear}
    if asked == "attention":
        return sorted(ATTENTION & last) or _no_target("attention", last)
    head = {name for name, module in model.named_modules() if module is model.get_output_embeddings()}
    for target in asked:
        if any(_names(target, name) for name in head):
            raise UserError(
                "the vocabulary projection cannot be adapted.", where="method.targets", do=f"Take {target} out."
            )
        if not any(_names(target, name) for name in linear):
            _no_target(target, last)
    return list(asked)


def turned(model: Any) -> bool:
    """True for a model whose linear layers keep their weights as in x out (PEFT's `fan_in_fan_out`)."""
    return any(isinstance(module, Conv1D) for module in model.modules())


def beside(model: Any, asked: Sequence[str]) -> list[str] | None:
    """Modules that train whole; None for none. Raises UserError for unknown names and for tied embeddings."""
    embeddings = (model.get_input_embeddings(), model.get_output_embeddings())
    tied = embeddings[0].weight is embeddings[1].weight
    for wanted in asked:
        found = [module for name, module in model.named_modules() if name and _names(wanted, name)]
        if not found:
            known = sorted({name.rpartition(".")[2] for name, module in model.named_modules() if name and _own(module)})
            raise UserError(
                f'no module is called "{wanted}".', where="method.also_train", do=f"This model has: {', '.join(known)}."
            )
        if tied and any(module in embeddings for module in found):
            raise UserError(
                f"{wanted} shares its weight with the embedding or the head; trained alone, one would be left behind.",
                where="method.also_train",
                do="Use model.added_tokens for new tokens, or method: full.",
            )
    return list(asked) or None


def _names(wanted: str, name: str) -> bool:
    return name == wanted or name.endswith(f".{wanted}")


def _own(module: nn.Module) -> bool:
    """True for a module with weights of its own."""
    return next(module.parameters(recurse=False), None) is not None


def _no_target(target: str, known: set[str]) -> list[str]:
    raise UserError(
        f'no linear layer is called "{target}".',
        where="method.targets",
        do=f"This model has: {', '.join(sorted(known))}.",
    )
