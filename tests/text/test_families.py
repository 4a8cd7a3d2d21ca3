"""Seventeen public template families: text, tokens, refusals and masks are those of Transformers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.text.families import FAMILIES, FOLDER, write_family
from tests.text.talks import talk
from tunewright.core.errors import UserError
from tunewright.core.ports import Message, RowProblem
from tunewright.text.chat import ChatFormat, load_chat
from tunewright.text.probe import probe
from tunewright.text.template import FAILURES, FIXED_DAY
from tunewright.text.turns import Conversation

TALKS = 120
MARKED = sorted(name for name in FAMILIES if "generation %}" in (FOLDER / f"{name}.jinja").read_text(encoding="utf-8"))
REWRITES = {"qwen3", "qwen3_thinking", "gpt_oss"}
"""Families that write an earlier answer otherwise once more turns follow."""


class FixedClock(datetime):
    """Transformers gives templates the clock's day, which may change while tests run."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> FixedClock:
        return cls(FIXED_DAY.year, FIXED_DAY.month, FIXED_DAY.day, tzinfo=tz)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[ChatFormat, Any]]]:
    """Our chat format and Transformers' tokenizer over one folder, by family; both on the same day."""
    from transformers import AutoTokenizer
    from transformers.utils import chat_template_utils

    folders = {name: write_family(tmp_path_factory.mktemp(name), name) for name in FAMILIES}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chat_template_utils, "datetime", FixedClock)
        yield {name: (load_chat(folder), AutoTokenizer.from_pretrained(folder)) for name, folder in folders.items()}


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


def stretches(mask: Any) -> list[tuple[int, int]]:
    """Runs [start, end) of tokens that are not 0."""
    edges = np.flatnonzero(np.diff(np.asarray(mask, dtype=np.int64), prepend=0, append=0))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def told_apart(case: Conversation) -> Conversation:
    """The conversation with texts that name their speaker."""
    turns: list[Message] = []
    for index, turn in enumerate(case.messages):
        turns.append({**turn, "content": f"{turn['role']}-says {index}"})
        if "reasoning_content" in turn:
            turns[-1]["reasoning_content"] = f"thinks {index}"
        if "tool_calls" in turn:
            named = enumerate(turn["tool_calls"])
            turns[-1]["tool_calls"] = [
                {**each, "function": {"name": "search", "arguments": {"city": f"calls {index} {number}"}}}
                for number, each in named
            ]
    function = {"name": "search", "description": "tool-described", "parameters": {"type": "object", "properties": {}}}
    return Conversation(tuple(turns), ({"type": "function", "function": function},) if case.tools else ())


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
        rewritten: dict[int, int] = {}
        result = chat.encode_many([case], loss_on="answers", rewritten=rewritten)[0]
        if isinstance(result, RowProblem):
            continue
        given = theirs(tokenizer, case, return_dict=True, return_assistant_tokens_mask=True)
        tokens, weights = result
        assert tokens.tolist() == given["input_ids"]
        marked = stretches(given["assistant_masks"])
        left_out = rewritten.get(0, 0)
        assert len(stretches(weights)) == len(marked) - left_out
        assert set(stretches(weights)) < set(marked) if left_out else stretches(weights) == marked
        assert stretches(chat.encode(case.messages, loss_on="last_answer", tools=case.tools)[1]) == marked[-1:]
        compared += 1
    assert compared >= TALKS // 8


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_of_what_is_said_only_the_assistants_part_is_trained(
    pairs: dict[str, tuple[ChatFormat, Any]], name: str
) -> None:
    """Each text carries its speaker's mark; the last answer is whole, reasoning and calls included."""
    chat = pairs[name][0]
    checked = 0
    for case in map(told_apart, talks(name)):
        result = chat.encode_many([case], loss_on="answers")[0]
        if isinstance(result, RowProblem):
            continue
        tokens, weights = result
        text = chat.tokenizer.decode(tokens[weights > 0].tolist(), skip_special_tokens=False)
        assert not any(mark in text for mark in ("system-says", "user-says", "tool-says", "tool-described"))
        said = case.messages[-1]
        assert said["content"] in text and said.get("reasoning_content", "") in text
        assert all(each["function"]["arguments"]["city"] in text for each in said.get("tool_calls", ()))
        checked += 1
    assert checked >= TALKS // 8


def test_a_prompt_that_opens_what_the_answer_drops_is_refused(tmp_path: Path) -> None:
    """DeepSeek R1's prompt opens `<think>`, and its finished turns hold no reasoning: nothing of it can be trained."""
    folder = write_family(tmp_path, "deepseek")
    path = folder / "chat_template.jinja"
    source = path.read_text(encoding="utf-8")
    path.write_text(source.replace("{{- '<｜Assistant｜>' }}", "{{- '<｜Assistant｜><think>\\n' }}"), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != source
    with pytest.raises(UserError, match="does not begin the finished conversation") as caught:
        probe(load_chat(folder), loss_on="answers")
    assert "model.template" in caught.value.problems[0].do
    assert probe(load_chat(folder, template="user_assistant"), loss_on="answers").prefix_preserving


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
