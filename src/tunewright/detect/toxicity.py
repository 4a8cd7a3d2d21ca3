"""Toxicity of an English text, by words with weights and by patterns of insults and threats. No model, no network.

It sees what is said in plain or lightly disguised words, and nothing between the lines: contempt without a hard word,
irony and quotation are beyond it. docs/explanation/scorers.md has its precision and recall on public sets.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections import defaultdict
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from tunewright.detect.attacks import attacks
from tunewright.detect.letters import small_letters, tokens
from tunewright.detect.spans import Span, together

LEXICON = Path(__file__).with_name("toxicity_en.tsv")
STRONG = 0.5
SENTENCE_END = re.compile(r"(?<![.!?])[.!?]++\s|\n")


class _Word(NamedTuple):
    score: float
    kind: str


class _Lexicon(NamedTuple):
    whole: dict[str, _Word]
    starts: dict[str, dict[str, _Word]]
    parts: dict[str, _Word]
    ends: dict[str, _Word]


def toxicity(text: str) -> float:
    """How likely a text is toxic, in [0, 1]; 0 for an empty one: that of its worst sentence.

    Within a sentence findings add up as independent chances, each word once, so that a long text is not toxic for
    mild words here and there.
    """
    sentences: dict[int, dict[str, float]] = defaultdict(dict)
    ends = [match.start() for match in SENTENCE_END.finditer(text)]
    for span in toxic_spans(text):
        sentences[bisect(ends, span.start)][text[span.start : span.end].lower()] = span.score
    return max((together(found.values()) for found in sentences.values()), default=0.0)


def toxic_spans(text: str) -> list[Span]:
    """Words and phrases that make a text toxic, in order; kinds: insult, profanity, sexual, slur, threat."""
    found = [
        Span(token.start, token.end, word.kind, word.score)
        for token in tokens(text)
        if (word := _look_up(token.forms, token.masked))
    ]
    plain = small_letters(text)
    for score, kind, pattern in attacks():
        found += [Span(match.start(), match.end(), kind, score) for match in pattern.finditer(plain)]
    return sorted(found)


@lru_cache(maxsize=1 << 16)
def _look_up(forms: tuple[str, ...], masked: str) -> _Word | None:
    """The word of the lexicon that one of the forms is, or that is masked."""
    known = _lexicon()
    for form in forms:
        if word := _word(form, known):
            return word
    if not masked:
        return None
    hidden = re.compile(masked)
    return next((meant for word, meant in _disguised().items() if hidden.fullmatch(word)), None)


def _word(form: str, known: _Lexicon) -> _Word | None:
    if word := known.whole.get(form):
        return word
    for start, word in known.starts.get(form[:3], {}).items():
        if form.startswith(start):
            return word
    for part, word in known.parts.items():
        if part in form:
            return word
    return next((word for end, word in known.ends.items() if form.endswith(end)), None)


@cache
def _lexicon() -> _Lexicon:
    known = _Lexicon({}, defaultdict(dict), {}, {})
    for line in LEXICON.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        score, kind, entry = line.split("\t")
        word, bare = _Word(float(score), kind), entry.strip("*")
        known.whole[bare] = word
        if entry.startswith("*") and entry.endswith("*"):
            known.parts[bare] = word
        elif entry.startswith("*"):
            known.ends[bare] = word
        elif entry.endswith("*"):
            known.starts[bare[:3]][bare] = word
    return known


@cache
def _disguised() -> dict[str, _Word]:
    """Words that people mask: the strong ones, with their commonest endings."""
    strong = {word: meant for word, meant in _lexicon().whole.items() if meant.score >= STRONG}
    return {word + ending: meant for word, meant in strong.items() for ending in ("", "s", "ing", "ed", "er", "ers")}
