"""How a GGUF file scales rotary positions, in the words of a Transformers config, whose own reader leaves it out.

llama.cpp has keys for linear scaling, and for Llama 3.1 and later one divisor a frequency (`rope_freqs.weight`), which
its converter computes from four numbers; they are found again here. Rule: Transformers' `modeling_rope_utils.py`,
`_compute_llama3_parameters`, and llama.cpp's `conversion/llama.py`, build 11434, read 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FACTORS = "rope_freqs.weight"
NEAR = 1e-4
"""Largest relative difference of a divisor that is found again."""
UNSCALED = (None, "none")


def rope_parameters(keys: Mapping[str, Any], factors: NDArray[np.float32] | None) -> dict[str, Any]:
    """What a config says under `rope_parameters`. Raises ValueError for a scaling that is not known here."""
    kind = keys.get("general.architecture")
    theta = float(keys.get(f"{kind}.rope.freq_base", 10_000.0))
    scaling = keys.get(f"{kind}.rope.scaling.type")
    if factors is not None:
        return {"rope_theta": theta, **_llama3(theta, factors.astype(np.float64))}
    if scaling in UNSCALED:
        return {"rope_theta": theta, "rope_type": "default"}
    if scaling == "linear":
        factor = float(keys[f"{kind}.rope.scaling.factor"])
        return {"rope_theta": theta, "rope_type": "linear", "factor": factor}
    raise ValueError(f"its rotary positions are scaled by {scaling}")


def divisors(inverse: NDArray[np.float64], theta: float) -> NDArray[np.float32]:
    """What each plain frequency was divided by to give these."""
    return (plain(theta, len(inverse)) / inverse).astype(np.float32)


def plain(theta: float, count: int) -> NDArray[np.float64]:
    """Rotary frequencies without scaling (Su et al., 2021, section 3.2.2)."""
    return theta ** -(np.arange(count) / count)


def _llama3(theta: float, factors: NDArray[np.float64]) -> dict[str, Any]:
    """The four numbers: between short and long waves, 1 / divisor rises on a line over 1 / wave length.

    Only two of the last three numbers matter to what is computed, so `low_freq_factor` is 1.
    """
    waves = 2 * np.pi / plain(theta, len(factors))
    factor = float(factors.max())
    between = (factors > 1 + NEAR) & (factors < factor * (1 - NEAR))
    if between.sum() < 2:
        raise ValueError("its rotary positions are divided in a way that is not known here")
    smooth = (1 / factors[between] - 1 / factor) / (1 - 1 / factor)
    slope, offset = np.polyfit(1 / waves[between], smooth, 1)
    high = 1 - 1 / offset
    found = {
        "rope_type": "llama3",
        "factor": factor,
        "low_freq_factor": 1.0,
        "high_freq_factor": float(high),
        "original_max_position_embeddings": round(float(slope * (high - 1))),
    }
    if not np.allclose(llama3_divisors(theta, len(factors), rope=found), factors, rtol=NEAR):
        raise ValueError("its rotary positions are divided in a way that is not known here")
    return found


def llama3_divisors(theta: float, count: int, *, rope: Mapping[str, Any]) -> NDArray[np.float64]:
    """What the rule of Llama 3.1 divides each frequency by."""
    waves = 2 * np.pi / plain(theta, count)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    smooth = np.clip((rope["original_max_position_embeddings"] / waves - low) / (high - low), 0, 1)
    return 1 / ((1 - smooth) / rope["factor"] + smooth)
