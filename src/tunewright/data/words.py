"""Words of texts and rows for comparison: case, spaces and punctuation do not count."""

from __future__ import annotations

import re

from tunewright.core.ports import Message, Row, is_answered, prompt_of

_ONE_BY_ONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Kana, Han and Hangul: written without spaces between words, or with few; each character stands for a word."""
_WORD = re.compile(rf"[{_ONE_BY_ONE}]|[^\W_{_ONE_BY_ONE}]+")
_SPACES = str.maketrans({chr(code): " " for code in range(128) if not chr(code).isalnum()})


def words_of(text: str) -> list[str]:
    """Runs of letters and digits, case folded; each character of Chinese, Japanese and Korean is a word of its own."""
    text = text.casefold()
    if text.isascii():  # the same words, four times as fast
        return text.translate(_SPACES).split()
    return _WORD.findall(text)


def prompt_text(row: Row) -> str:
    """The turns before the answer; the system turn is left out, because whole data sets share it."""
    return _joined(prompt_of(row.messages))


def answer_text(row: Row) -> str:
    """The last turn, where it is an answer."""
    return _joined(row.messages[-1:]) if is_answered(row.messages) else ""


def rejected_text(row: Row) -> str:
    """The turns that lost, of a preference pair."""
    return _joined(row.rejected)


def _joined(messages: tuple[Message, ...]) -> str:
    return "\n".join(turn.get("content", "") for turn in messages if turn.get("role") != "system")
