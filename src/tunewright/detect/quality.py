"""Measures of how a text is written, each a number: what the rules of Gopher, C4 and FineWeb compare with limits.

Sources: Rae et al. 2021 (Gopher), section A.1.1 and table A1; Raffel et al. 2020 (C4), section 2.2 and its reference
implementation; Penedo et al. 2024 (FineWeb), section 3.6. Shares lie in [0, 1]; a text without words measures 0.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import regex

from tunewright.detect.passage import Passage, sentences

Measure = Callable[[Passage], float]
STOP_WORDS = frozenset(("the", "be", "to", "of", "and", "that", "have", "with"))
MARKUP = re.compile(r"</?[a-zA-Z!][^<>]{0,500}>|&[a-z]{2,8};|https?://\S+|\[/?[a-z]{1,10}(?:=[^\]\n]{1,200})?\]")
WINDOW = 100
"""Words in which different ones are counted: over a whole text their share falls with its length."""
END_MARKS = (".", "?", "!", '"', "'")
CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
LONGEST_WORD = 1000
POLICIES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
TERMINAL = regex.compile(r"\p{STerm}\Z")
"""Unicode's marks that end sentences, of all scripts."""
SIGNS = frozenset("$+<=>^`|~\u00b4\u2236\uff5c\uff5e")
"""Beside Unicode's punctuation."""


def words(passage: Passage) -> float:
    """Words that are more than punctuation."""
    return sum(map(_is_word, passage.words))


def mean_word_length(passage: Passage) -> float:
    """Characters of a word; words of punctuation alone are left out."""
    lengths = [len(word) for word in passage.words if _is_word(word)]
    return sum(lengths) / len(lengths) if lengths else 0.0


def hashes(passage: Passage) -> float:
    """Hash signs for a word."""
    return _for_a_word(passage.text.count("#"), passage)


def ellipses(passage: Passage) -> float:
    """Ellipses for a word."""
    return _for_a_word(passage.text.count("...") + passage.text.count("…"), passage)


def bullet_lines(passage: Passage) -> float:
    """Share of lines that begin with a bullet or dash."""
    return _share(passage.text.splitlines(), lambda line: line.lstrip().startswith(("•", "-")))


def ellipsis_lines(passage: Passage) -> float:
    """Share of lines that end in an ellipsis."""
    return _share(passage.text.splitlines(), lambda line: line.rstrip().endswith(("...", "…")))


def alphabetic_words(passage: Passage) -> float:
    """Share of words with a letter."""
    return _share(passage.words, lambda word: any(map(str.isalpha, word)))


def stop_words(passage: Passage) -> float:
    """How many of eight English function words stand in it."""
    return len(STOP_WORDS.intersection(passage.bare))


