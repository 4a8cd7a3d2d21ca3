"""The forward of the Llama family: from packed tokens to the states after the last norm.

Llama (Touvron et al., 2023, arXiv 2302.13971), Mistral, Qwen 2 and 3, SmolLM. Rounds where Transformers rounds: norms
in float32, angles in float32. Shapes: T tokens of a pass, C width, H query heads, K key-value heads, D head width,
V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, rms_norm
from transformers.activations import SiLUActivation

from tunewright.models.llama.anatomy import Anatomy, Block
from tunewright.models.llama.kernels import WIDEST, Kernels, NotCompiled
from tunewright.models.llama.projection import Projection


class Heads(NamedTuple):
    """What attention of a layer works on: queries [T, H, D], keys [T, K, D], values [T, K, D]."""

    q: Tensor
    k: Tensor
    v: Tensor


Attend = Callable[[int, Heads], Tensor]
"""(layer, heads) to [T, H * D]."""


class Products(Protocol):
    """Computes a projection with the adapters of a pass."""

    def apply(self, projection: Projection, x_TC: Tensor) -> Tensor:
        """y [T, O] of a projection."""
        ...


class Decoder:
    """The layers of a loaded model. Reads the model's own parameters: what changes there changes here."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        self.kernels: Kernels | None = None
        self.projections = tuple(
            Projection(each, index=4 * layer + place)
            for layer, block in enumerate(anatomy.layers)
            for place, each in enumerate(block.projections)
        )
        self._angles: tuple[Tensor, Tensor] | None = None

    @property
    def dtype(self) -> torch.dtype:
        """The type of states and products."""
        weight: Any = self.anatomy.embedding.weight
        return weight.dtype

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        weight: Any = self.anatomy.embedding.weight
        return weight.device

    def use(self, kernels: Kernels) -> None:
        """Compute with compiled kernels where no history is kept. Raises NotCompiled when they do not fit the model."""
        a = self.anatomy
        norms = [a.norm, *(norm for block in a.layers for norm in _norms(block) if norm is not None)]
        tensors: list[Any] = [a.embedding.weight, a.head.weight, *(norm.weight for norm in norms)]
        tensors += [module.weight for each in self.projections if each.plain for module in each.modules]
        if any(t.dtype != kernels.dtype or t.device.type != "cpu" or not t.is_contiguous() for t in tensors):
            raise NotCompiled("the weights are not all of one type on the processor")
        if not isinstance(a.activation, nn.SiLU | SiLUActivation) or a.head_width % 2 or a.head_width > WIDEST:
            raise NotCompiled("the activation or the width of a head is another one")
        self.kernels = kernels
        for projection in self.projections:
            projection.kernels = kernels

    def refresh(self) -> None:
        """See weights that were moved since the last call."""
        for projection in self.projections:
            projection.refresh()

    def hidden(self, tokens_T: Tensor, positions_T: Tensor, *, attend: Attend, products: Products) -> Tensor:
        """States [T, C] after the last norm."""
        anatomy = self.anatomy
        x: Tensor = anatomy.embedding(tokens_T)
        turn = self._rotation(positions_T)
        if self.kernels is not None and not torch.is_grad_enabled():
            return self._compiled(x, turn, attend=attend, products=products, kernels=self.kernels)
        for index, block in enumerate(anatomy.layers):
            qkv, out, gate_up, down = self.projections[4 * index : 4 * index + 4]
            h = normed(x, block.before_attention, epsilon=anatomy.epsilon)
            heads = self._heads(products.apply(qkv, h), block, turn=turn)
            x = x + products.apply(out, attend(index, heads))
            h = normed(x, block.before_mlp, epsilon=anatomy.epsilon)
            gate, up = products.apply(gate_up, h).chunk(2, -1)
            x = x + products.apply(down, anatomy.activation(gate) * up)
        return normed(x, anatomy.norm, epsilon=anatomy.epsilon)

    def logits(self, hidden_NC: Tensor) -> Tensor:
        """Scores of the vocabulary [N, V], float32 at least."""
        head: Any = self.anatomy.head
        if self.kernels is not None and self.kernels.takes(hidden_NC) and not torch.is_grad_enabled():
            return self.kernels.product(self.kernels.fitting(hidden_NC), head.weight, bias_O=head.bias).float()
        logits = linear(hidden_NC, head.weight, head.bias)
        return logits if logits.dtype == torch.float64 else logits.float()

    def _compiled(
        self, x_TC: Tensor, turn: tuple[Tensor, Tensor], *, attend: Attend, products: Products, kernels: Kernels
    ) -> Tensor:
        """The same states; `x_TC` is used up."""
        a = self.anatomy
        more: Tensor | None = None
        for index, block in enumerate(a.layers):
            qkv, out, gate_up, down = self.projections[4 * index : 4 * index + 4]
            h = kernels.norm(x_TC, more, weight_C=_weight(block.before_attention), epsilon=a.epsilon)
            joined = kernels.fitting(products.apply(qkv, h))
            norms = _weight(block.query_norm), _weight(block.key_norm)
            if block.rotary or norms[0] is not None:
                own = turn if block.rotary else None
                kernels.turn(joined, own, norms=norms, heads=(a.heads, a.kv_heads), epsilon=a.epsilon)
            heads = Heads(*joined.unflatten(-1, (-1, a.head_width)).split((a.heads, a.kv_heads, a.kv_heads), 1))
            seen = products.apply(out, attend(index, heads))
            h = kernels.norm(x_TC, seen, weight_C=_weight(block.before_mlp), epsilon=a.epsilon)
            more = products.apply(down, kernels.gated(kernels.fitting(products.apply(gate_up, h))))
        return kernels.norm(x_TC, more, weight_C=_weight(a.norm), epsilon=a.epsilon)

    def _heads(self, qkv_TO: Tensor, block: Block, *, turn: tuple[Tensor, Tensor]) -> Heads:
        """Queries and keys normed and turned where the layer does so."""
        a = self.anatomy
        heads = qkv_TO.unflatten(-1, (-1, a.head_width))
        q, k, v = heads.split((a.heads, a.kv_heads, a.kv_heads), 1)
        if block.query_norm is not None and block.key_norm is not None:
            q = normed(q, block.query_norm, epsilon=a.epsilon)
            k = normed(k, block.key_norm, epsilon=a.epsilon)
            return Heads(rotated(q, turn), rotated(k, turn), v) if block.rotary else Heads(q, k, v)
        if not block.rotary:
            return Heads(q, k, v)
        q, k = rotated(heads[:, : a.heads + a.kv_heads], turn).split((a.heads, a.kv_heads), 1)
        return Heads(q, k, v)

    def _rotation(self, positions_T: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and signed sine of each position's angles, [T, 1, D]."""
        a = self.anatomy
        angles = positions_T[:, None].float() * a.frequencies.to(positions_T.device, torch.float32)
        cos, sin = angles.cos() * a.rotary_scale, angles.sin() * a.rotary_scale
        both = torch.cat((cos, cos), -1), torch.cat((-sin, sin), -1)
        return both[0][:, None].to(self.dtype), both[1][:, None].to(self.dtype)


def _norms(block: Block) -> tuple[Any, ...]:
    return block.before_attention, block.before_mlp, block.query_norm, block.key_norm


def _weight(norm: Any) -> Any:
    return norm.weight if norm is not None else None


def normed(x: Tensor, norm: Any, *, epsilon: float) -> Tensor:
    """Root mean square norm (Zhang and Sennrich, 2019, arXiv 1910.07467), in float32 as Transformers computes it.

    In 16 and 32 bits by the library's own kernel, which rounds once where Transformers rounds twice.
    """
    if x.dtype != torch.float64:
        return rms_norm(x, x.shape[-1:], norm.weight, epsilon)
    wide = x.float()
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon)
    return norm.weight * wide.to(x.dtype)


def rotated(x_THD: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions (Su et al., 2021, arXiv 2104.09864), halves paired as Transformers does."""
    half = x_THD.shape[-1] // 2
    return x_THD * turn[0] + torch.cat((x_THD[..., half:], x_THD[..., :half]), -1) * turn[1]
