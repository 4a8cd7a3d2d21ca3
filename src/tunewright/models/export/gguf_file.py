"""A GGUF file of a model of the Llama family, with the package `gguf`: f16, Q8_0 or Q4_0.

Names, the turned q and k of the Llama architecture, and what stays float32 follow llama.cpp's converter (build 11434,
`conversion/llama.py`, read 2026-11-30). In Q4_0 the vocabulary's two matrices are Q8_0, as the package has no Q6_K.
Shapes: O rows of W, I columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from gguf import MODEL_ARCH, GGMLQuantizationType, GGUFWriter, LlamaFileType, RopeScalingType, get_tensor_name_map
from gguf.quants import quantize
from numpy.typing import NDArray

from tunewright.core.errors import UserError
from tunewright.models.export.gguf_text import check_tokenizer, write_text_keys
from tunewright.models.gguf_rope import FACTORS, divisors
from tunewright.models.whole import whole
from tunewright.text.chat import ChatFormat

ARCHITECTURES = {
    "llama": MODEL_ARCH.LLAMA,
    "mistral": MODEL_ARCH.LLAMA,
    "qwen2": MODEL_ARCH.QWEN2,
    "qwen3": MODEL_ARCH.QWEN3,
}
TYPES = {
    "gguf-f16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
    "gguf-q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
    "gguf-q4_0": (GGMLQuantizationType.Q4_0, LlamaFileType.MOSTLY_Q4_0),
}
VOCABULARY = ("token_embd.weight", "output.weight")
BLOCK = 32
"""Values that share a scale in Q8_0 and Q4_0; a row of another length stays f16."""
LARGEST = 65504.0
"""The largest number of f16."""


def check_architecture(config: Any) -> None:
    """Raise UserError for a model that this writer does not know."""
    kind = config.model_type
    if kind not in ARCHITECTURES:
        raise _unknown(f"its architecture is {kind}, and known are {', '.join(sorted(ARCHITECTURES))}")
    rope = _rope(config)
    if rope.get("rope_type", "default") not in ("default", "linear", "llama3"):
        raise _unknown(f"its rotary positions are scaled by {rope['rope_type']}")
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        raise _unknown("its layers see a window of the text only")


def _unknown(why: str) -> UserError:
    return UserError(
        f"this model cannot be written as GGUF here: {why}.",
        where="--form",
        do="Export --form merged and use llama.cpp's own converter.",
    )


def write_gguf(model: Any, *, form: str, chat: ChatFormat, path: Path, name: str) -> None:
    """Write the merged float32 model as one file. Raises UserError for a model or tokenizer that it cannot hold."""
    check_architecture(model.config)
    pre = check_tokenizer(chat)
    kind, file_type = TYPES[form]
    architecture = ARCHITECTURES[model.config.model_type]
    writer = GGUFWriter(path, _architecture_name(architecture))
    try:
        _write_model_keys(writer, model.config, name=name)
        writer.add_file_type(file_type)
        writer.add_quantization_version(2)
        rows = model.get_input_embeddings().weight.shape[0]
        write_text_keys(writer, chat, pre=pre, rows=rows)
        if (factors := rope_factors(model)) is not None:
            writer.add_tensor(FACTORS, factors, raw_dtype=GGMLQuantizationType.F32)
        for tensor, values in tensors_of(model, architecture):
            as_kind = kind_of(tensor, values, asked=kind)
            writer.add_tensor(tensor, encoded(tensor, values, kind=as_kind), raw_dtype=as_kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _architecture_name(architecture: MODEL_ARCH) -> str:
    return {MODEL_ARCH.LLAMA: "llama", MODEL_ARCH.QWEN2: "qwen2", MODEL_ARCH.QWEN3: "qwen3"}[architecture]


def _rope(config: Any) -> dict[str, Any]:
    return getattr(config, "rope_parameters", None) or {}


def _write_model_keys(writer: GGUFWriter, config: Any, *, name: str) -> None:
    heads = config.num_attention_heads
    head_width = getattr(config, "head_dim", None) or config.hidden_size // heads
    writer.add_type("model")
    writer.add_name(name)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_width)
    writer.add_value_length(head_width)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_rope_dimension_count(head_width)
    rope = _rope(config)
    writer.add_rope_freq_base(float(rope.get("rope_theta", 10000.0)))
    if rope.get("rope_type") == "linear":
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(rope["factor"]))


def tensors_of(model: Any, architecture: MODEL_ARCH) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Every weight by its GGUF name, float32, the head only where it is not the embedding."""
    config = model.config
    names = get_tensor_name_map(architecture, config.num_hidden_layers)
    for name, tensor in whole(model, {}).items():
        if "rotary_emb." in name:
            continue
        known = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if known is None:
            raise _unknown(f"it has a weight called {name}")
        values = tensor.detach().float().cpu().numpy()
        if architecture is MODEL_ARCH.LLAMA and ".q_proj." in name:
            values = turned(values, config.num_attention_heads)
        if architecture is MODEL_ARCH.LLAMA and ".k_proj." in name:
            values = turned(values, config.num_key_value_heads)
        yield known, values


def rope_factors(model: Any) -> NDArray[np.float32] | None:
    """What each rotary frequency is divided by (Llama 3.1 and later); None where the keys say all of it."""
    rope = _rope(model.config)
    if rope.get("rope_type") != "llama3":
        return None
    return divisors(model.base_model.rotary_emb.inv_freq.double().cpu().numpy(), float(rope["rope_theta"]))


def turned(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of q or k as llama.cpp's rotary positions take them: the two halves of a head in turn, [O, I] or [O]."""
    rows, rest = values.shape[0], values.shape[1:]
    halves = values.reshape(heads, 2, rows // heads // 2, *rest)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(values.shape))


def kind_of(name: str, values: NDArray[np.float32], *, asked: GGMLQuantizationType) -> GGMLQuantizationType:
    """How one tensor is held: vectors in float32, matrices as asked where their rows divide into blocks."""
    if values.ndim == 1:
        return GGMLQuantizationType.F32
    if asked is GGMLQuantizationType.F16 or values.shape[-1] % BLOCK:
        return GGMLQuantizationType.F16
    if asked is GGMLQuantizationType.Q4_0 and name in VOCABULARY:
        return GGMLQuantizationType.Q8_0
    return asked


def encoded(name: str, values: NDArray[np.float32], *, kind: GGMLQuantizationType) -> NDArray[Any]:
    """The bytes of one tensor. Raises UserError for numbers that f16, or the f16 scales of blocks, cannot hold."""
    if kind is GGMLQuantizationType.F32:
        return values
    if not np.abs(values).max(initial=0.0) <= LARGEST:
        raise _unknown(f"{name} holds a number above {LARGEST:.0f}, NaN or infinity")
    return quantize(values, kind)
