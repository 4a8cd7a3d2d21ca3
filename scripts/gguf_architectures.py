"""Random models of every architecture that a GGUF file is written for, as small as they can be: do the files mean to
llama.cpp what they mean here? Used by gguf_test.py.

Shapes: V vocabulary.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from tunewright.models.export.forms import Wanted, check_form, open_form, readable, write_form
from tunewright.text.chat import ChatFormat

SMALL = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "initializer_range": 0.2,
}
LLAMA_3 = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 64.0,
    "original_max_position_embeddings": 2000,
}
LINEAR = {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}
BUILDERS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "llama, tied": (LlamaConfig, LlamaForCausalLM, {"tie_word_embeddings": True}),
    "llama, untied, biases": (LlamaConfig, LlamaForCausalLM, {"attention_bias": True, "tie_word_embeddings": False}),
    "llama 3 positions": (LlamaConfig, LlamaForCausalLM, {"rope_parameters": LLAMA_3}),
    "llama, linear positions": (LlamaConfig, LlamaForCausalLM, {"rope_parameters": LINEAR}),
    "mistral": (MistralConfig, MistralForCausalLM, {"sliding_window": None}),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM, {"tie_word_embeddings": True}),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM, {"head_dim": 32}),
}


def write(name: str, chat: ChatFormat, folder: Path) -> Any:
    """Write a random model as `gguf-f16` into `folder/file`; returns it as it is read back, in float32."""
    config, model, changed = BUILDERS[name]
    torch.manual_seed(4)
    made = model(config(**{**SMALL, "vocab_size": chat.vocabulary_size, "eos_token_id": 2, **changed})).float().eval()
    with torch.no_grad():
        for key, parameter in made.named_parameters():
            if key.endswith(".bias"):
                parameter.normal_(std=0.3)
    wanted = Wanted("gguf-f16", chat, name)
    check_form(wanted, made.config)
    write_form(made, wanted, folder=folder / "file")
    return open_form(readable(folder / "file", "gguf-f16", scratch=folder / "read"), "gguf-f16", device="cpu")


def log_probabilities(model: Any, prompt: list[int]) -> Any:
    """After a prompt, float64 [V]."""
    with torch.no_grad():
        return model(torch.tensor([prompt])).logits[0, -1].double().log_softmax(-1).numpy()
