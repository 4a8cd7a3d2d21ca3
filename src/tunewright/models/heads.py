"""Heads: a linear map from the state of a sequence's last token to numbers, for rewards, classes and regression.

The head lies beside the model, not in it: any method may train under it, and what it saves stays as PEFT and
Transformers know it. Shapes: A sequences, C width, O outputs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.ports import Method, Outputs
from tunewright.core.workspace import write_json
from tunewright.models.config import read_json
from tunewright.models.forward import PackedBatch, causal_lm, packed_hidden
from tunewright.models.tensors import read_weights, write_weights

HEAD = "tunewright_head"
"""Where the head hangs on a language model, out of reach of its list of modules."""
FOLDER = "head"
WEIGHT = "head.weight"
FILE = "head.safetensors"
FACTS = "head.json"


class WithHead:
    """A method that also trains a head. Fulfils the port Method."""

    def __init__(self, method: Method, outputs: Outputs) -> None:
        self.method, self.outputs = method, outputs
        self.adapts, self.learning_rate = method.adapts, method.learning_rate

    def attach(self, model: Any, *, seed: int) -> Any:
        """The model as the method makes it, with a head drawn from `seed` over it."""
        attached = self.method.attach(model, seed=seed)
        lm = causal_lm(attached)
        width = lm.get_input_embeddings().weight.shape[1]
        generator = torch.Generator().manual_seed(int(digest.of_json([seed, WEIGHT])[:15], 16))
        drawn = torch.randn(self.outputs.size, width, generator=generator) / math.sqrt(width)
        _hang(lm, nn.Parameter(drawn.to(lm.device)))
        return attached

    def trainable(self, model: Any) -> dict[str, Any]:
        """What the method trains, and the head."""
        return {**self.method.trainable(model), WEIGHT: head_of(model)}

    def rates(self, model: Any) -> dict[str, float]:
        """The method's own; the head trains at the base rate."""
        return self.method.rates(model)

    def content(self, model: Any, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the method writes, and the head."""
        return {**self.method.content(model, _without(weights)), WEIGHT: weights[WEIGHT]}

    def save(self, model: Any, weights: Mapping[str, Tensor], folder: Path) -> None:
        """The method's folder, and `head/` in it: the weight [O, C] and what the outputs mean."""
        self.method.save(model, _without(weights), folder)
        (folder / FOLDER).mkdir(exist_ok=True)
        write_weights(folder / FOLDER / FILE, {WEIGHT: weights[WEIGHT]})
        write_json(folder / FOLDER / FACTS, self.outputs._asdict())

    def read(self, folder: Path) -> dict[str, Tensor]:
        """The masters that `save` wrote."""
        return {**self.method.read(folder), **read_weights(folder / FOLDER)}

    def load(self, model: Any, folder: Path) -> Any:
        """The model with what the method saved, and the head over it."""
        loaded = self.method.load(model, folder)
        weight, _ = read_head(folder)
        lm = causal_lm(loaded)
        _hang(lm, nn.Parameter(weight.to(lm.device), requires_grad=False))
        return loaded


def read_head(folder: Path) -> tuple[Tensor, Outputs]:
    """Weight [O, C] and meaning of a saved head. Raises UserError where there is none."""
    if not (folder / FOLDER / FACTS).is_file():
        raise UserError(
            "this model has no head.",
            where=str(folder),
            do="Train it with objective: reward, classification or regression.",
        )
    facts = read_json(folder / FOLDER / FACTS)
    outputs = Outputs(**{**facts, "labels": tuple(facts["labels"])})
    return read_weights(folder / FOLDER)[WEIGHT], outputs


def head_of(model: Any) -> nn.Parameter:
    """The head of a model. Raises KeyError without one."""
    return causal_lm(model).__dict__[HEAD]


def packed_outputs(model: Any, batch: PackedBatch) -> Tensor:
    """The head's numbers for each sequence of a pack [A, O], float32 at least."""
    states_AC = packed_hidden(model, batch).index_select(0, batch.last)
    return outputs(states_AC, head_of(model))


def outputs(states_AC: Tensor, weight_OC: Tensor) -> Tensor:
    """The numbers [A, O] of a head for states, computed in its own type."""
    return linear(states_AC.to(weight_OC.dtype), weight_OC)


def _hang(lm: Any, weight: nn.Parameter) -> None:
    lm.__dict__[HEAD] = weight


def _without(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: each for name, each in weights.items() if name != WEIGHT}
