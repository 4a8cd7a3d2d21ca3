"""Words, numbers and names of a text, for scorers that compare texts by them. No language model, no network.

English stop words and endings are known; in other languages function words count as content and endings stay. Where a
script writes no spaces between words, pairs of neighbouring characters stand in for words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import regex

WORD = regex.compile(r"\w+")  # unlike `re`, it keeps a letter and its accents or vowel signs together
LETTERS = regex.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
THOUSANDS = re.compile(r",(?=\d{3}(?:\D|$))")
LIST_MARK = re.compile(r"^[ \t]*(?:\d{1,3}[.)]|[-*•#>]+)[ \t]+", re.MULTILINE)
SENTENCE_START = re.compile(r"(?:^|[.!?:;\n]|[\"“(\[*_])\W*$")
STEM_LETTERS = 6
ENDINGS = ("ments", "ment", "ings", "ing", "edly", "ies", "ied", "ers", "es", "ed", "er", "ly", "s", "e", "y")
_STOP = """
a about above after again against all also am an and any are as at be because been before being below between both but
by can could did do does doing done down during each either else etc even ever every few for from further get got had
has have having he hence her here hers herself him himself his how however i if in indeed into is it its itself just
least less let like made make makes many may me might mine more most much must my myself neither no nor not now of off
often on once one only onto or other others our ours ourselves out over own per perhaps please quite rather really same
shall she should since so some such than that the their theirs them themselves then there therefore these they this
those though through thus to too toward towards under until up upon us use used using very was we well were what when
where whether which while who whom whose why will with within without would yes yet you your yours yourself yourselves
don't doesn't didn't isn't aren't wasn't weren't can't couldn't won't wouldn't shouldn't it's i'm you're they're we're
that's there's what's let's i'd i'll i've you'd you'll you've
"""
STOP_WORDS = frozenset(_STOP.split())
_COUNTED = "zero one two three four five six seven eight nine ten eleven twelve"
NUMBER_WORDS = {word: str(value) for value, word in enumerate(_COUNTED.split())}


def count_words(text: str) -> int:
    """Runs of letters, digits and underscores, as IFEval counts words."""
    return sum(1 for _ in WORD.finditer(text))


def content_words(text: str) -> list[str]:
    """Stems of the words that carry content, in order, as often as they stand there; numbers are left out."""
    found: list[str] = []
    for match in LETTERS.finditer(text.lower().replace("’", "'")):
        word = match.group()
        if UNSPACED.search(word):
            found += [word[place : place + 2] for place in range(max(len(word) - 1, 1))]
        elif word not in STOP_WORDS and len(word) > 1:
            found.append(stem(word))
    return found


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A lower-case word without its commonest English endings, cut after six letters: `infections` is `infect`."""
    word = word.removesuffix("'s")
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:STEM_LETTERS]


def numbers(text: str) -> list[str]:
    """Numbers in digits, in one form each: `1,200` and `1200.0` are `1200`. Marks of numbered lists are left out."""
    return [_plain(match.group()) for match in NUMBER.finditer(LIST_MARK.sub("", text))]


def number_words(text: str) -> list[str]:
    """The numbers that `zero` to `twelve` stand for, where a text writes them so."""
    return [NUMBER_WORDS[word] for word in WORD.findall(text.lower()) if word in NUMBER_WORDS]


def names(text: str) -> list[str]:
    """Words with a capital letter that do not begin a sentence, a line, or what is quoted; in lower case.

    A guess: German nouns are all found, and a name at the start of a sentence never is.
    """
    text = LIST_MARK.sub("", text).replace("’", "'")
    return [
        match.group().lower().removesuffix("'s")
        for match in LETTERS.finditer(text)
        if match.group()[0].isupper()
        and len(match.group()) > 1
        and match.group().lower() not in STOP_WORDS
        and not SENTENCE_START.search(text[max(match.start() - 8, 0) : match.start()])
    ]


def share_in(wanted: Iterable[str], there: frozenset[str] | set[str]) -> float | None:
    """Share of `wanted`, each as often as it comes, that is in `there`; None when nothing is wanted."""
    hits = [one in there for one in wanted]
    return sum(hits) / len(hits) if hits else None


def _plain(number: str) -> str:
    number = THOUSANDS.sub("", number)
    if number.count(".") == 1:
        number = number.rstrip("0").rstrip(".")
    return number.lstrip("0") or "0" if "." not in number else number
