"""Numbers of passports, taxes and national registers that carry a check: the form finds them, the check decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from stdnum.br import cpf
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.gb import utr
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.us import itin

from tunewright.detect.spans import Span

KIND = "identity_number"
BEFORE = 48


class Number(NamedTuple):
    """How a number is written, what decides, and the words that must stand before it where the form says little."""

    form: re.Pattern[str]
    is_valid: Callable[[str], bool]
    words: re.Pattern[str] | None = None


def _form(pattern: str) -> re.Pattern[str]:
    """What stands before is looked at behind the first sign, so that a search jumps from one such sign to the next."""
    return re.compile(rf"{pattern}(?![\w-])")


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?i)\b(?:{pattern})")


def is_nino(number: str) -> bool:
    """A British national insurance number has no check digit; prefixes that are never given out are known (HMRC)."""
    start = number[:2].upper()
    return start not in {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"}


NUMBERS = (
    Number(_form(r"\d(?<![\w.-]\d)\d{7}[ -]?[A-HJ-NP-TV-Z]"), dni.is_valid),
    Number(_form(r"[XYZ](?<![\w-].)[ -]?\d{7}[ -]?[A-HJ-NP-TV-Z]"), nie.is_valid),
    Number(_form(r"[A-CEGHJ-PR-TW-Z](?<![\w-].)[A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]"), is_nino),
    Number(_form(r"[12](?<![\w.-]\d) ?\d\d ?(?:0[1-9]|1[0-2]|[2-9]\d) ?\d[\dAB] ?\d{3} ?\d{3} ?\d\d"), nir.is_valid),
    Number(_form(r"[A-Z](?<![\w-].)[A-Z]{5}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]"), codicefiscale.is_valid),
    Number(_form(r"\d(?<![\w.-]\d)\d\d\.\d{3}\.\d{3}-\d\d"), cpf.is_valid),
    Number(_form(r"9(?<![\w.-]\d)\d\d-\d\d-\d{4}"), itin.is_valid),
    Number(
        _form(r"\d(?<![\w.-]\d)\d ?\d{3} ?\d{3} ?\d{3}"),
        idnr.is_valid,
        _words("steuer|idnr|id-nr|tax|tin\\b|identifikation"),
    ),
    Number(_form(r"\d(?<![\w.-]\d)\d{4} ?\d{5}K?"), utr.is_valid, _words("utr\\b|taxpayer|tax reference")),
    Number(_form(r"\d(?<![\w.-]\d)\d{3}\.?\d{2}\.?\d{3}"), bsn.is_valid, _words("bsn\\b|burgerservice|sofinummer")),
    Number(_form(r"\d(?<![\w.-]\d)\d{10}"), pesel.is_valid, _words("pesel")),
)
_ZONE = re.compile(
    r"P[A-Z<][A-Z<]{3}[A-Z<]{39}\s{1,2}(?P<second>[A-Z0-9<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{14}[\d<]\d)"
)
_WEIGHTS = (7, 3, 1)


def identity_numbers(text: str) -> Iterator[Span]:
    """Numbers with a right check, and the machine-readable zone of passports (ICAO 9303, part 4)."""
    for number in NUMBERS:
        for match in number.form.finditer(text):
            before = text[max(0, match.start() - BEFORE) : match.start()]
            if number.is_valid(match[0]) and (number.words is None or number.words.search(before)):
                yield Span(*match.span(), KIND, 0.9)
    if "<<" in text:
        for match in _ZONE.finditer(text):
            if _is_zone(match["second"]):
                yield Span(*match.span(), KIND, 0.99)


def _is_zone(line: str) -> bool:
    """The check digits of number, birth and expiry are right."""
    parts = ((0, 9), (13, 19), (21, 27))
    return all(_check(line[start:end]) == int(line[end]) for start, end in parts)


def _check(field: str) -> int:
    values = (0 if sign == "<" else int(sign, 36) for sign in field)
    return sum(value * _WEIGHTS[place % 3] for place, value in enumerate(values)) % 10
