"""A text with the genders of its people swapped: pronouns by their case, words, titles and first names by lists.

After Lu et al., 2018 ("Gender Bias in Neural Natural Language Processing", arXiv 1807.11714, counterfactual data
augmentation), with first names as in Hall Maudslay et al., 2019 ("It's All in the Name", arXiv 1909.00871). `her` is
his or him, and `his` is her or hers, by the words around it; docs/how-to/bias-in-data.md says how often that is right.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import tunewright.detect

LIST = Path(tunewright.detect.__path__[0]) / "gender_pairs_en.tsv"
TOKEN = re.compile(r"[^\W\d_]+(?:['’]s\b)?")
THING = re.compile(r"\s+[\d\"“‘`'\[]")
"""A number or something quoted, which may belong to somebody: his 40s."""
FULL_NAME = r"\b(?:{names})\s+(?:[A-Z]\.\s*)?[A-Z][a-z]+"
BODY = re.compile(
    r"\b(?:pregnan\w*|menstrua\w*|ovar\w*|uter\w+|vagina\w*|cervi\w+|breast ?feed\w*|menopaus\w*|gyn[ae]+colog\w*"
    r"|midwi\w+|prostat\w*|testic\w*|peni\w+|sperm\w*|erectile|endometri\w*|miscarr\w*|obstetric\w*|beard\w*|maiden)\b",
    re.IGNORECASE,
)
"""Words with which the other gender makes little sense."""
IN_FRONT = frozenset({"in", "on", "to", "from", "of", "at", "with", "behind", "against", "across", "down"})
"""Words in front of `her back` that make it a part of somebody: not "bring her back"."""
ALONE = {"him": "her", "hers": "his", "mrs": "mr", "mum": "dad", "mums": "dads", "ma'am": "sir"}
"""Words whose counterpart is that of another word, too."""
VERBS = frozenset(
    [
        "is",
        "was",
        "are",
        "were",
        "will",
        "would",
        "has",
        "had",
        "can",
        "could",
        "should",
        "and",
        "or",
        "but",
        "as",
        "too",
        "alone",
        "instead",
    ]
)


def swapped(text: str, *, names: bool = True) -> str:
    """The text with genders swapped; the same where it names none."""
    tokens = list(TOKEN.finditer(text))
    parts: list[str] = []
    end = 0
    for at, match in enumerate(tokens):
        word, ending = _ending(match.group())
        before = tokens[at - 1].group() if at and _joined(text, tokens[at - 1], match) else ""
        after = tokens[at + 1].group() if at + 1 < len(tokens) and _joined(text, match, tokens[at + 1]) else ""
        after = after or ("0" if THING.match(text, match.end()) else "")
        other = _other(word, before, after, names=names)
        if other is not None:
            parts += [text[end : match.start()], _as_written(other, word) + ending]
            end = match.end()
    return "".join([*parts, text[end:]])


def reason_to_leave(text: str) -> str:
    """Why a text is better left alone: a full name, which may be a real person's; a matter of one body; or empty."""
    if _full_names().search(text):
        return "full_name"
    return "body" if BODY.search(text) else ""


def _other(word: str, before: str, after: str, *, names: bool) -> str | None:
    """What stands in the place of a word, in small letters unless it is a name; None for no change."""
    small = word.lower()
    if small == "her":
        return "his" if _owns(before.lower(), after.lower()) else "him"
    if small == "his":
        return "hers" if not after or after.lower() in _words("verb") else "her"
    if small in ALONE:
        return ALONE[small]
    if small == "miss":
        return "mr" if word[0].isupper() and after[:1].isupper() else None
    words, first_names = _pairs()
    if names and word[0].isupper() and small in first_names:
        return first_names[small]
    return words.get(small)


def _owns(before: str, after: str) -> bool:
    """True where `her` says what belongs to somebody."""
    if after == "back":
        return before in IN_FRONT
    if not after or after in _words("no_noun"):
        return False
    return not (before in _words("cause") and after in _words("bare"))


def _ending(token: str) -> tuple[str, str]:
    return (token[:-2], token[-2:]) if token[-2:].lower() in ("'s", "’s") else (token, "")


def _joined(text: str, one: re.Match[str], other: re.Match[str]) -> bool:
    """True where only blanks stand between two words."""
    return not text[one.end() : other.start()].strip()


def _as_written(new: str, word: str) -> str:
    if word.isupper() and len(word) > 1:
        return new.upper()
    return new[0].upper() + new[1:] if word[0].isupper() else new


@cache
def _list() -> dict[str, list[list[str]]]:
    """The lines of the list by their kind, which stands first."""
    found: dict[str, list[list[str]]] = {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            kind, *words = line.split("\t")
            found.setdefault(kind, []).append(words)
    return found


@cache
def _words(kind: str) -> frozenset[str]:
    """Words of a kind that is no pair: see the list."""
    return frozenset(word for (word,) in _list()[kind])


@cache
def _pairs() -> tuple[dict[str, str], dict[str, str]]:
    """Words and first names by each other."""
    words, names = (
        {word.lower(): other for one, two in _list()[kind] for word, other in ((one, two), (two, one))}
        for kind in ("word", "name")
    )
    return words, names


@cache
def _full_names() -> re.Pattern[str]:
    names = "|".join(sorted(name.capitalize() for name in _pairs()[1]))
    return re.compile(FULL_NAME.format(names=names))
