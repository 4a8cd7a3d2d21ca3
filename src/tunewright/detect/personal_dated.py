"""Numbers of patients and dates of birth: only the words in front of them say what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tunewright.detect.phrases import one_of
from tunewright.detect.spans import Span

BEFORE = 72
"""Characters before a number in which words say what it is."""
LEAST_DIGITS = 4
_RECORD_WORDS = one_of(
    "mrn med(?:ical)?_?rec(?:ord)?s?_?(?:number|no\\.?|num|id)? patient_?(?:id|number|no\\.?|identifier|file|record)"
    " patient's_(?:id|number|file|record) chart_(?:number|no\\.?|id|\\#) hospital_?(?:number|no\\.?|id|record|\\#)"
    " health_?record_?(?:number|no\\.?|id)? nhs_?(?:number|no\\.?)? clinical_record"
    " patienten-?_?(?:nummer|nr\\.?|id|akte|kennung) fall-?(?:nummer|nr\\.?) kranken-?akten?-?(?:nummer|nr\\.?)?"
    " akten-?(?:nummer|nr\\.?)_(?:des|der)_patient(?:en|in) dossier_(?:m[ée]dical|patient|du_patient)"
    " num[ée]ro_(?:de_|du_)?(?:dossier|patient) n[°º]_?(?:de_)?(?:dossier|patient) identifiant_(?:du_)?patient ipp"
    " historial?_cl[íi]nic[ao] historia_m[ée]dica expediente_(?:m[ée]dico|cl[íi]nico) nhc"
    " n[úu]mero_(?:de|del)_(?:historia|paciente|expediente) id_(?:de|del)_paciente"
).replace(" ", "[ _-]")
_SAID = re.compile(
    rf"(?i)(?<![a-z])(?:{_RECORD_WORDS})(?![a-z])"
    r"(?:[ \t\n:#.,=\"'()°º_-]+"
    r"|(?:n|no|nr|num|numbers?|nummer|numéro|número|numero|id|is|ist|lautet|est|es|was|with|of|mit|der|die|the|le|el|la"
    r"|code|file|record|on|for|under|unter|your|our|reads|assigned)(?![a-z])){0,8}$"
)
_NUMBER = re.compile(r"(?<![\w.,])(?:[A-Za-z]{1,4}[/-]?)?\d(?:[/-]?[A-Za-z0-9]|[ ]\d\d){3,14}(?![\w]|[.,/-]\d)")
_BIRTH_WORDS = one_of(
    "d\\.?o\\.?b\\.? (?:date|day|year)_of_birth birth[_-]?dates? birth[_-]?days? born geb\\.? geboren(?:_am)?"
    " geburts(?:datum|tag) n[ée]e?(?:\\(e\\))?_le naissance nacid[oa](?:_el)? nacimiento naci[óo]_el nac[íi]_el"
    " cumpleaños anniversaire"
)
_BORN = re.compile(
    rf"(?i)(?<![^\W_])(?:{_BIRTH_WORDS})(?![^\W_])"
    r"(?:[ \t\n:=,;\"'()*_-]+|(?:is|was|on|the|ist|war|am|est|le|la|es|el|fue|patient|date|of|as|in)(?![^\W_])){0,8}$"
)
_BORN_BEHIND = re.compile(
    r"(?i)[ \n](?:geboren|geb\.|zur welt|is (?:my|his|her|their|the) (?:birthday|date of birth|dob))"
)
_MONTHS = one_of(
    "jan(?:uary|uar|vier)? feb(?:ruary|ruar|rero)? f[ée]v(?:rier)? m[äa]r(?:ch|z|zo|s)? apr(?:il)?"
    " avr(?:il)? abr(?:il)? ma[iy]o? june?"
    " juni juin jun(?:io)? july? juli juil(?:let)? jul(?:io)? aug(?:ust)? ao[uû]t ago(?:sto)?"
    " sep(?:t(?:ember|embre|iembre)?)? o[ck]t(?:ober|obre|ubre)? nov(?:ember|embre|iembre)? de[cz](?:ember|embre)?"
    " enero januar febrero marzo mai dic(?:iembre)? d[ée]c(?:embre)? ene(?:ro)?"
)
_DATE = re.compile(
    r"(?i)(?<![\w./-])(?:\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|(?:18|19|20)\d\d[./-]\d{1,2}[./-]\d{1,2}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.)?(?: (?:de|of))? ?{_MONTHS}\.?,?(?: (?:de|del))? ?\d{{4}}"
    rf"|{_MONTHS}\.? \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})(?!\w)"
)


_OF_RECORDS = (
    *("mrn", "rec", "patient", "chart", "hospital", "nhs", "clinic", "clínic", "akte", "fall", "dossier", "ipp"),
    *("histori", "expediente", "nhc", "número", "numero", "paciente"),
)
_OF_BIRTHS = ("birth", "born", "dob", "d.o.b", "geb", "naissance", "né", "nee", "naci", "nací", "cumple", "anniv")


def records(text: str) -> Iterator[Span]:
    """Numbers of patients and their records."""
    if not _speaks_of(text, _OF_RECORDS):
        return
    for match in _NUMBER.finditer(text):
        if sum(letter.isdigit() for letter in match[0]) < LEAST_DIGITS:
            continue
        if _SAID.search(text[max(0, match.start() - BEFORE) : match.start()]):
            yield Span(*match.span(), "medical_record", 0.9)


def births(text: str) -> Iterator[Span]:
    """Dates of birth."""
    if not _speaks_of(text, _OF_BIRTHS):
        return
    for match in _DATE.finditer(text):
        before = text[max(0, match.start() - BEFORE) : match.start()]
        if _BORN.search(before) or _BORN_BEHIND.match(text, match.end()):
            yield Span(*match.span(), "date_of_birth", 0.9)


def _speaks_of(text: str, words: tuple[str, ...]) -> bool:
    """True where one of some words, or parts of them, stands in a text: far cheaper than the patterns."""
    small = text.lower()
    return any(word in small for word in words)
