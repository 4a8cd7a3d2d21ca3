"""Which characters of a rendered conversation are trained: found by rendering prefixes, not by looking for headers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from tunewright.core.ports import Message, RowProblem
from tunewright.text.template import FAILURES, Template

LossOn = Literal["answers", "last_answer", "all"]


class Span(NamedTuple):
    """Characters [start, end) of the text with their loss weight; `start` is where the assistant begins to answer."""

    start: int
    end: int
    weight: float


class Draft(NamedTuple):
    """A rendered conversation before it becomes tokens."""

    text: str
    spans: list[Span]


class Conversation(NamedTuple):
    """What a template writes: turns, and the JSON schemas of tools on offer."""

    messages: Sequence[Message]
    tools: Sequence[Mapping[str, Any]] = ()


def render(template: Template, talk: Conversation, *, generation: bool = False) -> str:
    """The text of a conversation. Raises RowProblem when the template refuses it."""
    try:
        return template.render(talk.messages, generation=generation, tools=talk.tools)
    except FAILURES as error:
        raise RowProblem("template_refuses", str(error)) from error


def draft(template: Template, talk: Conversation, *, stop_texts: Sequence[str], loss_on: LossOn) -> Draft:
    """Text and trained spans of one conversation.

    Raises RowProblem: the template refuses it, leaves text out, changes earlier turns, or writes no stop token.
    """
    text = render(template, talk)
    check_nothing_lost(text, talk)
    last = len(talk.messages) - 1
    spans = [
        answer_span(template, talk, text=text, index=index, stop_texts=stop_texts)
        for index, turn in enumerate(talk.messages)
        if wanted(turn, loss_on, last=index == last)
    ]
    return Draft(text, spans)


def wanted(turn: Message, loss_on: LossOn, *, last: bool) -> bool:
    """Does this turn need a span? With `all`, only turns whose weight differs from the rest do."""
    weight = turn.get("weight", 1.0)
    if turn.get("role") != "assistant":
        return False
    if loss_on == "all":
        return weight != 1
    return weight != 0 and (last or loss_on == "answers")


def answer_span(template: Template, talk: Conversation, *, text: str, index: int, stop_texts: Sequence[str]) -> Span:
    """From the end of the assistant's header to the end of the stop token; what follows it is not trained.

    Reasoning and calls of tools are part of the answer. The answer cannot hold a stop token: such rows are refused
    before. A template that writes an earlier turn otherwise once more turns follow (most drop its reasoning) would have
    the model trained on what it never sees in use: such rows are refused, too.
    """
    turns = talk.messages
    prompt = render(template, talk._replace(messages=turns[:index]), generation=True)
    turn_end = text if index == len(turns) - 1 else render(template, talk._replace(messages=turns[: index + 1]))
    if not (text.startswith(turn_end) and turn_end.startswith(prompt)):
        raise RowProblem("template_changes_turns", f"turn {index + 1} renders otherwise when more turns follow")
    ends = [(place, stop) for stop in stop_texts if (place := turn_end.find(stop, len(prompt))) >= 0]
    if not ends:
        raise RowProblem("no_stop_token", f"turn {index + 1} does not end with a stop token")
    place, stop = min(ends)
    return Span(len(prompt), place + len(stop), turns[index].get("weight", 1.0))


def check_nothing_lost(text: str, talk: Conversation) -> None:
    """Raise RowProblem when a turn's text is not in the rendered one, but for white space around it.

    Of calls, names and text values of arguments are looked for; of reasoning, that of the last turn, because templates
    leave out earlier ones on purpose.
    """
    for index, turn in enumerate(talk.messages):
        pieces = [turn.get("content", ""), *call_texts(turn)]
        if index == len(talk.messages) - 1:
            pieces.append(turn.get("reasoning_content", ""))
        for piece in pieces:
            if piece.strip() not in text and json.dumps(piece.strip(), ensure_ascii=False)[1:-1] not in text:
                raise RowProblem(
                    "template_drops_text", f"the text of turn {index + 1} is not in what the template wrote"
                )


def call_texts(turn: Message) -> list[str]:
    """Names of the functions that a turn calls, and the texts among their arguments."""
    found: list[str] = []
    for call in turn.get("tool_calls", []):
        function = call["function"]
        found.append(function["name"])
        found += [value for value in function["arguments"].values() if isinstance(value, str)]
    return found


def texts(turn: Message) -> list[str]:
    """Every text of a turn that a template may write."""
    return [turn.get("content", ""), turn.get("reasoning_content", ""), turn.get("name", ""), *call_texts(turn)]
