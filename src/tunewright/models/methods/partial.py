"""Partial fine-tuning: the last blocks, or modules by name; no gradient is computed below the lowest of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tunewright.core.errors import UserError
from tunewright.models.dropout import silence
from tunewright.models.sublayers import blocks
from tunewright.models.vocabulary import added_rows
from tunewright.models.whole import load_whole, read_trained, refuse_quantised, save_whole, whole
from tunewright.recipe.options.methods.partial import Options


class Work:
    """Some of the model's own weights train."""

    adapts = False
    learning_rate = 5e-5
    """Devlin et al., 2019 (BERT), appendix A.3: the highest of the rates that fine-tuning does well with."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def attach(self, model: Any, *, seed: int) -> Any:
        """The same model with gradients on for what trains; there is no random start, so `seed` changes nothing.

        Embedding and head train, too, where the recipe adds tokens. Raises UserError for quantised weights, for more
        blocks than there are, for a name that matches nothing, and for one of two modules that share a weight.
        """
        del seed
        refuse_quantised(model)
        silence(model)
        model.requires_grad_(False)
        for module in (*self._top(model), *self._named(model), *_for_added_tokens(model)):
            module.requires_grad_(True)
        return model

    def trainable(self, model: Any) -> dict[str, nn.Parameter]:
        """What trains; tied weights stand once, under their first name."""
        return {name: each for name, each in model.named_parameters() if each.requires_grad}

    def rates(self, model: Any) -> dict[str, float]:
        """All trains at the same rate."""
        del model
        return {}

    def content(self, model: Any, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The masters in float32, and the frozen weights in the type that the model computes in."""
        return whole(model, weights)

    def save(self, model: Any, weights: Mapping[str, Tensor], folder: Path) -> None:
        """A folder that Transformers loads: a whole `model.safetensors`, and `trained.json`, what trained of it."""
        save_whole(model, weights, folder=folder)

    def read(self, folder: Path) -> dict[str, Tensor]:
        """The masters of a saved folder."""
        return read_trained(folder)

    def load(self, model: Any, folder: Path) -> Any:
        """The model with the saved weights in place of its own, in the type it computes in."""
        return load_whole(model, folder)

    def _top(self, model: Any) -> list[nn.Module]:
        wanted = self.options.top_layers
        if not wanted:
            return []
        found = blocks(model, where="method.top_layers", do="Write top_layers: 0 and name modules.")
        if wanted > len(found):
            raise UserError(
                f"this model has {len(found)} blocks, fewer than {wanted}.",
                where="method.top_layers",
                do="Write fewer, or choose method: full.",
            )
        return list(found[-wanted:])

    def _named(self, model: Any) -> list[nn.Module]:
        named = [(name, module) for name, module in model.named_modules() if name and _has_weights(module)]
        chosen = [module for wanted in self.options.modules for module in _matching(wanted, named)]
        embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
        chosen_ends = [any(end in each.modules() for each in chosen) for end in (embedding, head)]
        if embedding.weight is head.weight and chosen_ends[0] != chosen_ends[1]:
            raise UserError(
                "in this model the embedding and the head are one weight, and only one of them is named.",
                where="method.modules",
                do=f"Name both: {_last_name(model, embedding)} and {_last_name(model, head)} will train together.",
            )
        return chosen


def _matching(wanted: str, named: Iterable[tuple[str, nn.Module]]) -> list[nn.Module]:
    found = [module for name, module in named if fnmatchcase(name, wanted) or fnmatchcase(name, f"*.{wanted}")]
    if not found:
        known = sorted({name.rpartition(".")[2] for name, _module in named} - set(map(str, range(1000))))
        raise UserError(
            f'no module with weights is called "{wanted}".',
            where="method.modules",
            do=f"This model has: {', '.join(known)}.",
        )
    return found


def _for_added_tokens(model: Any) -> list[nn.Module]:
    """Rows of tokens that nobody has seen must learn."""
    return [model.get_input_embeddings(), model.get_output_embeddings()] if added_rows(model) else []


def _has_weights(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _last_name(model: Any, module: nn.Module) -> str:
    return next(name.rpartition(".")[2] for name, each in model.named_modules() if each is module)
