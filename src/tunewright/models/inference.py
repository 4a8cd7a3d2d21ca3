"""A model as evaluation sees it: passes without gradient that leave a training model exactly as they found it.

A method's virtual tokens begin every row: they are computed once, as the first tokens of the shared prefix. Shapes: B
rows, T tokens of the longest row, P tokens of a shared prefix, N read positions, C width, V vocabulary.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from tunewright.models.forward import causal_lm, virtual_of
from tunewright.models.load import attention_of

LIBRARY_KERNELS = frozenset({"sdpa", "eager"})
PREFIX_TOKENS = 8
"""A shared prefix shorter than this is cheaper to compute again than to carry."""


class Seen(NamedTuple):
    """A row of a pass: its tokens, their places behind the prefix, and which each sees, [T, T] (None: causal)."""

    tokens: list[int]
    depth: list[int]
    sees: NDArray[np.bool_] | None = None


class Passes(Protocol):
    """Computes rows: what scoring needs of a model, whoever computes."""

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        ...

    def takes_masks(self, longest: int) -> bool:
        """True when rows up to `longest` tokens may share a prefix and branch."""
        ...

    def computed_prefix(self, tokens: tuple[int, ...]) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of each layer for a prefix."""
        ...

    def states(self, rows: Sequence[Seen], prefix: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, list[int]]:
        """States after the last norm, all rows behind one another [M, C], and where each row begins."""
        ...

    def logits(self, hidden_NC: Tensor) -> Tensor:
        """Scores of the vocabulary [N, V], float32 at least."""
        ...


class PrefixLayer(DynamicLayer):
    """One layer's keys and values of a prefix, batch 1: joined to the rows of a pass, which are not kept."""

    def update(self, key_states: Tensor, value_states: Tensor, *_args: Any, **_kwargs: Any) -> tuple[Tensor, Tensor]:
        """Keys and values of prefix and rows, [B, K, P + T, D]."""
        rows = key_states.shape[0]
        keys, values = self.keys, self.values
        assert keys is not None and values is not None, "made by `computed_prefix`, which fills both"
        joined = (
            torch.cat([old.expand(rows, -1, -1, -1), new], dim=-2)
            for old, new in zip((keys, values), (key_states, value_states), strict=True)
        )
        return next(joined), next(joined)


