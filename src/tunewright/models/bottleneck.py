"""Bottleneck adapters as modules of our own: small layers beside or behind the parts of frozen blocks.

Shapes: C width of the model, M width in the middle; x is any tensor [..., C].
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, cast

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import gelu, relu, silu

from tunewright.core.errors import UserError
from tunewright.models.dropout import CLOCK, DropoutClock, SeededDropout
from tunewright.models.forward import causal_lm
from tunewright.models.sublayers import blocks, part_of

KIND = "BOTTLENECK"
"""What such adapters are called where PEFT's kinds are."""
ACTIVATIONS = {"relu": relu, "gelu": gelu, "silu": silu, "tanh": torch.tanh}
PLACES = {"houlsby": ("attention", "mlp"), "pfeiffer": ("block",), "parallel": ("mlp",)}
WHERE = "method.form"
OTHER = "Choose method: lora."


class Form(BaseModel):
    """What an adapter is, as `bottleneck_config.json` keeps it; `layers` are numbers of blocks from 0."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["BOTTLENECK"] = KIND
    version: Literal[1] = 1
    form: Literal["houlsby", "pfeiffer", "parallel"]
    model_width: int = Field(ge=1, le=1_000_000)
    width: int = Field(ge=1, le=1_000_000)
    activation: Literal["relu", "gelu", "silu", "tanh"]
    dropout: float = Field(ge=0, le=1)
    layers: tuple[int, ...] = Field(min_length=1)
    scale: float

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name to shape of every tensor of the adapter."""
        sides = {
            "down.weight": (self.width, self.model_width),
            "down.bias": (self.width,),
            "up.weight": (self.model_width, self.width),
            "up.bias": (self.model_width,),
        }
        places = [f"layers.{number}.{place}" for number in self.layers for place in PLACES[self.form]]
        return {f"{place}.{name}": shape for place in places for name, shape in sides.items()}


class Bottleneck(nn.Module):
    """s (W_up f(W_down x + b_down) + b_up): what is added to the stream (He et al., 2022, equation 4, with biases)."""

    def __init__(self, form: Form, dropout: nn.Module) -> None:
        super().__init__()
        self.down = nn.Linear(form.model_width, form.width)
        self.up = nn.Linear(form.width, form.model_width)
        self.dropout = dropout
        self.activation, self.scale = ACTIVATIONS[form.activation], form.scale
        for parameter in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """What is added, in the shape of x."""
        return self.scale * self.up(self.dropout(self.activation(self.down(x))))


class Adapter(nn.Module):
    """The bottlenecks of one adapter, by block and place."""

    def __init__(self, form: Form, clock: DropoutClock) -> None:
        super().__init__()
        self.form = form
        places = [(number, place) for number in form.layers for place in PLACES[form.form]]
        self.layers = nn.ModuleDict({str(number): nn.ModuleDict() for number in form.layers})
        for index, (number, place) in enumerate(places):
            dropout = SeededDropout(form.dropout, index, clock) if form.dropout else nn.Identity()
            cast("nn.ModuleDict", self.layers[str(number)])[place] = Bottleneck(form, dropout)

    def at(self, number: int, place: str) -> Bottleneck | None:
        """The bottleneck of a place, None where there is none."""
        block = dict(self.layers.named_children()).get(str(number))
        return cast("Bottleneck | None", dict(block.named_children()).get(place)) if block is not None else None


class BottleneckModel(nn.Module):
    """A model and its bottleneck adapters, one of them, or none, in use; what it wraps stays as it is.

    The interface is PEFT's where PEFT has one, so that whoever switches adapters need not know whose they are.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.adapters = nn.ModuleDict()
        self.active_adapter = ""
        self._off = False
        self._clock = DropoutClock()
        self._hooked: set[tuple[int, str]] = set()

    @property
    def config(self) -> Any:
        """The settings of the model inside."""
        return self.get_base_model().config

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.get_base_model().device

    @property
    def dtype(self) -> torch.dtype:
        """The type of products."""
        return self.get_base_model().dtype

    def get_base_model(self) -> Any:
        """The language model inside everything."""
        return causal_lm(self.model)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the model inside computes, with the adapter in use."""
        return self.model(*args, **kwargs)

    def add_adapter(self, name: str, form: Form) -> Adapter:
        """An adapter that adds nothing yet, frozen, under a name; in use if it is the first.

        Raises UserError where the model has no such block or place, or is of another width.
        """
        lm = self.get_base_model()
        if form.model_width != lm.config.hidden_size:
            what = f"the adapter is {form.model_width} values wide, and the model {lm.config.hidden_size}."
            raise UserError(what, where="method.width", do="Use the base model that it was trained on.")
        self._hook(form, blocks(lm, where=WHERE, do=OTHER))
        adapter = Adapter(form, self._clock).to(device=self.device, dtype=self.dtype).requires_grad_(False)
        self.adapters[name] = adapter.train(self.training)
        if form.dropout:
            setattr(self, CLOCK, self._clock)
        self.active_adapter = self.active_adapter or name
        return adapter

    def set_adapter(self, adapter_name: str) -> None:
        """Use another adapter. Raises ValueError for an unknown name."""
        if adapter_name not in self.adapters:
            raise ValueError(f"no adapter is called {adapter_name}")
        self.active_adapter = adapter_name

    def delete_adapter(self, adapter_name: str) -> None:
        """Forget an adapter; where it was in use, none is."""
        del self.adapters[adapter_name]
        if self.active_adapter == adapter_name:
            self.active_adapter = ""

    @contextmanager
    def disable_adapter(self) -> Generator[None]:
        """No bottleneck in the block: what the adapters were trained over."""
        before, self._off = self._off, True
        try:
            yield
        finally:
            self._off = before

    def _hook(self, form: Form, found: nn.ModuleList) -> None:
        """Listen at every place of a form, once each."""
        for number in form.layers:
            if number >= len(found):
                what = f"there is no block {number}: this model has {len(found)}, from 0."
                raise UserError(what, where="method.layers", do="Name others, or write layers: all.")
        for place in PLACES[form.form]:
            for number in form.layers:
                if (number, place) in self._hooked:
                    continue
                block = found[number]
                part = block if place == "block" else part_of(block, place, number=number, where=WHERE)
                part.register_forward_hook(partial(self._adapt, number, place), with_kwargs=True)
                self._hooked.add((number, place))

    def _adapt(self, number: int, place: str, _part: nn.Module, args: Any, kwargs: Any, out: Any) -> Any:
        """What a part of a block gives, with what the adapter in use adds to it."""
        if self._off or not self.active_adapter:
            return out
        adapter = cast("Adapter", self.adapters[self.active_adapter])
        bottleneck = adapter.at(number, place)
        if bottleneck is None:
            return out
        values = out[0] if isinstance(out, tuple) else out
        read = _given(args, kwargs) if adapter.form.form == "parallel" else values
        values = values + bottleneck(read)
        return (values, *out[1:]) if isinstance(out, tuple) else values


def _given(args: Any, kwargs: Any) -> Tensor:
    """What a part was given to read."""
    return args[0] if args else kwargs["hidden_states"]
