"""Options of continued pre-training on plain text."""

from __future__ import annotations

from typing import ClassVar, Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """Next-token cross-entropy on every token of plain text, in windows of `data.max_tokens`."""

    type: Literal["pretrain"] = "pretrain"
    version: Literal[1] = 1
    loss_on: ClassVar[Literal["all"]] = "all"
    rows: ClassVar[Literal["documents"]] = "documents"
