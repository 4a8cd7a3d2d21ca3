"""A GGUF file of the Llama family read by itself: the numbers that llama.cpp computes with, its settings and its text.

Nothing beside the file is looked at, so that a wrong key in it shows in the proof. Blocks are unpacked to float32.
Shapes: O rows of W.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader, TokenType
from gguf.quants import dequantize
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models
from torch import Tensor

from tunewright.core.errors import UserError
from tunewright.core.workspace import write_json, write_text
from tunewright.models.convert import pre_tokenizer
from tunewright.models.gguf_rope import FACTORS, rope_parameters
from tunewright.models.tensors import write_weights

BLOCK_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
OTHER_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
CLASSES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
ENDS = ("eos", "eot", "eom")


def unpack(file: Path, folder: Path) -> None:
    """Write a folder that our loader and Transformers read. Raises UserError for a file of another architecture."""
    reader = GGUFReader(file)
    keys = {name: field.contents() for name, field in reader.fields.items()}
    kind = str(keys.get("general.architecture"))
    if kind not in CLASSES:
        raise UserError(f"this GGUF file holds the architecture {kind}.", where=str(file), do="Use llama.cpp for it.")
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {tensor.name: dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors}
    heads = {"q": keys[f"{kind}.attention.head_count"], "k": keys[f"{kind}.attention.head_count_kv"]}
    factors = tensors.pop(FACTORS, None)
    found = {_name(name): _weight(name, each, kind, heads) for name, each in tensors.items()}
    write_weights(folder / "model.safetensors", found)
    write_json(
        folder / "config.json", {**_config(keys, kind, found), "rope_parameters": rope_parameters(keys, factors)}
    )
    _write_text(keys, folder)


def _name(name: str) -> str:
    stem, _, last = name.rpartition(".")
    if not stem.startswith("blk."):
        return f"{OTHER_NAMES[stem]}.{last}"
    _, number, part = stem.split(".", 2)
    return f"model.layers.{number}.{BLOCK_NAMES[part]}.{last}"


def _weight(name: str, values: NDArray[np.float32], kind: str, heads: dict[str, int]) -> Tensor:
    """One tensor under its own order of rows: the Llama architecture's q and k are turned back."""
    part = name.split(".")[-2].removeprefix("attn_")
    if kind == "llama" and part in heads:
        values = turned_back(values, heads[part])
    return torch.from_numpy(np.array(values, np.float32, order="C"))


def turned_back(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """The inverse of `gguf_file.turned`."""
    rows, rest = values.shape[0], values.shape[1:]
    pairs = values.reshape(heads, rows // heads // 2, 2, *rest)
    return pairs.swapaxes(1, 2).reshape(values.shape)


def _config(keys: dict[str, Any], kind: str, found: dict[str, Tensor]) -> dict[str, Any]:
    first = "model.layers.0"
    biases = {
        "attention_bias": f"{first}.self_attn.q_proj.bias" in found,
        "mlp_bias": f"{first}.mlp.up_proj.bias" in found,
    }
    return {
        "architectures": [CLASSES[kind]],
        "model_type": kind,
        "vocab_size": len(found["model.embed_tokens.weight"]),
        "hidden_size": keys[f"{kind}.embedding_length"],
        "intermediate_size": keys[f"{kind}.feed_forward_length"],
        "num_hidden_layers": keys[f"{kind}.block_count"],
        "num_attention_heads": keys[f"{kind}.attention.head_count"],
        "num_key_value_heads": keys[f"{kind}.attention.head_count_kv"],
        "head_dim": keys[f"{kind}.attention.key_length"],
        "rms_norm_eps": keys[f"{kind}.attention.layer_norm_rms_epsilon"],
        "max_position_embeddings": keys[f"{kind}.context_length"],
        "tie_word_embeddings": "lm_head.weight" not in found,
        "hidden_act": "silu",
        "dtype": "float32",
        **(biases if kind == "llama" else {}),
    }


def _write_text(keys: dict[str, Any], folder: Path) -> None:
    names: list[str] = keys["tokenizer.ggml.tokens"]
    tokenizer = _tokenizer(keys, names)
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {
        f"{name}_token": names[keys[key]]
        for name, end in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown"))
        if (key := f"tokenizer.ggml.{end}_token_id") in keys
    }
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    write_json(folder / "tokenizer_config.json", special | settings)
    ends = [keys[key] for name in ENDS if (key := f"tokenizer.ggml.{name}_token_id") in keys]
    write_json(folder / "generation_config.json", {"eos_token_id": ends})
    if template := keys.get("tokenizer.chat_template"):
        write_text(folder / "chat_template.jinja", template)


def _tokenizer(keys: dict[str, Any], names: list[str]) -> Tokenizer:
    """Byte-level merges as llama.cpp makes them: text as it comes, cut by the rule that `tokenizer.ggml.pre` names."""
    kinds: list[int] = keys["tokenizer.ggml.token_type"]
    pre = keys["tokenizer.ggml.pre"]
    vocabulary = {name: at for at, name in enumerate(names) if kinds[at] != TokenType.UNUSED}
    merges = [tuple(merge.split(" ", 1)) for merge in keys["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=pre in ("llama-bpe", "llama3")))
    tokenizer.pre_tokenizer = pre_tokenizer(pre)
    tokenizer.decoder = decoders.ByteLevel()
    for kind, special in ((TokenType.CONTROL, True), (TokenType.USER_DEFINED, False)):
        added = [
            AddedToken(name, special=special, normalized=False) for at, name in enumerate(names) if kinds[at] == kind
        ]
        tokenizer.add_tokens(added)
    return tokenizer
