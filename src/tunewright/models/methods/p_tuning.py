"""P-tuning (Liu et al., 2021, arXiv 2103.10385): a small network makes the embeddings of virtual tokens.

The network is PEFT's PromptEncoder; it trains in float32, and what is used of it in the end is the table it makes.
"""

from __future__ import annotations

from typing import Any

from peft import PromptEncoder, PromptEncoderConfig, PromptLearningConfig
from torch import nn

from tunewright.models.virtual_method import VirtualMethod
from tunewright.models.virtual_start import draw_encoder
from tunewright.recipe.options.methods.p_tuning import Options

PLAIN_LAYERS = PromptEncoderConfig.encoder_num_layers
"""What PEFT wants to read where there is no LSTM."""


class Work(VirtualMethod):
    """Embeddings, and the MLP or LSTM that they go through, train."""

    name = "p_tuning"
    learning_rate = 1e-3
    """By runs: 60 steps of 4 rows of the ICD sample with SmolLM2-135M-Instruct in bf16 end at a validation loss (40
    rows) of 0.94 at 1e-3 and 1.27 at 3e-3 with the MLP; 3.19 at 3e-4, 1.56 at 1e-3, 4.55 at 3e-3 with the
    LSTM (LoRA: 0.42)."""

    def __init__(self, options: Options) -> None:
        self.options = options

    @property
    def encodes(self) -> bool:
        """The table is made."""
        return True

    def made(self, lm: Any, *, seed: int) -> tuple[PromptLearningConfig, nn.Module]:
        """PEFT's encoder, every weight drawn from `seed` and its own name."""
        options, width = self.options, lm.get_input_embeddings().weight.shape[1]
        config = PromptEncoderConfig(
            num_virtual_tokens=options.tokens,
            token_dim=width,
            num_attention_heads=lm.config.num_attention_heads,
            num_layers=lm.config.num_hidden_layers,
            num_transformer_submodules=1,
            encoder_reparameterization_type=options.encoder.upper(),
            encoder_hidden_size=options.width or width,
            encoder_num_layers=options.layers if options.encoder == "lstm" else PLAIN_LAYERS,
            task_type="CAUSAL_LM",
        )
        encoder = PromptEncoder(config)
        draw_encoder(encoder, seed=seed)
        return config, encoder
