"""Virtual tokens on disk: the table as PEFT saves it for use, and beside it the weights of what made it.

`adapter_model.safetensors` holds `prompt_embeddings` [P, W], `adapter_config.json` what it is. Where a network makes
the table, its own weights lie in `encoder/`, for going on: from the table they cannot be had back.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import PrefixTuningConfig, PromptEncoderConfig, PromptLearningConfig, PromptTuningConfig
from safetensors.torch import load_file
from torch import Tensor, nn

from tunewright.core.errors import UserError
from tunewright.models.adapter_config import ADAPTER_CONFIG
from tunewright.models.config import read_json
from tunewright.models.tensors import write_weights
from tunewright.models.virtual import KINDS, PREFIX, SAVED, VirtualModel, VirtualTokens, heads_of, kind_of
from tunewright.models.weights import tensors_of

WEIGHTS = "adapter_model.safetensors"
ENCODER = "encoder"
ENCODER_FILE = "encoder.safetensors"
FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
MOST_TOKENS = 65_536
CONFIGS: dict[str, Any] = {
    "PROMPT_TUNING": PromptTuningConfig,
    "P_TUNING": PromptEncoderConfig,
    "PREFIX_TUNING": PrefixTuningConfig,
}
SAVE_AGAIN = "Copy the folder again, or train it again."
FIT = "Load it over the model that it was trained on."


def is_virtual(folder: Path) -> bool:
    """True for the folder of virtual tokens, ours or PEFT's."""
    path = folder / ADAPTER_CONFIG
    return path.is_file() and read_json(path).get("peft_type") in KINDS


def write_virtual(folder: Path, config: PromptLearningConfig, *, table: Tensor, encoder: Mapping[str, Tensor]) -> None:
    """Write a folder that plain PEFT and `read_virtual` read. `encoder`: empty where the table itself trains."""
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(folder / WEIGHTS, {SAVED: table})
    config.save_pretrained(str(folder))
    if encoder:
        (folder / ENCODER).mkdir(exist_ok=True)
        write_weights(folder / ENCODER / ENCODER_FILE, encoder)


def read_encoder(folder: Path) -> dict[str, Tensor]:
    """The weights of what made a table. Raises UserError where they are not there."""
    path = folder / ENCODER / ENCODER_FILE
    if not path.is_file():
        raise UserError(
            "the network that made these virtual tokens is not saved with them, so training cannot go on.",
            where=str(folder),
            do="Give a run or a checkpoint of tunewright, or train the virtual tokens themselves.",
        )
    tensors_of(path)  # says what is damaged
    return load_file(path)


def read_virtual(wrapped: VirtualModel, name: str, *, folder: Path) -> VirtualTokens:
    """Add the virtual tokens of a folder to a model, for use.

    Raises UserError, and adds nothing, when they are spoilt or were made for a model of another shape.
    """
    kind, tokens = _facts(folder)
    lm = wrapped.get_base_model()
    width = lm.get_input_embeddings().weight.shape[1]
    heads = None
    if kind == PREFIX:
        with wrapped.disable_adapter():
            heads = heads_of(lm)
    table = _table(folder, (tokens, width if heads is None else heads.numbers), dtype=lm.dtype)
    config = CONFIGS[kind](
        num_virtual_tokens=tokens,
        token_dim=width if heads is None else heads.heads * heads.width,
        num_attention_heads=lm.config.num_attention_heads if heads is None else heads.heads,
        num_layers=lm.config.num_hidden_layers,
        num_transformer_submodules=1,
        task_type="CAUSAL_LM",
        inference_mode=True,
    )
    held = nn.Embedding(tokens, table.shape[1], _weight=table.to(torch.float32), _freeze=True)
    found = VirtualTokens(config, held, model_width=width)
    wrapped.add_adapter(name, found)
    return found


def check_virtual(folder: Path, ours: VirtualTokens) -> None:
    """Raise UserError when the adapter of a folder is another sort of virtual tokens than those that train."""
    kind, tokens = _facts(folder)
    encodes = (folder / ENCODER).is_dir()
    theirs = {"kind": kind, "tokens": tokens, "encoder": "a network" if encodes else "none"}
    wanted = {
        "kind": kind_of(ours.config),
        "tokens": ours.tokens,
        "encoder": "none" if SAVED in ours.trained else "a network",
    }
    differing = [key for key, value in theirs.items() if value != wanted[key]]
    if differing:
        there, here = (", ".join(f"{key} {each[key]}" for key in differing) for each in (theirs, wanted))
        raise UserError(
            f"these virtual tokens have {there}, and the recipe asks for {here}.",
            where=str(folder / ADAPTER_CONFIG),
            do="Write method as they were made.",
        )


def _facts(folder: Path) -> tuple[str, int]:
    """Kind and number of the virtual tokens of a folder."""
    path = folder / ADAPTER_CONFIG
    if not path.is_file():
        raise _refused(folder, f"there is no {ADAPTER_CONFIG}", SAVE_AGAIN)
    said = read_json(path)
    kind, tokens = str(said.get("peft_type")), said.get("num_virtual_tokens")
    if kind not in KINDS:
        raise _refused(path, f"it is of the kind {kind}, which is no table of virtual tokens", SAVE_AGAIN)
    if not isinstance(tokens, int) or isinstance(tokens, bool) or not 0 < tokens <= MOST_TOKENS:
        raise _refused(path, "num_virtual_tokens is not right", SAVE_AGAIN)
    if said.get("num_transformer_submodules") not in (None, 1) or said.get("modules_to_save"):
        raise _refused(path, "it holds more than virtual tokens of a causal language model", FIT)
    return kind, tokens


def _table(folder: Path, shape: tuple[int, int], *, dtype: torch.dtype) -> Tensor:
    """The table of a folder; its header is compared before any memory is taken."""
    path = folder / WEIGHTS
    if not path.is_file():
        raise _refused(folder, f"it holds no {WEIGHTS}", SAVE_AGAIN)
    found = {tensor.name: tensor for tensor in tensors_of(path)}
    if SAVED not in found:
        raise _refused(folder, f"{SAVED} is missing", SAVE_AGAIN)
    table = found[SAVED]
    if table.dtype not in FLOATS or tuple(table.shape) != shape:
        what = f"its table is {table.dtype} {list(table.shape)}, and this model needs numbers of the shape"
        raise _refused(folder, f"{what} {list(shape)}", FIT)
    values = load_file(path)[SAVED]
    if not bool(torch.isfinite(values.to(dtype)).all()):
        raise _refused(folder, f"{SAVED} holds NaN or infinity", "Train it again; its run diverged.")
    return values


def _refused(where: Path, why: str, do: str) -> UserError:
    return UserError(f"this adapter is refused: {why}.", where=str(where), do=do)
