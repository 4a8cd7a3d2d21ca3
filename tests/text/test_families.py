"""Sixteen public template families: text, tokens, refusals and masks are those of Transformers."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import numpy as np
import pytest

from tests.text.families import FAMILIES, FOLDER, write_family
from tests.text.talks import talk
from tunewright.core.ports import RowProblem
from tunewright.text.chat import ChatFormat, load_chat
from tunewright.text.probe import probe
from tunewright.text.template import FAILURES
from tunewright.text.turns import Conversation

TALKS = 160
MARKED = sorted(name for name in FAMILIES if "generation %}" in (FOLDER / f"{name}.jinja").read_text(encoding="utf-8"))
REWRITES = {"qwen3", "gpt_oss"}
"""Families that write an earlier answer otherwise once more turns follow."""


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[ChatFormat, Any]]:
    """Our chat format and Transformers' tokenizer over one folder, by family."""
    from transformers import AutoTokenizer

    folders = {name: write_family(tmp_path_factory.mktemp(name), name) for name in FAMILIES}
    today = date.today()  # Transformers gives templates the clock's day
    return {
        name: (load_chat(folder, today=today), AutoTokenizer.from_pretrained(folder))
        for name, folder in folders.items()
    }


def talks(name: str, *, count: int = TALKS) -> list[Conversation]:
    """Plain ones, ones with tools, with reasoning and with both, whether the family takes them or not."""
    rng = random.Random(f"talks of {name}")
    return [talk(rng, tools=index % 4 in (1, 3), reasoning=index % 4 in (2, 3)) for index in range(count)]


def theirs(tokenizer: Any, case: Conversation, **options: Any) -> Any:
    """What Transformers makes of a conversation; None when the template refuses it."""
    turns = [{key: value for key, value in turn.items() if key != "weight"} for turn in case.messages]
    try:
        return tokenizer.apply_chat_template(turns, tools=list(case.tools) or None, **options)
    except FAILURES:
        return None


def ours(chat: ChatFormat, case: Conversation, *, generation: bool) -> str | None:
    """What we make of it; None when the template refuses it."""
    try:
        return chat.render(case.messages, generation=generation, tools=case.tools)
    except FAILURES:
        return None


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_text_tokens_and_refusals_equal_those_of_transformers(
    pairs: dict[str, tuple[ChatFormat, Any]], name: str
) -> None:
    chat, tokenizer = pairs[name]
    written = {"plain": 0, "tools": 0}
    for case in talks(name):
        prompt = case._replace(messages=case.messages[:-1])
        assert ours(chat, case, generation=False) == theirs(tokenizer, case, tokenize=False)
        text = ours(chat, prompt, generation=True)
        assert text == theirs(tokenizer, prompt, tokenize=False, add_generation_prompt=True)
        ids = theirs(tokenizer, prompt, add_generation_prompt=True, return_dict=False)
        if text is not None:
            assert chat.prompt_ids(prompt.messages, tools=prompt.tools) == ids
            written["tools" if case.tools else "plain"] += 1
        else:
            assert ids is None
    assert written["plain"] >= TALKS // 8
    assert written["tools"] >= TALKS // 16 or not FAMILIES[name].tools


@pytest.mark.parametrize("name", MARKED)
def test_masks_equal_those_of_transformers(pairs: dict[str, tuple[ChatFormat, Any]], name: str) -> None:
    chat, tokenizer = pairs[name]
    compared = 0
    for case in talks(name):
        result = chat.encode_many([case], loss_on="answers")[0]
        if isinstance(result, RowProblem):
            continue
        given = theirs(tokenizer, case, return_dict=True, return_assistant_tokens_mask=True)
        tokens, weights = result
        assert tokens.tolist() == given["input_ids"]
        assert weights.astype(int).tolist() == given["assistant_masks"]
        compared += 1
    assert compared >= TALKS // 8


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_what_is_trained_is_what_the_model_would_say_after_its_prompt(
    pairs: dict[str, tuple[ChatFormat, Any]], name: str
) -> None:
    """Every trained stretch, after the prompt of its turn alone, is the finished turn as Transformers writes it."""
    chat, tokenizer = pairs[name]
    trained = 0
    for case in talks(name):
        result = chat.encode_many([case], loss_on="answers")[0]
        if isinstance(result, RowProblem):
            continue
        tokens, weights = result
        starts = np.flatnonzero(np.diff(weights, prepend=0.0) > 0)
        prompts = {}
        for index, turn in enumerate(case.messages):
            if turn["role"] == "assistant":
                before = case._replace(messages=case.messages[:index])
                ids = theirs(tokenizer, before, add_generation_prompt=True, return_dict=False)
                prompts[len(ids)] = (
                    ids,
                    theirs(tokenizer, case._replace(messages=case.messages[: index + 1]), return_dict=False),
                )
        for start in starts.tolist():
            end = start + int(np.argmin(weights[start:])) if not weights[start:].all() else len(weights)
            ids, finished = prompts[start]
            assert tokens[:start].tolist() == ids
            assert tokens[:end].tolist() == finished[:end]
            assert int(tokens[end - 1]) in chat.stop_ids
            trained += 1
    assert trained >= TALKS // 8


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_the_probe_says_what_the_family_takes(pairs: dict[str, tuple[ChatFormat, Any]], name: str) -> None:
    chat, family = pairs[name][0], FAMILIES[name]
    found = probe(chat, loss_on="answers")
    assert found.stop_text == family.stop
    assert found.prefix_preserving == (name not in REWRITES)
    assert (found.takes_tools, found.takes_reasoning) == (family.tools, family.reasoning)
