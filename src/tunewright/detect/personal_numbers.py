"""Numbers that belong to people: patterns find candidates, checksums and assigned ranges decide.

Every search is linear in the text: candidates are bounded in length, and none begins inside another.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import NamedTuple

from stdnum import iban as stdnum_iban
from stdnum import luhn
from stdnum.us import ssn as stdnum_ssn

from tunewright.detect.spans import Span

BEFORE = 48
"""Characters before a number in which words say what it is."""
RUN = re.compile(r"\d(?:[ \t\n./-]{0,2}\d)*")
GROUP = re.compile(r"\d+")
_CARD_WORDS = re.compile(
    r"(?i)card|visa|master|amex|american express|maestro|discover|diners|jcb|karte|carte|tarjeta|\bcc\b|pan\b|payment"
)
_NOT_CARD = re.compile(
    r"(?i)(?:isbn|issn|ean|upc|gtin|imei|imsi|iccid|barcode|strichcode|tracking|parcel|sendung\w*|order|invoice"
    r"|serial|seriennummer|reference|iban|account|konto\w*|ticket|shipment|art(?:icle|ículo|iculo|ikel)|lote?|réf(?:érence)?|referencia|commande|pedido|bestell\w*|sku|model|timestamp|epoch|build)"
    r"[ \w.]{0,16}[:#]?\s{0,2}#?$"
)
_ISSUERS = (
    # first and last start of a range, lengths
    ("4", "4", (13, 16, 19)),
    ("51", "55", (16,)),
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),
    ("37", "37", (15,)),
    ("6011", "6011", (16, 17, 18, 19)),
    ("644", "659", (16, 17, 18, 19)),
    ("300", "305", (14, 16)),
    ("3095", "3095", (14, 16)),
    ("36", "36", (14, 16)),
    ("38", "39", (14, 16)),
    ("35", "35", (16, 17, 18, 19)),
    ("2131", "2131", (15,)),
    ("1800", "1800", (15,)),
    ("62", "62", (16, 17, 18, 19)),
    ("2200", "2204", (16, 17, 18, 19)),
    ("5018", "5018", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("5020", "5020", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("5038", "5038", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("56", "58", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("6390", "6390", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("0604", "0604", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("6304", "6304", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("6759", "6759", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("6761", "6763", (12, 13, 14, 15, 16, 17, 18, 19)),
)
"""ISO/IEC 7812 ranges of the large card schemes, as each publishes them (2026)."""
_GROUPS = {(4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 5), (8, 8)}
_SSN = re.compile(r"(\d(?<![\w.-]\d)\d\d)([- .])(\d{2})\2(\d{4})(?![\d]|[-.]\d)")
_SSN_BARE = re.compile(r"\d(?<![\w.-]\d)\d{8}(?![\w]|[-.]\d)")
_SSN_WORDS = re.compile(r"(?i)\bssn\b|social[ _-]?sec|soc\.? sec|\bss ?(?:#|no|number)|\bssn_|_ssn\b")
_IPV4 = re.compile(r"\d(?<![\w.-]\d)\d{0,2}\.(?:\d{1,3}\.){2}\d{1,3}(?![\w-]|\.\d)")
_IPV6 = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{4,39}(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?![\w:]|\.\d)"
)
_NETWORK = re.compile(r"(?:[23]|[fF][cCdDeE])[0-9a-fA-F]{2,3}:")
_VERSION = re.compile(
    r"(?i)(?:\bv|\bver|versions?|release[sd]?|section|sections|chapter|kapitel|abschnitt|clause|chapitre|versión|§"
    r"|build|rev|firmware|driver|upgraded? to|oid)[ .:=\"'(]{0,3}$"
)
_IBAN = re.compile(r"(?i)(?<![a-z0-9])([a-z]{2})(\d\d)(?=((?:[ \t\n.-]{0,2}[a-z0-9]){11,30}))")
_LENGTHS = (
    "NO15 BE16 DK18 FI18 FK18 FO18 GL18 NL18 SD18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 XK20 CH21 CR21 HR21"
    " LI21 LV21 BG22 BH22 DE22 GB22 GE22 IE22 ME22 RS22 VA22 AE23 GI23 IL23 IQ23 OM23 SO23 TL23 AD24 CZ24 ES24"
    " MD24 PK24 RO24 SA24 SE24 SK24 TN24 VG24 LY25 PT25 ST25 IS26 TR26 BI27 DJ27 FR27 GR27 IT27 MC27 MR27 SM27"
    " AL28 AZ28 BY28 CY28 DO28 GT28 HU28 LB28 NI28 PL28 SV28 BR29 EG29 PS29 QA29 UA29 JO30 KW30 MU30 YE30 MT31"
    " SC31 LC32 RU33"
)
"""Of IBANs by country, from the registry of SWIFT, release 99."""
_IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _LENGTHS.split()}


class Run(NamedTuple):
    """Digits with at most two separators between them; `groups` are the places of digits that stand together."""

    start: int
    end: int
    groups: list[tuple[int, int]]


def runs(text: str) -> Iterator[Run]:
    """Every run of at least nine digits."""
    for found in RUN.finditer(text):
        if found.end() - found.start() >= 9:
            groups = [match.span() for match in GROUP.finditer(text, found.start(), found.end())]
            yield Run(found.start(), found.end(), groups)


def cards(text: str) -> Iterator[Span]:
    """Payment cards: a range of an issuer, its length, and the check digit of Luhn."""
    for run in runs(text):
        at = 0
        while at < len(run.groups):
            taken = _card_at(text, run, at)
            if taken:
                yield Span(run.groups[at][0], run.groups[at + taken - 1][1], "card", 0.99)
            at += taken or 1


def _card_at(text: str, run: Run, at: int) -> int:
    """How many groups from one on are a card; 0 for none."""
    start = run.groups[at][0]
    for count in range(min(6, len(run.groups) - at), 0, -1):
        own = run.groups[at : at + count]
        number = "".join(text[a:b] for a, b in own)
        if not 12 <= len(number) <= 19 or not of_an_issuer(number) or not luhn.is_valid(number):
            continue
        if _touches(text, start, own[-1][1]) or len(set(number)) < 2:
            continue
        before = text[max(0, start - BEFORE) : start]
        said = _CARD_WORDS.search(before) is not None
        usual = len(number) >= 15 and _usual(tuple(b - a for a, b in own))
        if said or (usual and not _NOT_CARD.search(before)):
            return count
    return 0


def _usual(sizes: tuple[int, ...]) -> bool:
    return len(sizes) == 1 or sizes in _GROUPS or set(sizes) == {4}


def _touches(text: str, start: int, end: int) -> bool:
    """True where letters or digits go on: part of something longer."""
    return (start > 0 and (text[start - 1].isalnum() or text[start - 1] in "_")) or (
        end < len(text) and (text[end].isalnum() or text[end] == "_")
    )


def of_an_issuer(number: str) -> bool:
    """True where a range of card numbers holds it, with its length."""
    size = len(number)
    return any(size in sizes and low <= number[: len(low)] <= high for low, high, sizes in _ISSUERS)


def ibans(text: str) -> Iterator[Span]:
    """International bank accounts: the country's length and the check of ISO 13616; line breaks may stand inside."""
    for match in _IBAN.finditer(text):
        size = _IBAN_LENGTHS.get(match[1].upper())
        if size is None:
            continue
        left, end = size - 4, match.end()
        while left and end < len(text):
            left -= text[end].isalnum()
            end += 1
        number = re.sub(r"[^0-9A-Za-z]", "", text[match.start() : end]).upper()
        if len(number) == size and not text[end : end + 1].isalnum() and is_iban(number):
            yield Span(match.start(), end, "iban", 0.99)


