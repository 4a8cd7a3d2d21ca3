"""Prefix tuning (Li and Liang, 2021, arXiv 2101.00190): trained keys and values before every text, in each layer.

An MLP makes them while they train (PEFT's PrefixEncoder). With `encoder: none` they train themselves, which is
P-tuning v2 (Liu et al., 2022, arXiv 2110.07602): deep prompts without reparameterisation.
"""

from __future__ import annotations

from typing import Any

import torch
from peft import PrefixEncoder, PrefixTuningConfig, PromptLearningConfig
from torch import Tensor, nn

from tunewright.models.drawn import draw_normal, generator_of
from tunewright.models.virtual import SAVED, activations, heads_of
from tunewright.models.virtual_method import VirtualMethod, common_tokens, held
from tunewright.models.virtual_start import draw_encoder
from tunewright.recipe.options.methods.prefix_tuning import Options

RATES = {"mlp": 1e-3, "none": 1e-2}
"""By encoder. 60 steps of 4 rows of the ICD sample with SmolLM2-135M-Instruct in bf16: validation loss (40 rows) 0.54
at 1e-3 with the MLP, which diverges at 3e-3; 0.59 at 1e-2 without it from the model's own keys and values; from a
random start 1.55 at 1e-2, 1.59 at 3e-2 (LoRA: 0.42). Li and Liang, 2021, take 5e-5 to 8e-5 over many more steps."""


class Work(VirtualMethod):
    """Keys and values, or what makes them, train."""

    name = "prefix_tuning"

    def __init__(self, options: Options) -> None:
        self.options = options
        self.learning_rate = RATES[options.encoder]

    @property
    def encodes(self) -> bool:
        """True with the MLP."""
        return self.options.encoder == "mlp"

    def made(self, lm: Any, *, seed: int) -> tuple[PromptLearningConfig, nn.Module]:
        """PEFT's encoder, drawn from `seed`; without one a table of keys and values."""
        options, heads = self.options, heads_of(lm)
        config = PrefixTuningConfig(
            num_virtual_tokens=options.tokens,
            token_dim=heads.heads * heads.width,
            num_attention_heads=heads.heads,
            num_layers=heads.layers,
            num_transformer_submodules=1,
            encoder_hidden_size=options.width,
            prefix_projection=self.encodes,
            task_type="CAUSAL_LM",
        )
        if self.encodes:
            encoder = PrefixEncoder(config)
            draw_encoder(encoder, seed=seed)
            return config, encoder
        start = self._start(lm, heads.numbers, seed=seed)
        return config, held(start)

    def _start(self, lm: Any, numbers: int, *, seed: int) -> Tensor:
        """The table [P, W] at its start, float32 at least."""
        count = self.options.tokens
        if self.options.init == "random":
            drawn = nn.Parameter(torch.empty(count, numbers, dtype=torch.promote_types(lm.dtype, torch.float32)))
            draw_normal(drawn, SAVED, seed=seed)
            return drawn.detach()
        ids = common_tokens(lm, count, generator=generator_of(SAVED, seed=seed))
        parts = torch.stack([part[0] for pair in activations(lm, ids) for part in pair])  # [2L, K, P, D]
        return parts.permute(2, 0, 1, 3).reshape(count, -1).to(torch.promote_types(parts.dtype, torch.float32))
