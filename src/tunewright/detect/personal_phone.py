"""Telephone numbers: written as numbers are in some countries, or with words that say so; `phonenumbers` decides.

A number with `+` or `00` may be of any country. Others are looked at as numbers of REGIONS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers

from tunewright.detect.phrases import one_of
from tunewright.detect.spans import Span

REGIONS = ("US", "GB", "DE", "FR", "ES")
BEFORE, AFTER = 40, 12
MOST_DIGITS = 15
_RUN = re.compile(
    r"(?<![\w@#=/&?.,-])(?<![Uu]\+)"  # U+0043 is a character
    r"(?:\+|\()?\(?\d(?:[ \t./()-]{0,3}\d)*(?:[ ,]{0,2}(?:x|ext\.? ?|extension )\d{1,6})?(?![\w@])"
)
_EXTENSION = re.compile(r"[ ,]{0,2}(?:x|ext\.? ?|extension )\d{1,6}$")
_BARE = re.compile(r"1?[2-9]\d\d[2-9]\d{6}|0[1-9]\d{8,9}")
"""Without a sign between: of the United States, and with the leading zero of Europe."""
_NOT_DIALLED = re.compile(r"[+-]?\d+\.\d+|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]\d\d[./-]\d\d")
_COUNTED = frozenset({"0123456789", "1234567890", "123456789", "12345678", "01234567"})
_SIGN = re.compile(r"[ .-]")
_GROUP = re.compile(r"\d+")
_SAYING = one_of(
    "tel mob landline tried marque[nz]? marcar teclee tele(?:phone|fon|fono|fax) téléphone teléfono téléphoner"
    " telefonisch phones? call(?:s|ed|ing)? dial fax mobil(?:e|nummer)? móvil portable cell(?:phone|ular)?"
    " celular handy handynummer whatsapp sms texte? text(?:ed|ing)?_me ring rang rufnummer telefonnummer rückruf"
    " anruf(?:en)? ruf(?:en|e|t)? erreich\\w+ appel(?:er|ez|le|é)? rappel\\w* joindre joignable"
    " ll[aá]m(?:a|e|ar|ame|eme|enos|adme)\\w* contact(?:ar)? my_number_is reach(?:ed)? hotline voicemail"
    " home_number work_number durchwahl festnetz numéro fijo unter"
)
_WORDS = re.compile(rf"(?i)\b{_SAYING}(?:\b|_)")
_NOT_PHONE = re.compile(
    r"(?i)(?:isbn|issn|ean|doi|order|invoice|bestell\w+|rechnung\w*|commande|facture|pedido|factura|account|konto\w*|ticket"
    r"|version|serial|tracking|article|zip|plz|art|ref(?:erence)?|case|id|no|nr|part|patent|rfc|pmid|arxiv|mrn|ssn|sku"
    r"|vat|tax|steuer\w*|iban|bic|blz|isin|copyright|©)\.?[ ]?(?:number|no|nr|code)?\.?[ :#]{0,3}$"
)
_FORMS = {
    "US": (
        r"(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}",
        r"1?[ -]?\d{3} \d{3} \d{4}",
        r"\d{3} \d{3}-\d{4}",
    ),
    "GB": (r"\(?0\d{2,4}\)?[ -]\d{3,4}[ -]?\d{3,4}", r"\(?0\d{4,5}\)? \d{5,6}", r"0\d{4} \d{3} \d{3}", r"07\d{9}"),
    "DE": (
        r"\(0\d{2,5}\) ?\d{3,}(?:[ -]?\d+){0,4}",
        r"0\d{2,5} ?/ ?\d{3,}(?:[ -]\d+){0,4}",
        r"0\d{2,5} \d{5,9}(?:-\d{1,3})?",
        r"01[567]\d[ /-]?\d{7,8}",
    ),
    "FR": (r"0\d(?:[ .-]?\d\d){4}",),
    "ES": (r"[6789]\d\d(?: \d{3}){2}", r"[6789]\d\d(?: \d\d){3}", r"[6789]\d \d{3} \d\d \d\d"),
}
_WRITTEN = {region: re.compile("|".join(f"(?:{form})$" for form in forms)) for region, forms in _FORMS.items()}
"""How numbers are written in a country, after which no word is needed."""


def phones(text: str) -> Iterator[Span]:
    """Telephone numbers, with country code and extension where they stand there."""
    for run in _RUN.finditer(text):
        groups = [match.span() for match in _GROUP.finditer(text, run.start(), run.end())]
        if len(groups) <= 12 and sum(end - start for start, end in groups) >= 6:
            yield from _in_run(text, run, groups)


def _in_run(text: str, run: re.Match[str], groups: list[tuple[int, int]]) -> Iterator[Span]:
    """The longest number from the first group on that has one; then on behind it."""
    before, after = text[max(0, run.start() - BEFORE) : run.start()], text[run.end() : run.end() + AFTER]
    if _NOT_PHONE.search(before):
        return
    said = "@" in before or _WORDS.search(before) is not None or _WORDS.match(after.lstrip(" (,-")) is not None
    at = 0
    while at < len(groups):
        start = _begin(text, groups[at][0], run.start())
        for end in _ends(text, run, groups[at:]):
            if not _goes_on(text, run.start(), start=start, end=end) and is_phone(text[start:end], said=said):
                yield Span(start, end, "phone", 0.9 if said or text[start] == "+" else 0.7)
                while at < len(groups) and groups[at][1] <= end:
                    at += 1
                break
        else:
            at += 1


def _begin(text: str, start: int, first: int) -> int:
    """Where the number begins whose first digit is at a place: with `+` or `(` in front of it."""
    while start > first and text[start - 1] in "+( ":
        if text[start - 1] == " " and text[start - 2 : start - 1] not in ("+", "("):
            break
        start -= 1
    return start


def _ends(text: str, run: re.Match[str], groups: list[tuple[int, int]]) -> Iterator[int]:
    """Where it may end, the furthest first."""
    total = 0
    ends: list[int] = []
    for start, end in groups:
        total += end - start
        if total > MOST_DIGITS + 6:
            break
        if total >= 6:
            ends.append(end)
    yield from reversed(ends)


def _goes_on(text: str, run: int, *, start: int, end: int) -> bool:
    """True where digits stand before or behind by the sign that divides those inside: part of a longer number."""
    inside = _SIGN.search(text, start + 1, end)
    sign = inside[0] if inside else ""
    behind = text[end : end + 1] if text[end + 1 : end + 2].isdigit() else ""
    if behind == "." != sign:
        return True
    if text[start] in "+(":
        return False
    return (sign != "" and sign == behind) or (start > run and text[start - 1] in ("-", ".", sign))


def is_phone(candidate: str, *, said: bool) -> bool:
    """True for what some country would dial. `said`: words near it call it a number, so its form may be any."""
    main = _EXTENSION.sub("", candidate)
    digits = sum(letter.isdigit() for letter in main)
    bare = re.sub(r"\D", "", main)
    if (
        not 6 <= digits <= MOST_DIGITS
        or main.count("(") != main.count(")")
        or _NOT_DIALLED.fullmatch(main)
        or bare in _COUNTED
    ):
        return False
    if main.startswith(("+", "00")):
        number = "+" + (bare.removeprefix("00") if main.startswith("00") else bare)
        return digits >= 8 and (said or main != bare) and _possible(number.replace("(0)", ""), None, valid=False)
    for region, written in _WRITTEN.items():
        if written.match(main) and _possible(
            main, region, valid=not said and (region in ("ES", "DE") or (region == "GB" and "(" not in main))
        ):
            return True
    if not said or digits < 7:
        return False
    if _BARE.fullmatch(main):
        return True
    return any(_possible(main, region, valid=True) for region in REGIONS)


def _possible(candidate: str, region: str | None, *, valid: bool) -> bool:
    try:
        number = phonenumbers.parse(candidate, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number) if valid else phonenumbers.is_possible_number(number)
