"""Names of people, by lists of first and last names, titles, and the words that introduce a name.

A list knows the common names of some countries and no others: recall is what the lists cover. No model, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tunewright.detect.phrases import one_of
from tunewright.detect.spans import Span

FOLDER = Path(__file__).parent
BEFORE = 40
_UPPER, _LETTER = "A-ZÀ-ÖØ-ÞŁŚŠŽČ", r"[^\W\d_]"
_CAPITAL = rf"(?:[{_UPPER}]{_LETTER}*'?[{_UPPER}]?{_LETTER}+(?:-[{_UPPER}]{_LETTER}+)?|[{_UPPER}]\.)"
_PARTICLE = r"(?:von|van|vom|zu|zur|de|der|den|del|della|di|da|dos|du|la|las|los|le|y|bin|ibn|ter|ten|af)"
_ROW = re.compile(rf"(?<![\w'-]){_CAPITAL}(?:,? (?:{_PARTICLE} ){{0,2}}{_CAPITAL}){{0,7}}(?![\w])")
_WORD = re.compile(rf"{_CAPITAL}")
_TITLES = (
    "Mr Mrs Ms Miss Mx Dr Prof Professor Sir Madam Dame Rev Herr Herrn Frau Fräulein M Mme Mlle Monsieur Madame Señor"
    " Señora Señorita Sr Sra Srta Don Doña Dra Doctor Doctora Docteur Nurse Schwester Pfarrer Judge Captain"
)
_TITLE = re.compile(rf"(?:^|(?<![\w]))(?:{one_of(_TITLES)})\.? (?:(?:Dr|Prof|med|h|c)\. ?){{0,3}}$")
_TITLE_WORDS = frozenset(_TITLES.split())
_INTRODUCTIONS = one_of(
    "\\bmy_name(?:_is|'s) \\bname_is \\bnamed \\bcalled \\bi_am \\bi'm \\bthis_is \\bit's \\bask \\bhere_is"
    " \\bname_?[:=] \\bnombre_?: \\bnom_?: \\bpatient(?:in)?_?:? \\bcustomer_?:? \\bclient_?:?"
    " \\bkund(?:e|in)_?:? \\bsigned(?:_by)?:?,? \\bsincerely,? \\bregards,? \\bdear"
    " \\bhi \\bhello \\bhallo \\bhola \\bbonjour \\blieber? \\bguten_tag,? \\bcher"
    " \\bchère \\bquerid[oa] \\bestimad[oa] \\bthanks, \\bich_hei(?:ß|ss)e \\bich_bin \\bmein_name_ist \\bhei(?:ß|ss)t"
    " \\bnamens \\bgrüßen?,? \\bje_m'appelle \\bje_suis \\bs'appelle \\bnommée? \\bme_llamo \\bse_llama"
    " \\bmi_nombre_es \\bsoy \\bllamad[oa] \\bsaludos,? \\bcordialement,? \\bcontact(?:_person)?_?:?"
    " \\bansprechpartner(?:in)?_?:? \\bauthor_?: \\battn:? \\bcc: \\bfrom: \\bto:"
)
_INTRODUCTION = re.compile(rf"(?i){_INTRODUCTIONS}[ \n]{{1,2}}$")
_STRONG = re.compile(
    r"(?i)(?:\bmy name(?: is|'s)|\bname ?:|\bnombre ?:|\bnom ?:|\bich hei(?:ß|ss)e|\bmein name ist|\bje m'appelle"
    r"|\bme llamo|\bmi nombre es)[ \n]{1,2}$"
)
"""After these a name follows whatever it is."""
_OTHERS = (
    "english german french spanish italian dutch polish russian chinese japanese arabic portuguese british american"
    " university college school street road avenue lane drive boulevard square park hospital clinic bank airport"
    " station inc ltd llc gmbh ag corp company group foundation institute museum church county city island river"
    " lake mountain bridge hall house center centre award prize act theorem law equation algorithm method test"
    " model library license licence public software project team league club cup day week month january february"
    " march april june july august september october november december jan feb mar apr jun jul aug sep sept oct"
    " nov dec mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday the and or not"
    " this that these if when where what which please thank thanks with from you your our all any is are was error"
    " note straße strasse weg platz universität schule krankenhaus rue avenida calle plaza université hôpital"
    " santa san saint states kingdom america england france germany spain sweden norway finland denmark italy"
    " poland portugal austria switzerland mexico canada north south east west new"
)
_NOT_NAMES = frozenset(_OTHERS.split())


_BEFORE_TITLED = _TITLE_WORDS | {"med", "h", "c"}
_ENDS = (
    "is it's ask name's name named called am i'm nombre nom patient patientin customer client kunde kundin"
    " signed by sincerely regards dear hi hello hallo hola bonjour liebe lieber tag cher chère querido querida"
    " estimado estimada thanks heiße heisse bin ist heißt heisst namens grüße grüßen m'appelle suis s'appelle"
    " nommé nommée llamo llama es soy llamado llamada saludos cordialement contact person ansprechpartner"
    " ansprechpartnerin author attn cc from to"
)
_BEFORE_INTRODUCED = frozenset(_ENDS.split())
"""Last words of introductions: looked at first, since that costs little."""


class Names(NamedTuple):
    """Names in small letters; True where one is a common word, too."""

    first: dict[str, bool]
    last: dict[str, bool]


@cache
def known_names() -> Names:
    """Both lists."""
    return Names(*(_read(FOLDER / f"names_{which}.txt") for which in ("first", "last")))


def _read(path: Path) -> dict[str, bool]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.rstrip("*"): line.endswith("*") for line in lines if not line.startswith("#")}


def names(text: str) -> Iterator[Span]:
    """Names of people: first and last name, or one of them where words around it say so."""
    for row in _ROW.finditer(text):
        words = [match.span() for match in _WORD.finditer(text, row.start(), row.end())]
        yield from _in_row(text, words)


def _in_row(text: str, words: list[tuple[int, int]]) -> Iterator[Span]:
    at = 0
    while at < len(words):
        count, score = _name_at(text, words[at:])
        if count:
            yield Span(words[at][0], words[at + count - 1][1], "name", score)
        at += count or 1


def _name_at(text: str, words: list[tuple[int, int]]) -> tuple[int, float]:
    """How many words from the first on are a name, and how sure that is."""
    start = words[0][0]
    said = [text[a:b].rstrip(".").removesuffix("'s").lower() for a, b in words]
    if text[start : words[0][1]].rstrip(".") in _TITLE_WORDS or said[0] in _NOT_NAMES:
        return 0, 0.0
    size = _length(text, words, said)
    before = text[max(0, start - BEFORE) : start]
    last = (before.split() or [""])[-1]
    if last.rstrip(".") in _BEFORE_TITLED and _TITLE.search(before):
        return (min(size, 3), 0.9) if len(said[0]) > 1 else (0, 0.0)
    if last.strip(".,:='").lower() in _BEFORE_INTRODUCED:
        if _STRONG.search(before):
            return size, 0.9
        if _INTRODUCTION.search(before) and (_is_first(said[0]) or (size > 1 and _is_last(said[0]))):
            return size, 0.85
    return _by_list(text, words, said[:size])


def _by_list(text: str, words: list[tuple[int, int]], said: list[str]) -> tuple[int, float]:
    """A first name with a last one; the other way round with a comma between them."""
    names, size = known_names(), len(said)
    if size < 2 or (size < len(words) and _follows(text, words[size - 1], words[size]) in _NOT_NAMES):
        return 0, 0.0
    between = text[words[0][1] : words[1][0]]
    if between.startswith(","):
        sure = _is_last(said[0]) and _is_first(said[1]) and not names.first.get(said[1], True) and _is_last(said[0])
        return (2, 0.6) if sure and not names.last.get(said[0], True) else (0, 0.0)
    if not _is_first(said[0]):
        return 0, 0.0
    common = _is_word(said[0], names.first)
    last = said[-1]
    if _is_last(last) and not (common and _is_word(last, names.last)):
        return size, 0.8
    return (size, 0.6) if not common and not _is_last(last) and len(last) > 2 else (0, 0.0)


def _follows(text: str, one: tuple[int, int], other: tuple[int, int]) -> str:
    """The word behind a name, where one blank alone divides them."""
    return text[slice(*other)].lower() if text[one[1] : other[0]] == " " else ""


def _length(text: str, words: list[tuple[int, int]], said: list[str]) -> int:
    """How many words may be one name: first names and initials, then one last name or two."""
    count, last = 1, 0
    for place in range(1, min(len(words), 5)):
        comma = text[words[place - 1][1] : words[place][0]].startswith(",")
        if said[place] in _NOT_NAMES or (comma and place > 1) or text[slice(*words[place])] in _TITLE_WORDS:
            break
        if comma:
            return 2
        first_or_initial = len(said[place]) == 1 or _is_first(said[place])
        if last and not (_is_last(said[place]) and last < 2):
            break
        last += not first_or_initial or (place > 1 and _is_last(said[place]) and not _is_first(said[place]))
        count = place + 1
    return count if len(said[count - 1]) > 1 or count == 1 else count - 1


def _is_first(word: str) -> bool:
    return word in known_names().first or ("-" in word and word.split("-")[0] in known_names().first)


def _is_last(word: str) -> bool:
    return word in known_names().last or ("-" in word and word.split("-")[-1] in known_names().last)


def _is_word(name: str, known: dict[str, bool]) -> bool:
    return known.get(name, False)