def unique_words(passage: Passage) -> float:
    """Share of different words, the mean over windows of 100 words (Covington and McFall 2010)."""
    found = [word.lower() for word in passage.bare]
    if not found:
        return 0.0
    starts = range(0, max(1, len(found) - WINDOW // 2), WINDOW)
    shares = [len(set(found[at : at + WINDOW])) / len(found[at : at + WINDOW]) for at in starts]
    return sum(shares) / len(shares)


def markup(passage: Passage) -> float:
    """Share of characters in tags, entities and addresses."""
    text = passage.text
    return sum(match.end() - match.start() for match in MARKUP.finditer(text)) / len(text) if text else 0.0


def strange_characters(passage: Passage) -> float:
    """Share of characters but blanks that are broken, private, unassigned, or pieces of boxes."""
    shown = [sign for sign in passage.text if not sign.isspace()]
    return sum(map(_is_strange, shown)) / len(shown) if shown else 0.0


def duplicate_lines(passage: Passage) -> float:
    """Share of lines that stand before."""
    return _repeated(passage.lines)[0] / len(passage.lines)


def duplicate_line_characters(passage: Passage) -> float:
    """Share of characters in such lines."""
    return _of_text(_repeated(passage.lines)[1], passage)


def duplicate_paragraphs(passage: Passage) -> float:
    """Share of paragraphs that stand before."""
    return _repeated(passage.paragraphs)[0] / len(passage.paragraphs)


def duplicate_paragraph_characters(passage: Passage) -> float:
    """Share of characters in such paragraphs."""
    return _of_text(_repeated(passage.paragraphs)[1], passage)


def fineweb_duplicate_characters(passage: Passage) -> float:
    """Share of characters in lines that stand before, line ends not counted."""
    whole = len(passage.text.replace("\n", ""))
    return _repeated(passage.filled_lines)[1] / whole if whole else 0.0


def top_gram(size: int) -> Measure:
    """Share of characters in the commonest run of so many words."""

    def measure(passage: Passage) -> float:
        runs = [" ".join(passage.words[at : at + size]) for at in range(len(passage.words) - size + 1)]
        if not runs:
            return 0.0
        run, count = Counter(runs).most_common(1)[0]
        return _of_text(len(run) * count, passage)

    return measure


def duplicate_grams(size: int) -> Measure:
    """Share of characters in runs of so many words that stand before, without overlap."""

    def measure(passage: Passage) -> float:
        found = passage.words
        seen: set[tuple[str, ...]] = set()
        repeated = at = 0
        while at <= len(found) - size:
            run = tuple(found[at : at + size])
            if run in seen:
                repeated += sum(map(len, run))
                at += size
            else:
                seen.add(run)
                at += 1
        return _of_text(repeated, passage)

    return measure


def repeats_in_a_row(passage: Passage) -> float:
    """Share of words in runs of one to eight words that follow themselves at once, three times or more."""
    found = [word.lower() for word in passage.words]
    worst = 0
    for size in range(1, min(8, len(found) // 3) + 1):
        together = inside = 0
        for at in range(size, len(found)):
            together = together + 1 if found[at] == found[at - size] else 0
            if together == 2 * size:
                inside += 3 * size
            elif together > 2 * size:
                inside += 1
        worst = max(worst, inside)
    return worst / len(found) if found else 0.0


def terminal_lines(passage: Passage) -> float:
    """Share of lines that end with a mark that ends sentences."""
    return _share(passage.filled_lines, lambda line: TERMINAL.search(line) is not None)


def short_lines(passage: Passage) -> float:
    """Share of lines of at most 30 characters."""
    return _share(passage.filled_lines, lambda line: len(line) <= 30)


def line_ends(passage: Passage) -> float:
    """Line ends for a word."""
    return _for_a_word(passage.text.count("\n"), passage)


def c4_sentences(passage: Passage) -> float:
    """Sentences in lines that C4 keeps: ended by a mark, of three words or more, no notice about scripts or cookies."""
    return sum(sentences(line) for line in _c4_lines(passage) if not _is_notice(line.lower()))


def c4_placeholder(passage: Passage) -> float:
    """1 where such a line holds the text of typesetters or a curly bracket."""
    return float(any(_is_placeholder(line, line.lower()) for line in _c4_lines(passage)))


def _c4_lines(passage: Passage) -> Iterable[str]:
    for line in passage.text.splitlines():
        stripped = line.strip()
        parts = stripped.split()
        if len(parts) < 3 or max(map(len, parts)) > LONGEST_WORD:
            continue
        kept = CITATION.sub("", stripped)
        if kept.endswith(END_MARKS) and not kept.endswith("..."):
            yield kept


def _is_placeholder(line: str, small: str) -> bool:
    return "lorem ipsum" in small or ("{" in line and "javascript" not in small)


def _is_notice(line: str) -> bool:
    return "javascript" in line or any(policy in line for policy in POLICIES)


@lru_cache(maxsize=1 << 16)
def _is_word(word: str) -> bool:
    return not all(map(is_sign, word))


@lru_cache(maxsize=1 << 12)
def is_sign(sign: str) -> bool:
    """True for punctuation and signs like it: a word of these alone is none."""
    return unicodedata.category(sign) in ("Cc", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps") or sign in SIGNS


@lru_cache(maxsize=1 << 12)
def _is_strange(sign: str) -> bool:
    return unicodedata.category(sign) in ("Co", "Cn", "Cs", "Cc") or sign == "\ufffd" or "\u2500" <= sign <= "\u25ff"


def _share(things: Sequence[str], right: Callable[[str], bool]) -> float:
    return sum(map(right, things)) / len(things) if things else 0.0


def _for_a_word(count: int, passage: Passage) -> float:
    return count / len(passage.words) if passage.words else 0.0


def _of_text(characters: int, passage: Passage) -> float:
    return characters / len(passage.text) if passage.text else 0.0


def _repeated(things: Sequence[str]) -> tuple[int, int]:
    """How many stand before, and their characters."""
    seen: set[str] = set()
    count = characters = 0
    for thing in things:
        if thing in seen:
            count += 1
            characters += len(thing)
        seen.add(thing)
    return count, characters