class Body:
    """A decoder and its head behind one face, for any Transformers causal model, with or without PEFT around it."""

    def __init__(self, model: Any) -> None:
        self.lm = causal_lm(model)
        self.config = self.lm.config
        self.decoder = self.lm.base_model
        takes = inspect.signature(self.decoder.forward).parameters
        self._cache_name = "cache_params" if "cache_params" in takes else "past_key_values"  # Mamba's own word

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.lm.device

    def takes_masks(self, longest: int) -> bool:
        """True when every layer sees all tokens of a row up to `longest`, through a kernel that takes boolean masks.

        Only then may rows share a prefix or branch; recurrent and sliding layers get whole rows of their own.
        """
        return self._sees_all(longest + self.virtual_tokens)

    def _sees_all(self, longest: int) -> bool:
        """The same for rows with all that begins them."""
        window = getattr(self.config, "sliding_window", None)
        plain = layer_kinds(self.config) == {"full_attention"} and attention_of(self.config) == "sdpa"
        return plain and (not window or longest <= window) and not hasattr(self.config, "alibi")

    @property
    def virtual_tokens(self) -> int:
        """Virtual tokens that begin every row."""
        virtual = virtual_of(self.lm)
        return virtual.tokens if virtual is not None else 0

    @cached_property
    def beginning(self) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of each layer for the virtual tokens, [1, K, P, D]; empty without them."""
        virtual = virtual_of(self.lm)
        if virtual is None:
            return []
        dtype = self.lm.get_input_embeddings().weight.dtype
        prefix = virtual.prefix()
        if prefix is not None:
            return prefix.layers(dtype)
        cache = DynamicCache()
        positions = torch.arange(virtual.tokens, device=self.device)[None]
        self._run(cache, inputs_embeds=virtual.embeddings().to(dtype)[None], position_ids=positions)
        return _held(cache)

    def states(self, rows: Sequence[Seen], prefix: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, list[int]]:
        """States of rows padded on the right to the longest, [B * T, C]; no real token sees padding."""
        longest = max(len(row.tokens) for row in rows)
        prefix = prefix or self.beginning
        before = prefix[0][0].shape[-2] if prefix else 0
        tokens = np.zeros((len(rows), longest), np.int64)
        positions = np.tile(np.arange(longest), (len(rows), 1))
        for at, row in enumerate(rows):
            tokens[at, : len(row.tokens)] = row.tokens
            positions[at, : len(row.depth)] = row.depth
        hidden_BTC = self.hidden(
            torch.from_numpy(tokens).to(self.device),
            positions_BT=torch.from_numpy(positions + before).to(self.device),
            mask=self._mask_of(rows, longest, before),
            cache=passing_cache(prefix),
        )
        return hidden_BTC.flatten(0, 1), [at * longest for at in range(len(rows))]

    def hidden(
        self, tokens_BT: Tensor, *, positions_BT: Tensor, mask: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """Hidden states [B, T, C] after the last norm. `mask` is boolean [B or 1, 1, T, P + T]; None: causal."""
        return self._run(cache, input_ids=tokens_BT, position_ids=positions_BT, attention_mask=mask)

    def _run(self, cache: Cache | None, **given: Any) -> Tensor:
        carried = {self._cache_name: cache} if cache is not None else {}
        return self.decoder(use_cache=cache is not None, **carried, **given).last_hidden_state

    def causal(self, longest: int, before: int) -> Tensor | None:
        """A causal mask of rows after a prefix; None where the model's own is as good, or the only right one."""
        return causal_mask(longest, before, device=self.device) if self._sees_all(longest + before) else None

    def _mask_of(self, rows: Sequence[Seen], longest: int, before: int) -> Tensor | None:
        if all(row.sees is None for row in rows):
            return self.causal(longest, before)
        mask = np.ones((len(rows), 1, longest, before + longest), np.bool_)
        mask[..., before:] = np.tri(longest, dtype=np.bool_)
        for at, row in enumerate(rows):
            if row.sees is not None:
                mask[at, 0, : len(row.sees), before : before + len(row.sees)] = row.sees
        return torch.from_numpy(mask).to(self.device)

    def logits(self, hidden_NC: Tensor) -> Tensor:
        """Scores of the vocabulary [N, V], float32 at least, with what some families do after the projection."""
        logits = self.lm.get_output_embeddings()(hidden_NC)
        logits = logits if logits.dtype == torch.float64 else logits.float()
        if scale := getattr(self.config, "logit_scale", None):  # Cohere
            logits = logits * scale
        if scale := getattr(self.config, "lm_head_multiplier", None):  # Falcon-H1
            logits = logits * scale
        if scale := getattr(self.config, "logits_scaling", None):  # Granite
            logits = logits / scale
        if cap := getattr(self.config, "final_logit_softcapping", None):  # Gemma
            logits = torch.tanh(logits / cap) * cap
        return logits

    def computed_prefix(self, tokens: tuple[int, ...]) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of each layer for what begins every row and a prefix after it, [1, K, P, D]."""
        begun = self.virtual_tokens
        cache = Cache(layers=[_filled(DynamicLayer(), *pair) for pair in self.beginning]) if begun else DynamicCache()
        ids = torch.tensor([tokens], device=self.device)
        positions = torch.arange(begun, begun + len(tokens), device=self.device)[None]
        self.hidden(ids, positions_BT=positions, mask=self.causal(len(tokens), begun), cache=cache)
        return _held(cache)


def layer_kinds(config: Any) -> set[str]:
    """The kinds of a model's layers, by Transformers' names; `recurrent` for those that keep a state."""
    recurrent = any(hasattr(config, key) for key in ("state_size", "mamba_d_state", "lru_width", "rescale_every"))
    return {*(getattr(config, "layer_types", None) or ["full_attention"]), *(["recurrent"] if recurrent else [])}


def _held(cache: Cache) -> list[tuple[Tensor, Tensor]]:
    layers = [layer for layer in cache.layers if isinstance(layer, DynamicLayer)]
    return [(layer.keys, layer.values) for layer in layers if layer.keys is not None and layer.values is not None]


def passing_cache(prefix: list[tuple[Tensor, Tensor]]) -> Cache | None:
    """A cache that shows a prefix to every row and keeps nothing; None without a prefix."""
    return Cache(layers=[_filled(PrefixLayer(), keys, values) for keys, values in prefix]) if prefix else None


def growing_cache(prefix: list[tuple[Tensor, Tensor]], rows: int, *, config: Any) -> Cache:
    """A cache that grows with each pass, beginning with a prefix in each of `rows` rows."""
    if not prefix:
        return DynamicCache(config=config)
    wide = [(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1)) for keys, values in prefix]
    return Cache(layers=[_filled(DynamicLayer(), keys, values) for keys, values in wide])


def _filled(layer: DynamicLayer, keys: Tensor, values: Tensor) -> DynamicLayer:
    layer.lazy_initialization(keys, values)
    layer.keys, layer.values = keys, values
    return layer


def shared_prefix(prompts: list[tuple[int, ...]]) -> int:
    """Tokens that all prompts begin with, leaving each at least one of its own; 0 where sharing does not pay."""
    if len(prompts) < 2:
        return 0
    low, high = min(prompts), max(prompts)
    same = next((at for at, pair in enumerate(zip(low, high, strict=False)) if pair[0] != pair[1]), len(low))
    same = min(same, min(map(len, prompts)) - 1)
    return same if same >= PREFIX_TOKENS else 0


def causal_mask(longest: int, prefix: int, *, device: torch.device) -> Tensor | None:
    """Boolean mask [1, 1, T, P + T] of rows after a prefix; None without one: the kernel's own is faster."""
    if not prefix:
        return None
    return torch.ones(longest, prefix + longest, dtype=torch.bool, device=device).tril_(prefix)[None, None]


@contextmanager
def undisturbed(
    model: Any, *, adapters: AbstractContextManager[Any] | None = None, gradients: bool = False
) -> Iterator[Body]:
    """Evaluation mode and the library's attention for the block; after it everything is as before.

    `adapters` switches them for the block, such as `models.adapted.bare`. Never `inference_mode`: some rotary
    embeddings store tensors in a pass, and training must use them.
    """
    body = Body(model)
    training = [module for module in model.modules() if module.training]
    frozen = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    attention = body.config._attn_implementation
    foreign = attention not in LIBRARY_KERNELS
    try:
        model.eval()
        if foreign:
            body.lm.set_attn_implementation(attention_of(body.config))
        with torch.set_grad_enabled(gradients), adapters or nullcontext():
            yield body
    finally:
        if foreign:
            body.lm.set_attn_implementation(attention)
        for module in training:
            module.training = True
        for parameter, needed in frozen:
            if parameter.requires_grad != needed:  # PEFT switches adapters' gradients on when it enables them again
                parameter.requires_grad_(needed)
