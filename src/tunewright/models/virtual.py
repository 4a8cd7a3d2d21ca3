"""Virtual tokens: trained vectors that stand before every text, as a coat around a model that stays as it is.

Two sorts: a prompt of embeddings (prompt tuning, P-tuning), or keys and values of each layer (prefix tuning, P-tuning
v2). What is used is one table, a row a virtual token; in training a small network may make it. Shapes: P virtual
tokens, C width, W numbers a virtual token (C, or 2 x L x K x D of a prefix), L layers, K key-value heads, D head width.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import torch
from peft import PromptLearningConfig
from torch import Tensor, nn

from tunewright.core.errors import UserError
from tunewright.models.forward import VIRTUAL, causal_lm
from tunewright.models.inference import Body, growing_cache, layer_kinds, undisturbed

PROMPTS = ("PROMPT_TUNING", "P_TUNING")
PREFIX = "PREFIX_TUNING"
KINDS = (*PROMPTS, PREFIX)
"""PEFT's names of what is a table of virtual tokens."""
SAVED = "prompt_embeddings"
"""PEFT's name of the table."""
ATTENTION = {"full_attention", "sliding_attention"}
OTHER = "Choose method: lora."


class Heads(NamedTuple):
    """What the attention of a model keeps of a token: layers L, key-value heads K, head width D."""

    layers: int
    heads: int
    width: int

    @property
    def numbers(self) -> int:
        """Keys and values of a token."""
        return 2 * self.layers * self.heads * self.width


