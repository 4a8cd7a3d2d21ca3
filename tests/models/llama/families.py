"""Random float64 models of the Llama family with every option that our forward knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM

SMALL: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.3,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 1000.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
YARN = {"rope_type": "yarn", "rope_theta": 1000.0, "factor": 4.0, "original_max_position_embeddings": 32}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "llama untied, one head": {"tie_word_embeddings": False, "num_key_value_heads": 4},
    "llama, biases": {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True},
    "llama, heads wider than the model": {"head_dim": 16},
    "llama, one key-value head": {"num_key_value_heads": 1},
    "llama, linear": {"rope_parameters": {"rope_type": "linear", "rope_theta": 1000.0, "factor": 2.0}},
    "llama, llama3": {"rope_parameters": LLAMA3},
    "llama, yarn": {"rope_parameters": YARN},
    "llama, gelu": {"hidden_act": "gelu"},
    "mistral": {"sliding_window": None},
    "mistral, window": {"sliding_window": 7},
    "qwen2": {"tie_word_embeddings": True},
    "qwen2, windows": {
        "use_sliding_window": True,
        "sliding_window": 7,
        "layer_types": ["full_attention", "sliding_attention", "sliding_attention"],
    },
    "qwen3": {"head_dim": 8},
    "qwen3, biases": {"head_dim": 8, "attention_bias": True},
    "smollm3": {"no_rope_layer_interval": 2},
}


def model_of(family: str, *, dtype: torch.dtype = torch.float64, seed: int = 3) -> Any:
    """A random model in eval mode, its norms and biases random too."""
    torch.manual_seed(seed)
    config = AutoConfig.for_model(family.split(",")[0].split()[0], **(SMALL | FAMILIES[family]))
    model = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="sdpa")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.add_(torch.randn_like(parameter) * 0.2)
            elif name.endswith("bias"):
                parameter.copy_(torch.randn_like(parameter) * 0.3)
    return model.eval().requires_grad_(False)


def ids(seed: int, length: int) -> tuple[int, ...]:
    """Random tokens without specials."""
    return tuple(int(token) for token in np.random.default_rng(seed).integers(3, 96, length))
