"""Public template families, each with its tokens over one tiny tokenizer; `families/<name>.jinja` writes the format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from tests.conftest import write_tiny_tokenizer

FOLDER = Path(__file__).with_name("families")


class Family(NamedTuple):
    """Named tokens, the token that ends an answer, the other tokens of the family, and what it can write."""

    bos: str
    eos: str
    stop: str
    others: tuple[str, ...] = ()
    tools: bool = False
    reasoning: bool = False
    plain: tuple[str, ...] = ()
    """Tokens that are added and not special, as `<tool_call>` in Qwen's tokenizers."""


HEADERS = ("<|start_header_id|>", "<|end_header_id|>")
CALLS = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
MISTRAL = ("[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]")
DEEPSEEK = (
    "<｜User｜>",
    "<｜Assistant｜>",
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁calls▁end｜>",
    "<｜tool▁outputs▁begin｜>",
)
DEEPSEEK += (
    "<｜tool▁call▁begin｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁sep｜>",
    "<｜tool▁output▁begin｜>",
    "<｜tool▁output▁end｜>",
)
DEEPSEEK += ("<｜tool▁outputs▁end｜>",)
COHERE = ("<|START_OF_TURN_TOKEN|>", "<|SYSTEM_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>")
FAMILIES = {
    "chatml": Family("<|endoftext|>", "<|endoftext|>", "<|im_end|>", ("<|im_start|>",)),
    "llama2": Family("<s>", "</s>", "</s>"),
    "llama31": Family("<|begin_of_text|>", "<|eot_id|>", "<|eot_id|>", HEADERS, tools=True),
    "mistral_v3": Family("<s>", "</s>", "</s>", ("[INST]", "[/INST]", *MISTRAL), tools=True),
    "qwen25": Family("<|endoftext|>", "<|im_end|>", "<|im_end|>", ("<|im_start|>",), tools=True, plain=CALLS[2:4]),
    "qwen3": Family(
        "<|endoftext|>", "<|im_end|>", "<|im_end|>", ("<|im_start|>",), tools=True, reasoning=True, plain=CALLS
    ),
    "qwen3_thinking": Family(
        "<|endoftext|>", "<|im_end|>", "<|im_end|>", ("<|im_start|>",), tools=True, reasoning=True, plain=CALLS
    ),
    "gemma2": Family("<bos>", "<eos>", "<end_of_turn>", ("<start_of_turn>",)),
    "gemma3": Family("<bos>", "<eos>", "<end_of_turn>", ("<start_of_turn>",)),
    "phi3": Family("<s>", "<|endoftext|>", "<|end|>", ("<|user|>", "<|assistant|>", "<|system|>")),
    "phi4": Family("<|endoftext|>", "<|im_end|>", "<|im_end|>", ("<|im_start|>", "<|im_sep|>")),
    "deepseek": Family(
        "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜end▁of▁sentence｜>", DEEPSEEK, tools=True
    ),
    "zephyr": Family("<s>", "</s>", "</s>"),
    "command_r": Family("<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", COHERE, tools=True),
    "smollm3": Family("<|begin_of_text|>", "<|im_end|>", "<|im_end|>", ("<|im_start|>",), tools=True, plain=CALLS),
    "granite": Family(
        "<|end_of_text|>", "<|end_of_text|>", "<|end_of_text|>", ("<|start_of_role|>", "<|end_of_role|>"), tools=True
    ),
    "gpt_oss": Family(
        "<|startoftext|>",
        "<|return|>",
        "<|return|>",
        ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|call|>"),
        tools=True,
        reasoning=True,
    ),
}


def write_family(folder: Path, name: str) -> Path:
    """A model folder's tokenizer files for one family."""
    from tokenizers import AddedToken, Tokenizer

    family = FAMILIES[name]
    folder.mkdir(parents=True, exist_ok=True)
    write_tiny_tokenizer(folder)
    path = folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    special = (family.bos, family.eos, family.stop, *family.others)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in family.plain])
    tokenizer.save(str(path))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings |= {"bos_token": family.bos, "eos_token": family.eos, "pad_token": family.eos}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "chat_template.jinja").write_text(
        (FOLDER / f"{name}.jinja").read_text(encoding="utf-8"), encoding="utf-8"
    )
    if name == "gpt_oss":
        ends = [tokenizer.token_to_id(text) for text in ("<|return|>", "<|call|>")]
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
    return folder
