"""Pairs, rated answers and prompts give the texts and tokens that TRL makes of the same rows; the real tokenizer."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer
from trl.data_utils import maybe_apply_chat_template, maybe_extract_prompt

from tests.data.builders import every
from tunewright.core.ports import Row, RowProblem
from tunewright.data.encode_forms import Whole, encoded_pairs, encoded_prompts
from tunewright.data.rows import make_row
from tunewright.models.find import FoundModel
from tunewright.text.chat import ChatFormat, load_chat

PIECES = [
    "yes",
    "Größe",
    "  two spaces",
    "日本語",
    "\n\n",
    "- a list",
    "🙂🙃",
    "don't",
    "x = {1: [2]}",
    "l'été",
    "\ttab",
    "Ω≈ç",
]
CONVERSATIONS = 300


@pytest.fixture(scope="module")
def both(smollm2: FoundModel) -> tuple[ChatFormat, Any]:
    """Our chat format and Transformers' tokenizer of one folder."""
    return load_chat(smollm2.path), AutoTokenizer.from_pretrained(smollm2.path)


def text(draw: random.Random) -> str:
    return draw.choice("abc") + " ".join(draw.choices(PIECES, k=draw.randint(1, 6))) + draw.choice([".", "", "!"])


def dialogue(draw: random.Random, turns: int, *, first: int = 0) -> list[dict[str, Any]]:
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": text(draw)} for number in range(first, first + turns)]


def asked(draw: random.Random) -> list[dict[str, Any]]:
    system = [{"role": "system", "content": text(draw)}] if draw.random() < 0.3 else []
    return system + dialogue(draw, draw.choice([1, 1, 3, 5]))


def row_of(shape: str, value: dict[str, Any]) -> Row:
    return make_row(every("shapes")[shape].convert(value), source="f", line=1)


def test_pairs_have_the_texts_and_tokens_of_trl(both: tuple[ChatFormat, Any]) -> None:
    chat, tokenizer = both
    draw = random.Random(11)
    for number in range(CONVERSATIONS):
        prompt = asked(draw)
        won, lost = dialogue(draw, 1, first=1), dialogue(draw, draw.choice([1, 1, 3]), first=1)
        explicit = {"prompt": prompt, "chosen": won, "rejected": lost}
        value = explicit if number % 2 else {"chosen": prompt + won, "rejected": prompt + lost}
        row = row_of("preference", value)
        theirs = maybe_apply_chat_template(maybe_extract_prompt(value), tokenizer)
        (pair,) = encoded_pairs([row], chat)
        assert isinstance(pair, Whole) and pair.rejected is not None
        assert chat.render(row.prompt, generation=True) == theirs["prompt"]
        assert chat.render(row.messages, generation=False) == theirs["prompt"] + theirs["chosen"]
        sides = ((pair.example, theirs["chosen"]), (pair.rejected, theirs["rejected"]))
        asked_ids = tokenizer(theirs["prompt"], add_special_tokens=False)["input_ids"]
        for (tokens, weights), answer in sides:
            expected = tokenizer(theirs["prompt"] + answer, add_special_tokens=False)["input_ids"]
            assert tokens.tolist() == expected
            assert tokens[: int(np.argmax(weights > 0))].tolist() == asked_ids
            trained = tokenizer.decode(tokens[weights > 0].tolist())
            assert trained == answer.removesuffix("\n") or len(lost) == 3


def test_rated_answers_and_prompts_have_the_texts_and_tokens_of_trl(both: tuple[ChatFormat, Any]) -> None:
    chat, tokenizer = both
    draw = random.Random(12)
    for number in range(CONVERSATIONS):
        value = {"prompt": asked(draw), "completion": dialogue(draw, 1, first=1), "label": number % 2 == 0}
        row = row_of("rated", value)
        theirs = maybe_apply_chat_template(value, tokenizer)
        tokens, weights = chat.encode(row.messages, loss_on="answers")
        whole = tokenizer(theirs["prompt"] + theirs["completion"], add_special_tokens=False)["input_ids"]
        assert tokens.tolist() == whole
        assert tokenizer.decode(tokens[weights > 0].tolist()) == theirs["completion"].removesuffix("\n")
        assert row.details == {"rating": float(value["label"]), "desirable": value["label"]}
        alone = row_of("prompts", {"prompt": value["prompt"]})
        (prompt,) = encoded_prompts([alone], chat)
        assert isinstance(prompt, Whole) and not prompt.example[1].any()
        assert prompt.example[0].tolist() == tokenizer(theirs["prompt"], add_special_tokens=False)["input_ids"]


def test_a_prompt_that_cannot_be_written_says_why(both: tuple[ChatFormat, Any]) -> None:
    chat, _tokenizer = both
    found = encoded_prompts([row_of("prompts", {"prompt": prompt}) for prompt in ("a", "b<|im_end|>", "c")], chat)
    assert [isinstance(each, RowProblem) and each.reason for each in found] == [False, "control_token", False]
