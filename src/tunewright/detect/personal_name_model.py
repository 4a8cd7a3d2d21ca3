"""Names of people by a model beside the lists: what a model of English takes for a person, where that can be trusted.

Such a model takes other languages' nouns, codes and headings for people. So a finding counts when it is written as a
name is, and the text around it is English; in other languages only when one of its words is a name by the lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from tunewright.detect.language import language
from tunewright.detect.personal_name import known_names, names
from tunewright.detect.spans import Span

Places = Callable[[str], Sequence[tuple[int, int]]]
MODEL_LANGUAGE = "en"
SCORE = 0.6
_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|['’-])*\.?")
_PARTICLES = "von van vom zu zur de der den del della di da dos du la las los le y bin ibn ter ten af al el"
_SMALL = frozenset(_PARTICLES.split())
_MARKS = " \t\n\0.,;:!?()[]{}<>\"'“”«»*_#-/"


def named_by(places: Places) -> Callable[[str], Iterator[Span]]:
    """A finder of names by the lists and by a model, whose places a function gives."""

    def find(text: str) -> Iterator[Span]:
        yield from names(text)
        yield from _trusted(text, places)

    return find


def _trusted(text: str, places: Places) -> Iterator[Span]:
    """The model's findings that are written as names. What was found before (zero bytes) is as a code to the model."""
    found = [_trimmed(text, *place) for place in places(text.replace("\0", "0"))]
    written = [(start, end) for start, end in found if _is_written_as_name(text[start:end])]
    if not written:
        return
    english = language(text.replace("\0", " ")).code == MODEL_LANGUAGE
    for start, end in written:
        if english or _is_listed(text[start:end]):
            yield Span(start, end, "name", SCORE)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without marks at either end, and without what follows a line end."""
    part = text[start:end]
    start += len(part) - len(part.lstrip(_MARKS))
    part = part.strip(_MARKS).split("\n", 1)[0].rstrip(_MARKS)
    part = part.removesuffix("'s").removesuffix("’s")
    return start, start + len(part)


def _is_written_as_name(part: str) -> bool:
    """One to five words of letters, each with a capital but for particles inside; one alone is no common word."""
    words = part.split()
    if not 1 <= len(words) <= 5 or not (words[0][0].isupper() and words[-1][0].isupper()):
        return False
    if len(words) == 1 and (part.isupper() or known_names().first.get(part.lower(), False)):
        return False
    return all(_NAME.fullmatch(word) and (word[0].isupper() or word in _SMALL) for word in words)


def _is_listed(part: str) -> bool:
    """True for two words or more, one of which is a name and no common word."""
    words, known = part.lower().split(), known_names()
    return len(words) > 1 and any(not known.first.get(word, True) or not known.last.get(word, True) for word in words)
