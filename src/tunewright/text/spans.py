"""Which characters of a rendered conversation are trained: found by rendering prefixes, not by looking for headers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

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


def render(template: Template, messages: Sequence[Message], *, generation: bool = False) -> str:
    """The text of a conversation. Raises RowProblem when the template refuses it."""
    try:
        return template.render(messages, generation=generation)
    except FAILURES as error:
        raise RowProblem("template_refuses", str(error)) from error


def draft(template: Template, messages: Sequence[Message], *, stop_text: str, loss_on: LossOn) -> Draft:
    """Text and trained spans of one conversation.

    Raises RowProblem: the template refuses it, leaves text out, changes earlier turns, or writes no stop token.
    """
    text = render(template, messages)
    check_nothing_lost(text, messages)
    spans = [
        answer_span(template, messages, text=text, index=index, stop_text=stop_text)
        for index, turn in enumerate(messages)
        if wanted(turn, loss_on, last=index == len(messages) - 1)
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


def answer_span(template: Template, messages: Sequence[Message], *, text: str, index: int, stop_text: str) -> Span:
    """From the end of the assistant's header to the end of the stop token; what follows it is not trained.

    The answer itself cannot hold the stop token: such rows are refused before.
    """
    prompt = render(template, messages[:index], generation=True)
    turn_end = text if index == len(messages) - 1 else render(template, messages[: index + 1])
    if not (text.startswith(turn_end) and turn_end.startswith(prompt)):
        raise RowProblem("template_changes_turns", f"turn {index + 1} renders otherwise when more turns follow")
    stop = turn_end.find(stop_text, len(prompt)) if stop_text else -1
    if stop < 0:
        raise RowProblem("no_stop_token", f"turn {index + 1} does not end with a stop token")
    return Span(len(prompt), stop + len(stop_text), messages[index].get("weight", 1.0))


def check_nothing_lost(text: str, messages: Sequence[Message]) -> None:
    """Raise RowProblem when a turn's text is not in the rendered one, but for white space around it."""
    for index, turn in enumerate(messages):
        if turn.get("content", "").strip() not in text:
            raise RowProblem("template_drops_text", f"the text of turn {index + 1} is not in what the template wrote")
