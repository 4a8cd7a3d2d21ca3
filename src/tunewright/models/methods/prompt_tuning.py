"""Prompt tuning (Lester et al., 2021, arXiv 2104.08691): embeddings of virtual tokens before every text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import PromptLearningConfig, PromptTuningConfig
from torch import Tensor, nn

from tunewright.core.errors import UserError
from tunewright.models.drawn import draw_within, generator_of
from tunewright.models.virtual import SAVED
from tunewright.models.virtual_method import VirtualMethod, common_tokens, held
from tunewright.recipe.options.methods.prompt_tuning import Options
from tunewright.text.files import read_files

TOKENS = 20
BOUND = 0.5
"""Random starts are uniform within it (Lester et al., 2021, section 3.2)."""


class Work(VirtualMethod):
    """The embeddings themselves train."""

    name = "prompt_tuning"
    learning_rate = 0.03
    """Lester et al., 2021, take 0.3 with Adafactor. With AdamW here, 60 steps of 4 rows of the ICD sample with
    SmolLM2-135M-Instruct in bf16: validation loss (40 rows) 1.01 at 0.01, 0.98 at 0.03, 1.02 at 0.1 (LoRA: 0.42)."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def made(self, lm: Any, *, seed: int) -> tuple[PromptLearningConfig, nn.Module]:
        """A table of embeddings: of tokens of the model's own, or at random."""
        start = self._start(lm, seed=seed)
        config = PromptTuningConfig(
            num_virtual_tokens=len(start),
            token_dim=start.shape[1],
            num_attention_heads=lm.config.num_attention_heads,
            num_layers=lm.config.num_hidden_layers,
            num_transformer_submodules=1,
            task_type="CAUSAL_LM",
        )
        return config, held(start)

    def _start(self, lm: Any, *, seed: int) -> Tensor:
        """The table [P, C] at its start, float32 at least."""
        embeddings_VC = lm.get_input_embeddings().weight.detach()
        wide = torch.promote_types(embeddings_VC.dtype, torch.float32)
        if self.options.init == "text":
            ids = self._text_ids(lm)
        elif self.options.init == "vocabulary":
            ids = common_tokens(lm, self._count, generator=generator_of(SAVED, seed=seed))
        else:
            drawn = nn.Parameter(torch.empty(self._count, embeddings_VC.shape[1], dtype=wide))
            draw_within(drawn, SAVED, seed=seed, bound=BOUND)
            return drawn.detach()
        return embeddings_VC[torch.tensor(ids, device=embeddings_VC.device)].to(wide)

    @property
    def _count(self) -> int:
        return TOKENS if self.options.tokens == "auto" else self.options.tokens

    def _text_ids(self, lm: Any) -> list[int]:
        """The tokens of the text, over and over or cut where another number is asked for, as PEFT does."""
        ids = read_files(Path(lm.name_or_path)).tokenizer.encode(self.options.text or "", add_special_tokens=False).ids
        if not ids:
            raise UserError("this text has no tokens.", where="method.text", do="Write words that describe the task.")
        count = len(ids) if self.options.tokens == "auto" else self.options.tokens
        return [ids[at % len(ids)] for at in range(count)]
