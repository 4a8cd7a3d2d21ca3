"""What the methods with virtual tokens share: attaching, naming, saving and loading them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import PromptLearningConfig
from torch import Tensor, nn
from torch.func import functional_call

from tunewright.core.errors import UserError
from tunewright.models.dropout import silence
from tunewright.models.forward import causal_lm
from tunewright.models.tensors import read_weights
from tunewright.models.virtual import SAVED, VirtualModel, VirtualTokens
from tunewright.models.virtual_files import read_encoder, read_virtual, write_virtual
from tunewright.models.vocabulary import refuse_added

ADAPTER = "default"
COMMON = 5000
"""Ids below this are taken for the common tokens: a vocabulary lists its pieces by how often they were met."""


class VirtualMethod(ABC):
    """Virtual tokens before every text; the model itself is frozen. Fulfils the port Method."""

    adapts = True
    name = ""

    @abstractmethod
    def made(self, lm: Any, *, seed: int) -> tuple[PromptLearningConfig, nn.Module]:
        """What the virtual tokens are, and what makes their table, at its start."""

    def attach(self, model: Any, *, seed: int) -> VirtualModel:
        """The model in a VirtualModel whose tokens train.

        Raises UserError for a model without plain attention, and for added tokens, whose rows would not train.
        """
        refuse_added(model, method=self.name)
        silence(model)
        model.requires_grad_(False)
        wrapped, lm = VirtualModel(model), causal_lm(model)
        config, encoder = self.made(lm, seed=seed)
        context = getattr(lm.config, "max_position_embeddings", None)
        if context is not None and config.num_virtual_tokens >= context:
            raise UserError(
                f"{config.num_virtual_tokens} virtual tokens leave no room: this model reads {context}.",
                where="method.tokens",
                do="Write fewer.",
            )
        width = lm.get_input_embeddings().weight.shape[1]
        wrapped.add_adapter(ADAPTER, VirtualTokens(config, encoder.requires_grad_(True), model_width=width))
        return wrapped

    def trainable(self, model: Any) -> dict[str, nn.Parameter]:
        """The table under PEFT's name, or the weights of what makes it."""
        return _tokens(model).trained

    def rates(self, model: Any) -> dict[str, float]:
        """All trains at the same rate."""
        del model
        return {}

    def content(self, model: Any, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The table that the masters make, [P, W]."""
        if SAVED in weights:
            return {SAVED: weights[SAVED].detach()}
        tokens = _tokens(model)
        places = torch.arange(tokens.tokens, device=next(iter(weights.values())).device)[None]
        with torch.no_grad(), torch.backends.cudnn.flags(enabled=False):
            return {SAVED: functional_call(tokens.encoder, dict(weights), (places,))[0]}

    def save(self, model: Any, weights: Mapping[str, Tensor], folder: Path) -> None:
        """The table as plain PEFT reads it, and the masters in `encoder/` where a network makes it."""
        encoder = {} if SAVED in weights else {name: each.detach() for name, each in weights.items()}
        table = self.content(model, weights)[SAVED]
        write_virtual(folder, _tokens(model).config, table=table, encoder=encoder)

    def read(self, folder: Path) -> dict[str, Tensor]:
        """The masters that `save` wrote."""
        return read_encoder(folder) if self.encodes else {SAVED: read_weights(folder)[SAVED]}

    def load(self, model: Any, folder: Path) -> VirtualModel:
        """The model with saved virtual tokens, for use. Raises UserError for spoilt ones."""
        wrapped = VirtualModel(model)
        read_virtual(wrapped, ADAPTER, folder=folder)
        return wrapped.eval()

    @property
    def encodes(self) -> bool:
        """True where a network makes the table."""
        return False


def _tokens(model: Any) -> VirtualTokens:
    return model.tokens_of(ADAPTER)


def held(table_PW: Tensor) -> nn.Embedding:
    """A table that trains itself."""
    tokens, numbers = table_PW.shape
    return nn.Embedding(tokens, numbers, _weight=table_PW)


def common_tokens(lm: Any, count: int, *, generator: torch.Generator) -> list[int]:
    """Ids drawn from the common tokens of a model, each once while they last; special ones left out."""
    special = {getattr(lm.config, key, None) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    ids = [each for each in range(min(COMMON, lm.get_input_embeddings().weight.shape[0])) if each not in special]
    order = torch.randperm(len(ids), generator=generator).tolist()
    return [ids[order[at % len(order)]] for at in range(count)]
