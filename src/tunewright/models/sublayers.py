"""The parts of a decoder's blocks, whatever an architecture calls them."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from tunewright.core.errors import UserError

PARTS = {
    "attention": ("self_attn", "attn", "attention", "self_attention"),
    "mlp": ("mlp", "feed_forward", "ffn", "block_sparse_moe"),
}
"""What architectures call the two halves of a block."""


def blocks(model: Any, *, where: str, do: str) -> nn.ModuleList:
    """The blocks of a decoder, lowest first. Raises UserError, with the given place and advice, where there is none."""
    count = getattr(model.config, "num_hidden_layers", None)
    lists = (module for module in model.modules() if isinstance(module, nn.ModuleList) and len(module) == count)
    found = next(lists, None)
    if found is None:
        raise UserError(
            f"the blocks of the architecture {model.config.model_type} are not known.",
            where=where,
            do=do,
        )
    return found


def part_of(block: nn.Module, part: str, *, number: int, where: str) -> nn.Module:
    """The attention or the MLP of a block. Raises UserError where it has none, or adds to the stream by itself."""
    inside = dict(block.named_children())
    found = next((inside[name] for name in PARTS[part] if name in inside), None)
    if found is None:
        why = f"block {number} has no {part}"
    elif "residual" in inspect.signature(found.forward).parameters:
        why = f"the {part} of block {number} adds to the stream by itself"
    else:
        return found
    raise UserError(f"{why}, so no adapter can stand there.", where=where, do="Choose form: pfeiffer.")