def is_iban(number: str) -> bool:
    """The checksum alone: national checks differ in what banks really use."""
    return bool(stdnum_iban.is_valid(number, check_country=False))


def social_security(text: str) -> Iterator[Span]:
    """Numbers of the United States' social security; without hyphens only where words say so."""
    for match in _SSN.finditer(text):
        joined = match[1] + match[3] + match[4]
        if stdnum_ssn.is_valid(joined) and (match[2] == "-" or _said(_SSN_WORDS, text, match.start())):
            yield Span(*match.span(), "ssn", 0.95)
    for match in _SSN_BARE.finditer(text):
        if stdnum_ssn.is_valid(match[0]) and _said(_SSN_WORDS, text, match.start()):
            yield Span(*match.span(), "ssn", 0.9)


def addresses(text: str) -> Iterator[Span]:
    """IP addresses of both versions; not loopback, broadcast, or what a version number may be."""
    for match in _IPV4.finditer(text):
        if _is_address(match[0]) and not _said(_VERSION, text, match.start()):
            yield Span(*match.span(), "ip", 0.9)
    if ":" in text:
        for match in _IPV6.finditer(text):
            if _is_long_address(match[0]):
                yield Span(*match.span(), "ip", 0.9)


def _is_address(candidate: str) -> bool:
    parts = candidate.split(".")
    if any(int(part) > 255 or (len(part) > 1 and part[0] == "0") for part in parts):
        return False
    first = int(parts[0])
    return first not in (0, 127) and first < 240 and candidate != "255.255.255.255"


def _is_long_address(candidate: str) -> bool:
    """A whole address, or a shortened one that begins as networks do: `1::2` is a slice, `a::b` a name in C++."""
    groups = [group for group in candidate.split(":") if group]
    if len(groups) == 8 and all(len(group) == 2 for group in groups):
        return False  # a hardware address
    try:
        found = ipaddress.IPv6Address(candidate)
    except ValueError:
        return False
    if found.is_loopback or found.is_unspecified or int(found) >> 64 == 0x0100 << 48:
        return False
    return len(groups) == 8 or "." in candidate or (len(groups) > 1 and bool(_NETWORK.match(candidate)))


def _said(words: re.Pattern[str], text: str, start: int) -> bool:
    return words.search(text[max(0, start - BEFORE) : start]) is not None