class LayerPrefix:
    """Keys and values of each layer from a table [P, W], laid out as PEFT does. Fulfils `packed.Prefix`."""

    def __init__(self, table_PW: Tensor, heads: Heads) -> None:
        shaped = table_PW.view(len(table_PW), 2 * heads.layers, heads.heads, heads.width)
        self._parts = shaped.permute(1, 2, 0, 3).unbind(0)

    def put(self, module: nn.Module, heads: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Keys and values [1, K, T, D] of a layer, those of its first P tokens replaced."""
        layer = cast("int", module.layer_idx)
        own = self._parts[2 * layer : 2 * layer + 2]
        put = [
            torch.cat([trained[None].to(every.dtype), every[:, :, trained.shape[1] :]], dim=2)
            for trained, every in zip(own, heads, strict=True)
        ]
        return put[0], put[1]

    def layers(self, dtype: torch.dtype) -> list[tuple[Tensor, Tensor]]:
        """Keys and values [1, K, P, D] of each layer."""
        parts = [part[None].to(dtype).contiguous() for part in self._parts]
        return list(zip(parts[0::2], parts[1::2], strict=True))


class VirtualTokens(nn.Module):
    """The virtual tokens of one adapter, float32 at least. Fulfils `forward.Virtual`.

    `encoder`: gives the table [1, P, W] for the numbers of the virtual tokens [1, P]; a plain `Embedding` holds it.
    """

    def __init__(self, config: PromptLearningConfig, encoder: nn.Module, *, model_width: int) -> None:
        super().__init__()
        self.config, self.encoder, self.model_width = config, encoder, model_width
        self.tokens: int = config.num_virtual_tokens

    @property
    def is_prefix(self) -> bool:
        """True for keys and values."""
        return kind_of(self.config) == PREFIX

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """What trains by name: the table itself under PEFT's name, or the weights of what makes it."""
        if isinstance(self.encoder, nn.Embedding):
            return {SAVED: cast("nn.Parameter", self.encoder.weight)}
        return dict(self.encoder.named_parameters())

    def table(self) -> Tensor:
        """All numbers of the virtual tokens, [P, W]."""
        places = torch.arange(self.tokens, device=next(self.encoder.parameters()).device)
        with torch.backends.cudnn.flags(enabled=False):  # its LSTM knows no gradients in evaluation mode
            return self.encoder(places[None])[0]

    def embeddings(self) -> Tensor:
        """A prompt's embeddings [P, C]; zeros where keys and values stand instead."""
        if self.is_prefix:
            return next(self.encoder.parameters()).new_zeros(self.tokens, self.model_width)
        return self.table()

    def prefix(self) -> LayerPrefix | None:
        """Keys and values; None for a prompt."""
        if not self.is_prefix:
            return None
        layers, heads, width = self.config.num_layers, self.config.num_attention_heads, self.config.token_dim
        assert layers and heads, "written or checked by us"
        return LayerPrefix(self.table(), Heads(layers, heads, width // heads))


class VirtualModel(nn.Module):
    """A model with virtual tokens, those of one adapter, or none, in use; what it wraps stays as it is.

    The interface is PEFT's where PEFT has one. Who computes finds the tokens in use on the language model (`VIRTUAL`).
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.prompts = nn.ModuleDict()
        self.active_adapter = ""
        self._off = False
        check_attends(self.get_base_model())

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

    @property
    def peft_config(self) -> dict[str, PromptLearningConfig]:
        """What each adapter is, by name."""
        return {name: cast("VirtualTokens", each).config for name, each in self.prompts.items()}

    def get_base_model(self) -> Any:
        """The language model inside everything."""
        return causal_lm(self.model)

    def tokens_of(self, name: str) -> VirtualTokens:
        """The virtual tokens of an adapter."""
        return cast("VirtualTokens", self.prompts[name])

    def forward(self, input_ids: Tensor, **given: Any) -> Any:
        """What the model inside computes behind the virtual tokens in use: logits and states of `input_ids` alone."""
        body = Body(self)
        begun = body.virtual_tokens
        if not begun:
            return self.model(input_ids, **given)
        rows, tokens = input_ids.shape
        places = torch.arange(begun, begun + tokens, device=input_ids.device).expand(rows, -1)
        seen = given.pop("attention_mask", None)
        if seen is not None:
            seen = torch.cat([seen.new_ones(rows, begun), seen], dim=1)
        cache = growing_cache(body.beginning, rows, config=body.config)
        return self.model(input_ids, past_key_values=cache, position_ids=places, attention_mask=seen, **given)

    def add_adapter(self, name: str, tokens: VirtualTokens) -> None:
        """Take in virtual tokens under a name, float32 at least; in use if they are the first."""
        wide = torch.float64 if self.dtype == torch.float64 else torch.float32
        self.prompts[name] = tokens.to(device=self.device, dtype=wide).train(self.training)
        self.active_adapter = self.active_adapter or name
        self._hang()

    def set_adapter(self, adapter_name: str) -> None:
        """Use another adapter. Raises ValueError for an unknown name."""
        if adapter_name not in self.prompts:
            raise ValueError(f"no adapter is called {adapter_name}")
        self.active_adapter = adapter_name
        self._hang()

    def delete_adapter(self, adapter_name: str) -> None:
        """Forget an adapter; where it was in use, none is."""
        del self.prompts[adapter_name]
        if self.active_adapter == adapter_name:
            self.active_adapter = ""
        self._hang()

    @contextmanager
    def disable_adapter(self) -> Generator[None]:
        """No virtual tokens in the block: what they were trained over."""
        before, self._off = self._off, True
        self._hang()
        try:
            yield
        finally:
            self._off = before
            self._hang()

    def _hang(self) -> None:
        """Put the tokens in use where whoever computes looks for them."""
        hung = vars(self.get_base_model())
        hung.pop(VIRTUAL, None)
        if self.active_adapter and not self._off:
            hung[VIRTUAL] = self.tokens_of(self.active_adapter)


def kind_of(config: Any) -> str:
    """PEFT's name of what a config describes."""
    return str(getattr(config.peft_type, "value", config.peft_type))


def check_attends(lm: Any) -> None:
    """Raise UserError for a model with layers that keep a state instead of keys and values."""
    strange = sorted(layer_kinds(lm.config) - ATTENTION)
    if strange:
        raise UserError(
            f"virtual tokens are seen through attention, and this model has {strange[0].replace('_', ' ')} layers.",
            where="method",
            do=OTHER,
        )


@torch.no_grad()
def activations(lm: Any, tokens: list[int]) -> list[tuple[Tensor, Tensor]]:
    """Keys and values [1, K, P, D] that each layer of a bare model computes for tokens."""
    with undisturbed(lm) as body:
        return body.computed_prefix(tuple(tokens))


def heads_of(lm: Any) -> Heads:
    """What a bare model's attention keeps of a token. Raises UserError where layers differ or keep something else."""
    check_attends(lm)
    found = activations(lm, [0])
    shapes = {tuple(part.shape) for pair in found for part in pair}
    if len(found) != lm.config.num_hidden_layers or len(shapes) != 1:
        raise UserError(
            f"the layers of the architecture {lm.config.model_type} keep keys and values of different shapes, and a "
            "prefix has one.",
            where="method",
            do="Choose method: prompt_tuning or lora.",
        )
    _, heads, _, width = shapes.pop()
    return Heads(len(found), heads, width)
