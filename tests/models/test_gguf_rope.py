"""Scaled rotary positions of GGUF files, in a config's words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from tunewright.models.gguf_rope import FACTORS, divisors, llama3_divisors, plain, rope_parameters

KEYS = {"general.architecture": "llama", "llama.rope.freq_base": 500_000.0}
LLAMA_3_1 = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


def frequencies(rope: dict[str, Any], width: int) -> np.ndarray[Any, Any]:
    """Transformers' own."""
    config = LlamaConfig(hidden_size=4 * width, num_attention_heads=4, head_dim=width, rope_parameters=rope)
    return LlamaRotaryEmbedding(config).inv_freq.double().numpy()


@pytest.mark.parametrize(
    "changed",
    [{}, {"factor": 32.0}, {"low_freq_factor": 2.0, "high_freq_factor": 6.0, "original_max_position_embeddings": 4000}],
)
@pytest.mark.parametrize("width", [64, 128])
def test_the_four_numbers_of_llama_3_are_found_again(changed: dict[str, Any], width: int) -> None:
    rope = {**LLAMA_3_1, **changed}
    theirs = frequencies(rope, width)
    factors = divisors(theirs, 500_000.0)
    np.testing.assert_allclose(llama3_divisors(500_000.0, width // 2, rope=rope), factors, rtol=1e-5)
    found = rope_parameters(KEYS, factors)
    np.testing.assert_allclose(frequencies(found, width), theirs, rtol=1e-4)
    if not {"low_freq_factor"} & set(changed):
        assert found["original_max_position_embeddings"] == 8192
        assert found["high_freq_factor"] == pytest.approx(4, abs=1e-3)


def test_linear_and_plain_positions() -> None:
    linear = {**KEYS, "llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0}
    assert rope_parameters(linear, None) == {"rope_theta": 500_000.0, "rope_type": "linear", "factor": 4.0}
    assert rope_parameters(KEYS, None) == {"rope_theta": 500_000.0, "rope_type": "default"}
    assert rope_parameters({"general.architecture": "gpt2"}, None)["rope_theta"] == 10_000.0
    np.testing.assert_allclose(frequencies(rope_parameters(KEYS, None), 64), plain(500_000.0, 32), rtol=1e-6)


def test_what_is_not_known_is_said() -> None:
    assert FACTORS == "rope_freqs.weight"
    with pytest.raises(ValueError, match="scaled by yarn"):
        rope_parameters({**KEYS, "llama.rope.scaling.type": "yarn"}, None)
    odd = torch.linspace(1, 3, 32).numpy()
    with pytest.raises(ValueError, match="divided in a way that is not known here"):
        rope_parameters(KEYS, odd)
