"""What `compare-methods` compares: names of methods and models as overrides of one recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core import catalog
from tunewright.core.errors import UserError
from tunewright.recipe import preset
from tunewright.recipe.recipe import Recipe

OWN = "recipe"
"""Stands for the recipe's own method."""
WRITTEN = "Write a method or a preset, with keys where need be: lora, dora, recipe, lora:rank=8:alpha=16."


@dataclass(frozen=True)
class Contender:
    """One method over one base model, as it was written, and the overrides that make it."""

    label: str
    method: str
    model: str
    model_sets: tuple[str, ...]
    method_sets: tuple[str, ...]

    @property
    def sets(self) -> tuple[str, ...]:
        """Overrides of the recipe, later ones over earlier ones."""
        return (*self.model_sets, *self.method_sets)


def contenders(recipe: Recipe, methods: Sequence[str], *, models: Sequence[str]) -> list[Contender]:
    """Every method over every model, models outside. None named: the recipe's own.

    Raises UserError for a name that is no method and no preset, for one that comes twice, and for a single pair.
    """
    bases = {name: _of_model(recipe, name) for name in _once(models, "--models") or [recipe.model.name]}
    ways = {name: _of_method(recipe, name) for name in _once(methods, "--methods") or [OWN]}
    if len(bases) * len(ways) < 2:
        raise UserError(
            "there is one method over one model, and nothing to compare it with.",
            where="--methods",
            do="Name some: --methods lora,bottleneck,full",
        )
    return [
        Contender(_label(recipe, method, model if len(bases) > 1 else ""), method, model, model_sets, method_sets)
        for model, model_sets in bases.items()
        for method, method_sets in ways.items()
    ]


def _label(recipe: Recipe, method: str, model: str) -> str:
    name = f"{recipe.method.type} (recipe)" if method == OWN else method
    return f"{name} · {Path(model).name if '/' in model else model}" if model else name


def _once(names: Sequence[str], where: str) -> list[str]:
    """Names that were given together or one by one."""
    found = [each.strip() for text in names for each in text.split(",") if each.strip()]
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice:
        raise UserError(f"{twice} is named twice.", where=where, do="Name each once.")
    return found


def _of_model(recipe: Recipe, name: str) -> tuple[str, ...]:
    """The overrides for a base model; a folder or file that lies here is meant before one beside the recipe."""
    if name == recipe.model.name:
        return ()
    place = str(Path(name).resolve()) if not name.startswith("builtin:") and Path(name).exists() else name
    pinned = ("model.revision=null",) if recipe.model.revision else ()
    return (f"model.name={json.dumps(place)}", *pinned)


def _of_method(recipe: Recipe, text: str) -> tuple[str, ...]:
    """The overrides for a method. One of the recipe's own type keeps the recipe's keys; any other begins anew."""
    name, *pairs = text.split(":")
    named = catalog.names("methods")
    if name not in (OWN, *named, *preset.names()):
        known = sorted({*named, *preset.names()})
        hint = catalog.nearest(name, known)
        raise UserError(f'no method and no preset is called "{name}".', where=f"--methods {text}", do=hint)
    if any(not all(pair.partition("=")) for pair in pairs):
        raise UserError("a key needs a value.", where=f"--methods {text}", do=WRITTEN)
    own = tuple(pair if _is_path(pair) else f"method.{pair}" for pair in pairs)
    if name in preset.names():
        return (*_anew(recipe), *_of_preset(name), *own)
    return own if name in (OWN, recipe.method.type) else (*_anew(recipe), f"method={name}", *own)


def _is_path(pair: str) -> bool:
    """True for a key of the recipe, such as `training.learning_rate=1e-4`; others are keys of the method."""
    first, point, _ = pair.partition("=")[0].partition(".")
    return bool(point) and first in Recipe.model_fields


def _anew(recipe: Recipe) -> tuple[str, ...]:
    """Presets of the recipe are for its own method."""
    return ("preset=[]",) if recipe.preset else ()


def _of_preset(name: str) -> tuple[str, ...]:
    """What a preset says, over what the recipe says: a preset alone lies under it."""
    tree: dict[str, Any] = {}
    for path, value in preset.values(name).items():
        *outer, last = path.split(".")
        place = tree
        for step in outer:
            place = place.setdefault(step, {})
        place[last] = value
    method: Mapping[str, Any] = tree.pop("method", {})
    rest = [f"{block}.{key}={json.dumps(value)}" for block, keys in tree.items() for key, value in keys.items()]
    return (*rest, *((f"method={json.dumps(method)}",) if method else ()))
