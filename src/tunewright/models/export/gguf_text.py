"""What a GGUF file says about text: tokens, merges, the cut before merges, the tokens that end an answer, the template.

Keys and their meaning: llama.cpp, `gguf-py` and `src/llama-vocab.cpp`, build 11434, read 2026-11-30.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gguf import GGUFWriter, TokenType
from tokenizers import Tokenizer

from tunewright.core.errors import UserError
from tunewright.models.convert import DIGITS, PLAIN, SPLITS, pre_tokenizer
from tunewright.text.chat import ChatFormat

FIRST = ("smollm", "llama-bpe", "qwen2", "gpt-2")
"""Asked before other names with the same rule, as the names that llama.cpp's own converter writes."""
TRIALS = (
    "Hello world!\n\n1234567 3.14 x=12;\n\n\n  y = 'it''s'\t\tWe'LL I'm\r\n  end ",
    "Größe äöü 你好，世界 мир 🚀🚀 (normal) ???? ../..\n 　 ",
    "\n\n1\n\n 2   33 a1b22c333 _x_ <|x|> don't DON'T \u200d ９９",
)
"""Texts on which the known rules differ: digits, line ends, contractions, spaces, scripts."""


@dataclass(frozen=True)
class Ends:
    """Ids of the tokens that end an answer: what the template writes behind one first; llama.cpp stops at each."""

    eos: int
    others: tuple[int, ...]


def check_tokenizer(chat: ChatFormat) -> str:
    """The name of the tokenizer's cut before merges (`tokenizer.ggml.pre`). Raises UserError for other tokenizers.

    A rule is taken for the tokenizer's own when both cut trial texts into the same tokens.
    """
    tokenizer = chat.tokenizer
    settings = json.loads(tokenizer.to_str())
    if settings["model"].get("type") != "BPE" or settings["model"].get("byte_fallback"):
        raise _foreign(f"its kind is {settings['model'].get('type')} without byte-level merges")
    wanted = [tokenizer.encode(text, add_special_tokens=False).ids for text in TRIALS]
    for name in dict.fromkeys((*FIRST, *sorted(DIGITS), *SPLITS, *sorted(PLAIN))):
        tried = Tokenizer.from_str(tokenizer.to_str())
        tried.pre_tokenizer = pre_tokenizer(name)
        if [tried.encode(text, add_special_tokens=False).ids for text in TRIALS] == wanted:
            return name
    raise _foreign("the way it cuts text before merging is none that llama.cpp knows by name here")


def _foreign(why: str) -> UserError:
    return UserError(
        f"this model's tokenizer cannot be written as GGUF: {why}.",
        where="--form",
        do="Export --form merged and use llama.cpp's own converter.",
    )


def ends_of(chat: ChatFormat) -> Ends:
    """Which tokens end an answer. Raises UserError for a model that never ends one."""
    if not chat.stop_ids:
        raise UserError("no token ends this model's answers.", where="model.template", do="Use a template with one.")
    first = chat.turn_end[0] if chat.turn_end else min(chat.stop_ids)
    return Ends(first, tuple(sorted(chat.stop_ids - {first})))


def write_text_keys(writer: GGUFWriter, chat: ChatFormat, *, pre: str, rows: int) -> None:
    """Everything below `tokenizer.`; `rows` is how many the embedding has: places without a token are called so."""
    tokenizer = chat.tokenizer
    names, kinds = zip(*_tokens(tokenizer, rows), strict=True)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(list(names))
    writer.add_token_types(list(kinds))
    writer.add_token_merges(_merges(json.loads(tokenizer.to_str())["model"]["merges"]))
    _write_specials(writer, chat)
    writer.add_chat_template(chat.files.template)


def _tokens(tokenizer: Tokenizer, rows: int) -> Iterator[tuple[str, int]]:
    """Text and kind of every id."""
    added = tokenizer.get_added_tokens_decoder()
    for number in range(rows):
        text = tokenizer.id_to_token(number)
        if number in added:
            yield added[number].content, TokenType.CONTROL if added[number].special else TokenType.USER_DEFINED
        elif text is None:
            yield f"[PAD{number}]", TokenType.UNUSED
        else:
            yield text, TokenType.NORMAL


def _merges(merges: Sequence[Any]) -> list[str]:
    """Merges as `left right`; tokenizer.json writes them so, or as pairs. A byte-level token holds no space."""
    return [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]


def _write_specials(writer: GGUFWriter, chat: ChatFormat) -> None:
    ends = ends_of(chat)
    writer.add_eos_token_id(ends.eos)
    for add, number in zip((writer.add_eot_token_id, writer.add_eom_token_id), ends.others, strict=False):
        add(number)
    given = {name: chat.tokenizer.token_to_id(text) for name, text in chat.files.tokens.items()}
    adders = {
        "bos_token": writer.add_bos_token_id,
        "unk_token": writer.add_unk_token_id,
        "pad_token": writer.add_pad_token_id,
    }
    for name, add in adders.items():
        if (number := given.get(name)) is not None:
            add(number)
    bos = given.get("bos_token")
    writer.add_add_bos_token(bos is not None and chat.tokenizer.encode("a").ids[:1] == [bos])
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
