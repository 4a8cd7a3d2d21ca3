"""A method that trains over an adapter: the stack is base, what lies under, and what the method adds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from tunewright.core.errors import UserError
from tunewright.core.ports import Method
from tunewright.models.forward import causal_lm
from tunewright.models.tensors import write_weights
from tunewright.models.under import FILE, UNDER, WHERE, lay_under, read_lora, read_under, under_of


class OverAdapter:
    """Another method over the LoRA adapter of a folder, which stays as it is. Fulfils the port Method.

    What is saved is the method's own folder and, in `under.safetensors`, what lay under; `load` needs no other folder,
    so that `folder` may be None where nothing will be attached.
    """

    def __init__(self, method: Method, folder: Path | None) -> None:
        self.method, self.folder = method, folder
        self.adapts, self.learning_rate = method.adapts, method.learning_rate

    def attach(self, model: Any, *, seed: int) -> Any:
        """The model with the adapter of the folder under what the method adds.

        Raises UserError for a method that changes the base itself, and for an adapter that cannot lie under another.
        """
        if not self.method.adapts:
            raise UserError(
                "this method changes the model's own weights, so that an adapter under it would not stay as it is.",
                where=WHERE,
                do="Merge the adapter and train the merged model, or choose method: lora, bottleneck or ia3.",
            )
        assert self.folder is not None, "given wherever something is trained"
        lay_under(model, read_lora(self.folder))
        return self.method.attach(model, seed=seed)

    def trainable(self, model: Any) -> dict[str, Any]:
        """What the method trains; nothing of what lies under."""
        return self.method.trainable(model)

    def rates(self, model: Any) -> dict[str, float]:
        """The method's own."""
        return self.method.rates(model)

    def content(self, model: Any, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the method writes, and what lies under."""
        return self.method.content(model, weights) | _tensors(model)

    def save(self, model: Any, weights: Mapping[str, Tensor], folder: Path) -> None:
        """The method's folder with `under.safetensors` in it."""
        self.method.save(model, weights, folder)
        write_weights(folder / FILE, _tensors(model))

    def read(self, folder: Path) -> dict[str, Tensor]:
        """The masters that `save` wrote."""
        return {name: each for name, each in self.method.read(folder).items() if not name.startswith(f"{UNDER}.")}

    def load(self, model: Any, folder: Path) -> Any:
        """The whole stack, for use."""
        lay_under(model, read_under(folder))
        return self.method.load(model, folder)


def _tensors(model: Any) -> dict[str, Tensor]:
    under = under_of(causal_lm(model))
    return under.tensors() if under is not None else {}
