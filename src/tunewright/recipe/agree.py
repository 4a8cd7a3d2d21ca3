"""Keys of different blocks that cannot stand together, whatever the model is. No pydantic here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tunewright.core.errors import Problem
from tunewright.recipe import kept_columns
from tunewright.recipe.draft import Draft
from tunewright.recipe.keys import Path, below, mapping

QUANTISED = ("int8", "nf4")
CHANGES_BASE = ("full", "partial")
"""Methods that train the base's own weights."""


def problems(draft: Draft) -> Iterator[Problem]:
    """What training would refuse once the model is loaded, and what steps would once rows are read."""
    yield from kept_columns.problems(draft)
    weights = below(draft.plain.get("model"), "weights")
    method: Any = draft.plain.get("method")
    block = mapping(method) or {"type": method}
    place: Path = ("method", "type") if mapping(method) else ("method",)
    if below(draft.plain.get("model"), "under") is not None and block.get("type") in CHANGES_BASE:
        what = f"{block['type']} changes the model's own weights, so that an adapter under it would not stay as it is."
        yield Problem(what, draft.where(place), "Choose method: lora, bottleneck or ia3.")
    if weights not in QUANTISED:
        return
    if block.get("type") in CHANGES_BASE:
        what = f"{block['type']} cannot train {weights} weights: a step is smaller than the distance of two values."
        yield Problem(what, draft.where(place), "Choose method: lora, or model.weights: bf16 or fp32.")
    if block.get("init") == "pissa":
        what = f"PiSSA cannot begin over {weights} weights: what it leaves of them would be rounded differently."
        yield Problem(what, draft.where(("method", "init")), "Use init: random, or model.weights: bf16.")
