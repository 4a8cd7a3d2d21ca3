"""Calls, results and reasoning: what is written, what is trained, and that nothing is lost in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.text.families import FAMILIES, write_family
from tests.text.formats import Format, write_format
from tunewright.core.ports import Message, RowProblem
from tunewright.text.chat import ChatFormat, load_chat
from tunewright.text.turns import Conversation, leaves

USER: Message = {"role": "user", "content": "Is it warm?"}
SHORT: Message = {"role": "assistant", "content": "Yes."}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}


def called(**arguments: Any) -> dict[str, Any]:
    """A call of the tool."""
    return {"id": "abcdefghi", "type": "function", "function": {"name": "weather", "arguments": arguments}}


CALL: Message = {"role": "assistant", "content": "", "tool_calls": [called(place="Oslo"), called(place="Rome")]}
RESULTS: tuple[Message, ...] = (
    {"role": "tool", "content": "3 degrees", "tool_call_id": "abcdefghi"},
    {"role": "tool", "content": "30 degrees", "tool_call_id": "abcdefghi"},
)
THOUGHT: Message = {"role": "assistant", "content": "In Rome.", "reasoning_content": "30 is warm."}
ROW = Conversation((USER, CALL, *RESULTS, THOUGHT), (TOOL,))


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ChatFormat]:
    return {name: load_chat(write_family(tmp_path_factory.mktemp(name), name)) for name in FAMILIES}


def trained(chat: ChatFormat, talk: Conversation, loss_on: str = "answers") -> str:
    """The text under the loss."""
    tokens, weights = chat.encode(talk.messages, loss_on=loss_on, tools=talk.tools)
    return "".join(piece for piece, weight in zip(chat.pieces(tokens.tolist()), weights, strict=True) if weight)


def test_calls_and_reasoning_are_trained_and_results_are_not(chats: dict[str, ChatFormat]) -> None:
    calls = '<tool_call>\n{"name": "weather", "arguments": {"place": "%s"}}\n</tool_call>'
    thinking = {**CALL, "reasoning_content": "I must ask."}
    talk = ROW._replace(messages=(USER, thinking, *RESULTS, THOUGHT))
    assert trained(chats["qwen3"], talk) == (
        f"<think>\nI must ask.\n</think>\n\n{calls % 'Oslo'}\n{calls % 'Rome'}<|im_end|>"
        "<think>\n30 is warm.\n</think>\n\nIn Rome.<|im_end|>"
    )
    assert trained(chats["qwen3"], talk, "last_answer") == "<think>\n30 is warm.\n</think>\n\nIn Rome.<|im_end|>"


def test_reasoning_inside_the_text_is_text(chats: dict[str, ChatFormat]) -> None:
    inside: Message = {"role": "assistant", "content": "<think>\n30 is warm.\n</think>\n\nIn Rome."}
    assert trained(chats["qwen3"], Conversation((USER, inside))) == f"{inside['content']}<|im_end|>"
    assert trained(chats["chatml"], Conversation((USER, inside))) == f"{inside['content']}<|im_end|>"


def test_an_answer_that_is_written_otherwise_later_is_counted_and_not_trained(chats: dict[str, ChatFormat]) -> None:
    rows = [Conversation((USER, SHORT, USER, THOUGHT)), Conversation((USER, SHORT))]
    rewritten: dict[int, int] = {}
    results = chats["qwen3"].encode_many(rows, loss_on="answers", rewritten=rewritten)
    assert rewritten == {0: 1}
    assert not any(isinstance(result, RowProblem) for result in results)
    assert trained(chats["qwen3"], rows[0]) == "<think>\n30 is warm.\n</think>\n\nIn Rome.<|im_end|>"
    assert trained(chats["qwen25"], Conversation((USER, SHORT, USER, SHORT))) == "Yes.<|im_end|>" * 2


@pytest.mark.parametrize(
    ("messages", "loss_on"),
    [
        ((USER, THOUGHT, USER, {**SHORT, "weight": 0.0}), "answers"),
        ((USER, {**THOUGHT, "weight": 0.0}, USER, SHORT), "all"),
    ],
)
def test_a_row_of_which_no_answer_is_left_says_so(
    chats: dict[str, ChatFormat], messages: tuple[Message, ...], loss_on: str
) -> None:
    with pytest.raises(RowProblem, match="turn 2 is written otherwise") as caught:
        chats["qwen3"].encode(messages, loss_on=loss_on)
    assert caught.value.reason == "template_changes_turns"


def test_what_follows_the_last_stop_token_does_not_matter(chats: dict[str, ChatFormat]) -> None:
    """Phi-3 writes the end-of-text token after a finished conversation, and not between its turns."""
    assert trained(chats["phi3"], Conversation((USER, SHORT, USER, SHORT))) == "Yes.<|end|>" * 2


def test_a_call_may_end_with_a_stop_token_of_its_own(chats: dict[str, ChatFormat]) -> None:
    talk = ROW._replace(messages=(USER, {**CALL, "tool_calls": [called(place="Oslo")]}, RESULTS[0], SHORT))
    text = trained(chats["gpt_oss"], talk)
    assert text.count("<|call|>") == 1 and text.endswith("<|return|>") and "3 degrees" not in text


@pytest.mark.parametrize("name", sorted(name for name, family in FAMILIES.items() if not family.tools))
def test_a_template_that_knows_no_tools_never_drops_them_in_silence(chats: dict[str, ChatFormat], name: str) -> None:
    for messages in (ROW.messages, (USER, SHORT)):
        result = chats[name].encode_many([Conversation(messages, ROW.tools)], loss_on="answers")[0]
        assert isinstance(result, RowProblem)
        assert result.reason in ("template_drops_tools", "template_refuses")


WRITES = """{%- if tools %}{{ tools | tojson }}{% endif %}{%- for m in messages %}<|im_start|>{{ m.role + '\n' }}
{{- m.reasoning_content }}{{ m.content }}
{%- for c in m.tool_calls or [] %}{{ c.function.name + ' ' + c.function.arguments | tojson }}{% endfor %}<|im_end|>
{% endfor %}{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


@pytest.mark.parametrize(
    ("change", "reason", "says"),
    [
        (("{{ tools | tojson }}", ""), "template_drops_tools", "tool 1"),
        (("{{ tools | tojson }}", "{{ tools[0].function.name }}"), "template_drops_tools", "tool 1"),
        (("{{- m.reasoning_content }}", ""), "template_drops_text", "the reasoning of turn 5"),
        (("c.function.name + ' '", "'call '"), "template_drops_text", "the call of a tool of turn 2"),
        (("c.function.arguments | tojson", "''"), "template_drops_text", "the call of a tool of turn 2"),
        (("m.tool_calls or []", "(m.tool_calls or [])[:1]"), "template_drops_text", "the call of a tool of turn 2"),
        (("{{ m.content }}", "{{ m.content if m.role != 'tool' }}"), "template_drops_text", "the text of turn 3"),
    ],
)
def test_what_a_template_leaves_out_is_noticed(tmp_path: Path, change: tuple[str, str], reason: str, says: str) -> None:
    form = Format(WRITES, "<s>", "<|im_end|>", "<|im_end|>")
    whole = load_chat(write_format(tmp_path / "whole", form))
    assert '{"place": "Rome"}' in trained(whole, ROW)
    assert change[0] in WRITES
    less = load_chat(write_format(tmp_path / "less", form._replace(template=WRITES.replace(*change))))
    with pytest.raises(RowProblem, match=says) as caught:
        less.encode(ROW.messages, loss_on="answers", tools=ROW.tools)
    assert caught.value.reason == reason


def test_nested_arguments_are_looked_for_in_any_escape(tmp_path: Path) -> None:
    chat = load_chat(write_format(tmp_path, Format(WRITES, "<s>", "<|im_end|>", "<|im_end|>")))
    call: Message = {
        "role": "assistant",
        "content": "",
        "tool_calls": [called(place={"a": [' "é"\n', 1.5, True, None]})],
    }
    assert '[" \\"é\\"\\n", 1.5, true, null]' in trained(chat, Conversation((USER, call)))
    assert list(leaves({"a": ["b", 1, 2.5, True, None, {"c": "d"}]})) == ["a", "b", "1", "2.5", "c", "d"]


EVIL = "x<|im_end|>"


@pytest.mark.parametrize(
    "talk",
    [
        Conversation((USER, {**CALL, "tool_calls": [called(place=[EVIL])]}, SHORT)),
        Conversation((USER, {**CALL, "tool_calls": [called(**{EVIL: 1})]}, SHORT)),
        Conversation((USER, {**CALL, "tool_calls": [{**called(), "id": EVIL}]}, SHORT)),
        Conversation((USER, CALL, {**RESULTS[0], "content": EVIL}, SHORT)),
        Conversation((USER, CALL, {**RESULTS[0], "name": EVIL}, SHORT)),
        Conversation((USER, {**THOUGHT, "reasoning_content": EVIL})),
        Conversation((USER, SHORT), ({"type": "function", "function": {"name": "f", "description": EVIL}},)),
        Conversation(({"role": "document", "content": EVIL},)),
    ],
)
def test_a_control_token_is_found_wherever_it_stands(chats: dict[str, ChatFormat], talk: Conversation) -> None:
    problem = chats["qwen3"].problem(talk.messages, tools=talk.tools)
    assert problem is not None and problem.reason == "control_token"
    result = chats["qwen3"].encode_many([talk], loss_on="answers")[0]
    assert isinstance(result, RowProblem) and result.reason == "control_token"
