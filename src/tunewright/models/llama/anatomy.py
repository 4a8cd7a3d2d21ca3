"""What a decoder of the Llama family is made of, read from its config and modules; or why it is not of the family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

FAMILY = frozenset({"llama", "mistral", "qwen2", "qwen3", "smollm3"})
"""Config types whose layers are: norm, grouped attention with rotary positions, norm, gated MLP, each added."""
FIXED_ROTARY = frozenset({"default", "linear", "llama3", "yarn"})
"""Rotary scalings whose angles depend on the position alone; the others look at the longest row of a pass."""
PLAIN = frozenset(
    {
        "torch.nn.modules.linear.Linear",
        "bitsandbytes.nn.modules.Linear4bit",
        "bitsandbytes.nn.modules.Linear8bitLt",
    }
)
"""By name: whether a model has such layers is asked without importing the library that makes them."""
ATTENTION = ("q_proj", "k_proj", "v_proj")
MLP = ("gate_proj", "up_proj")


class Foreign(Exception):
    """The model is not of the family; the text says in what."""


@dataclass(frozen=True)
class Block:
    """One layer: the linear modules of each projection, and the weights of its norms."""

    qkv: tuple[Any, ...]
    out: tuple[Any, ...]
    gate_up: tuple[Any, ...]
    down: tuple[Any, ...]
    before_attention: nn.Module
    before_mlp: nn.Module
    query_norm: nn.Module | None
    key_norm: nn.Module | None
    rotary: bool
    window: int | None

    @property
    def projections(self) -> tuple[tuple[Any, ...], ...]:
        """The four projections in the order in which a pass computes them."""
        return self.qkv, self.out, self.gate_up, self.down


@dataclass(frozen=True)
class Anatomy:
    """The parts of a decoder. Widths in numbers of values; `scale` multiplies attention scores."""

    layers: tuple[Block, ...]
    width: int
    heads: int
    kv_heads: int
    head_width: int
    epsilon: float
    scale: float
    activation: Callable[[Tensor], Tensor]
    embedding: nn.Module
    norm: nn.Module
    head: nn.Module
    frequencies: Tensor
    rotary_scale: float

    @property
    def vocabulary(self) -> int:
        """Rows of the embedding."""
        return len(self.embedding.weight)  # pyright: ignore[reportArgumentType]


def anatomy_of(lm: Any) -> Anatomy:
    """The anatomy of a Transformers causal model, PEFT's layers inside it or not. Raises Foreign with the reason."""
    config = lm.config
    if config.model_type not in FAMILY:
        raise Foreign(f"the architecture {config.model_type} is not of the Llama family")
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type", "default") not in FIXED_ROTARY:
        raise Foreign(f"rotary positions of the type {rope['rope_type']} depend on the longest row of a pass")
    decoder = lm.base_model
    attention = decoder.layers[0].self_attn
    return Anatomy(
        layers=tuple(_block(layer, config, index) for index, layer in enumerate(decoder.layers)),
        width=config.hidden_size,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_width=attention.head_dim,
        epsilon=config.rms_norm_eps,
        scale=attention.scaling,
        activation=decoder.layers[0].mlp.act_fn,
        embedding=_bare(lm.get_input_embeddings(), nn.Embedding, "the embedding"),
        norm=_whole(decoder.norm, "norm"),
        head=_bare(lm.get_output_embeddings(), nn.Linear, "the head"),
        frequencies=decoder.rotary_emb.inv_freq,
        rotary_scale=float(decoder.rotary_emb.attention_scaling),
    )


def _block(layer: Any, config: Any, index: int) -> Block:
    attention, mlp = layer.self_attn, layer.mlp
    place = f"layers.{index}"
    kinds = getattr(config, "layer_types", None)
    windowed = kinds is None or kinds[index] == "sliding_attention"
    return Block(
        qkv=tuple(_linear(getattr(attention, name), f"{place}.self_attn.{name}") for name in ATTENTION),
        out=(_linear(attention.o_proj, f"{place}.self_attn.o_proj"),),
        gate_up=tuple(_linear(getattr(mlp, name), f"{place}.mlp.{name}") for name in MLP),
        down=(_linear(mlp.down_proj, f"{place}.mlp.down_proj"),),
        before_attention=_whole(layer.input_layernorm, f"{place}.input_layernorm"),
        before_mlp=_whole(layer.post_attention_layernorm, f"{place}.post_attention_layernorm"),
        query_norm=getattr(attention, "q_norm", None),
        key_norm=getattr(attention, "k_norm", None),
        rotary=bool(getattr(attention, "use_rope", True)),
        window=_window(attention, config) if windowed else None,
    )


def _window(attention: Any, config: Any) -> int | None:
    """Tokens that a layer sees back to, None for all. Mistral keeps it in the config, Qwen in the layer."""
    if hasattr(attention, "sliding_window"):
        return attention.sliding_window
    return config.sliding_window if config.model_type == "mistral" else None


def _linear(module: Any, place: str) -> Any:
    """A linear layer, bare or inside PEFT's LoRA. Raises Foreign for anything else."""
    inner = module.base_layer if hasattr(module, "lora_A") else module
    if f"{type(inner).__module__}.{type(inner).__name__}" not in PLAIN:
        raise Foreign(f"{place} is a {type(inner).__name__}, not a linear layer")
    return module


def _bare(module: Any, kind: type, place: str) -> Any:
    """A module that nobody wrapped or replaced. Raises Foreign for any other, such as one that trains in part."""
    if type(module) is not kind:
        raise Foreign(f"{place} is a {type(module).__name__}, not a plain {kind.__name__}")
    return module


def _whole(module: Any, place: str) -> Any:
    """A norm that nobody wrapped. Raises Foreign for one that trains beside an adapter."""
    if not isinstance(getattr(module, "weight", None), Tensor) or hasattr(module, "modules_to_save"):
        raise Foreign(f"{place} is a {type(module).__name__}, not a plain norm")
    return module
