"""Which characters of a rendered conversation are trained: found by rendering prefixes, not by looking for headers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from tunewright.core.ports import Message, RowProblem
from tunewright.text.template import FAILURES, Template
from tunewright.text.turns import Conversation, check_nothing_lost, check_turn_kept

LossOn = Literal["answers", "last_answer", "all"]


class Span(NamedTuple):
    """Characters [start, end) of the text with their loss weight; `start` is where the assistant begins to answer."""

    start: int
    end: int
    weight: float


class Draft(NamedTuple):
    """A rendered conversation before it becomes tokens.

    `rewritten` counts earlier answers that stay untrained because the template writes them otherwise later on.
    """

    text: str
    spans: list[Span]
    rewritten: int = 0


def render(template: Template, talk: Conversation, *, generation: bool = False) -> str:
    """The text of a conversation. Raises RowProblem when the template refuses it."""
    try:
        return template.render(talk.messages, generation=generation, tools=talk.tools)
    except FAILURES as error:
        raise RowProblem("template_refuses", str(error)) from error


def draft(template: Template, talk: Conversation, *, stop_texts: Sequence[str], loss_on: LossOn) -> Draft:
    """Text and trained spans of one conversation.

    An earlier answer that the template writes otherwise once more turns follow (many drop its reasoning) would be
    trained on what the model never says in use: it stays untrained and is counted.

    Raises RowProblem: the template refuses it, leaves something out, writes no stop token, or no answer is left.
    """
    text = render(template, talk)
    check_nothing_lost(text, talk)
    last = len(talk.messages) - 1
    asked = [index for index, turn in enumerate(talk.messages) if wanted(turn, loss_on, last=index == last)]
    found = [answer_span(template, talk, text=text, index=index, stop_texts=stop_texts) for index in asked]
    spans = [span for span in found if span is not None]
    if len(spans) < len(found) and (loss_on == "all" or not spans):
        number = asked[found.index(None)] + 1
        raise RowProblem("template_changes_turns", f"turn {number} is written otherwise when more turns follow")
    return Draft(text, spans, rewritten=len(found) - len(spans))


def wanted(turn: Message, loss_on: LossOn, *, last: bool) -> bool:
    """Does this turn need a span? With `all`, only turns whose weight differs from the rest do."""
    weight = turn.get("weight", 1.0)
    if turn.get("role") != "assistant":
        return False
    if loss_on == "all":
        return weight != 1
    return weight != 0 and (last or loss_on == "answers")


def answer_span(
    template: Template, talk: Conversation, *, text: str, index: int, stop_texts: Sequence[str]
) -> Span | None:
    """From the end of the assistant's header to the end of the stop token; what follows it is not trained.

    Reasoning and calls of tools are part of the answer. The answer cannot hold a stop token: such rows are refused
    before. None for an earlier answer that does not stand in the text as it was given.
    """
    turns, is_last = talk.messages, index == len(talk.messages) - 1
    prompt = render(template, talk._replace(messages=turns[:index]), generation=True)
    given = text if is_last else render(template, talk._replace(messages=turns[: index + 1]))
    if not given.startswith(prompt):
        if is_last:
            raise RowProblem("template_changes_turns", f"what is written before turn {index + 1} changes with it")
        return None
    end = answer_end(given, len(prompt), stop_texts=stop_texts)
    if end is None:
        raise RowProblem("no_stop_token", f"turn {index + 1} does not end with a stop token")
    if not text.startswith(given[:end]):
        return None
    check_turn_kept(given[len(prompt) : end], turns[index], index=index)
    return Span(len(prompt), end, turns[index].get("weight", 1.0))


def answer_end(text: str, start: int, *, stop_texts: Sequence[str]) -> int | None:
    """Where the first stop token after `start` ends; None when there is none."""
    ends = [(place, -len(stop)) for stop in stop_texts if (place := text.find(stop, start)) >= 0]
    if not ends:
        return None
    place, length = min(ends)
    return place - length
