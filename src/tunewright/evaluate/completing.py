"""Ranks continuations of plain text by likelihood, without a chat template around them.

A small chat model hardly knows what it is asked when choices are ranked as turns of a chat: SmolLM2-135M-Instruct finds
21 of 60 facts so, and 52 when they go on from a text (docs/explanation/suites.md). N rows, C choices a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from tunewright.core.answers import AnsweredRow
from tunewright.core.language_model import ScoreItem
from tunewright.core.ports import Chat, Row
from tunewright.evaluate.asking import chat_of, likeliest
from tunewright.evaluate.suite import Respondent

START = "\n"
"""What a text stands after where nothing precedes it, so that its first token is scored too."""


def completed(
    model: Respondent, rows: Sequence[Row], *, contexts: Sequence[str], choices: Sequence[Sequence[str]]
) -> list[AnsweredRow]:
    """Each row's likeliest choice as what follows its context [N], after a space; choices [N][C].

    Without a context a choice is a whole text that stands at the start of a line. Context and choice are tokenised
    together. Every token is scored that is not common to all choices of a row, so that the sums of two choices differ
    exactly as the log-probabilities of the two whole texts do. Nothing ends the text: no stop token is scored.
    Raises NotMeasured for a model that is far away.
    """
    chat = chat_of(model)
    heads = [f"{context} " if context else START for context in contexts]
    items = [_item(chat, head, own) for head, own in zip(heads, choices, strict=True)]
    results = model.score(items)
    return [likeliest(row, scored, choices=own) for row, scored, own in zip(rows, results, choices, strict=True)]


def _item(chat: Chat, head: str, choices: Sequence[str]) -> ScoreItem:
    """The choices as continuations of what they have in common; each keeps at least one token.

    A tokenizer that joins the line break to the first word, or drops it, leaves nothing in common: then the choices
    are tokenised alone, after the line break or else after the token that ends an answer.
    """
    texts = [tuple(chat.encode_text(head + choice)) for choice in choices]
    shortest = min(len(text) for text in texts)
    common = len(list(takewhile(lambda place: len({text[place] for text in texts}) == 1, range(shortest - 1))))
    if common:
        return ScoreItem(texts[0][:common], tuple(text[common:] for text in texts))
    start = tuple(chat.encode_text(head)) or chat.turn_end
    return ScoreItem(start, tuple(tuple(chat.encode_text(choice)) for choice in choices))
