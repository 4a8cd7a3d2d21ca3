"""What shapes have in common: text out of a column, or a problem with a short stable reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.core.ports import Message, RowProblem


def required_text(value: Mapping[str, Any], column: str) -> str:
    """The text of a column that must be there and not be blank. Raises RowProblem."""
    text = optional_text(value, column)
    if text is None:
        raise RowProblem("missing_column", f'there is no "{column}"')
    if not text.strip():
        raise RowProblem("empty_text", f'"{column}" is empty')
    return text


def optional_text(value: Mapping[str, Any], column: str) -> str | None:
    """The text of a column, or None when it is absent or null. Raises RowProblem when it is no text."""
    text = value.get(column)
    if text is not None and not isinstance(text, str):
        raise RowProblem("not_text", f'"{column}" is a {type(text).__name__}')
    return text


def exchange(question: str, answer: str) -> tuple[Message, ...]:
    """One user turn and one assistant turn."""
    return {"role": "user", "content": question}, {"role": "assistant", "content": answer}
