"""What shapes have in common: text out of a column, or a problem with a short stable reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from tunewright.core.ports import Message, RowProblem

PAIR = frozenset({"chosen", "rejected"})
"""Columns of a preference pair; a row that has both is one, whatever else it holds."""
RATINGS = ("rating", "score", "overall_score", "label", "desirable", "kto_tag")
"""Columns of what an answer is worth, in known data sets: the first is a rated row's own."""
LISTS_OF_RATINGS = ("ratings", "scores")
PROMPTS = ("prompt", "instruction", "question")
COMPLETIONS = ("completion", "response", "answer", "text", "content")
ANSWERS = ("completions", "responses", "answers")
REFERENCES = ("reference", "solution", "ground_truth", "target", "answer")
MAX_NAMES = 10
MAX_NAME_CHARACTERS = 40


def required_text(value: Mapping[str, Any], column: str) -> str:
    """The text of a column that must be there and not be blank. Raises RowProblem."""
    text = optional_text(value, column)
    if text is None:
        raise RowProblem("missing_column", missing(value, column))
    if not text.strip():
        raise RowProblem("empty_text", f'"{column}" is empty')
    return text


def missing(value: Mapping[str, Any], column: str) -> str:
    """That a column is absent, with those that are there; a few, because rows of any width are read."""
    if column in value:
        return f'"{column}" is null'
    names = [name[:MAX_NAME_CHARACTERS] for name in islice(value, MAX_NAMES)]
    more = ", ..." if len(value) > MAX_NAMES else ""
    return f'there is no "{column}"; there is: {", ".join(names) or "nothing"}{more}'


def optional_text(value: Mapping[str, Any], column: str) -> str | None:
    """The text of a column, or None when it is absent or null. Raises RowProblem when it is no text."""
    text = value.get(column)
    if text is not None and not isinstance(text, str):
        raise RowProblem("not_text", f'"{column}" is a {type(text).__name__}')
    return text


def named(value: Mapping[str, Any], wanted: str, *, known: Sequence[str]) -> str:
    """The column that is meant: the wanted one; where that is the usual name and absent, another that is known."""
    if wanted in value or wanted != known[0]:
        return wanted
    return next((name for name in known if name in value), wanted)


def exchange(question: str, answer: str) -> tuple[Message, ...]:
    """One user turn and one assistant turn."""
    return {"role": "user", "content": question}, {"role": "assistant", "content": answer}
