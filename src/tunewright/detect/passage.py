"""A text taken apart once: words, lines, paragraphs, sentences. What measures of quality count."""

from __future__ import annotations

import re
from functools import cached_property

ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Scripts without blanks between words (Han, Kana, Thai, Lao, Burmese, Khmer): each sign counts as a word."""
WORD = re.compile(rf"[{ALONE}]|[^\s{ALONE}]+")
PARAGRAPHS = re.compile(r"\n{2,}")
LINES = re.compile(r"\n+")
SENTENCE = re.compile(r"[^.!?。！？]+(?:[.!?。！？]+[\"')\]»”]*|$)")


class Passage:
    """Views of one text, each made when it is first asked for."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def words(self) -> list[str]:
        """What stands between blanks, punctuation included; signs of scripts without blanks one by one."""
        return WORD.findall(self.text)

    @cached_property
    def bare(self) -> list[str]:
        """Words that hold a letter or a digit, without punctuation at their ends."""
        return [bare for word in self.words if (bare := _bare(word))]

    @cached_property
    def lines(self) -> list[str]:
        """Lines, runs of line ends as one."""
        return LINES.split(self.text)

    @cached_property
    def filled_lines(self) -> list[str]:
        """Lines that hold something."""
        return [line for line in self.text.split("\n") if line.strip()]

    @cached_property
    def paragraphs(self) -> list[str]:
        """Parts between empty lines."""
        return PARAGRAPHS.split(self.text.strip())


def sentences(line: str) -> int:
    """How many sentences a line holds."""
    return sum(1 for match in SENTENCE.finditer(line) if any(map(str.isalnum, match.group())))


def _bare(word: str) -> str:
    start, end = 0, len(word)
    while start < end and not word[start].isalnum():
        start += 1
    while end > start and not word[end - 1].isalnum():
        end -= 1
    return word[start:end]
