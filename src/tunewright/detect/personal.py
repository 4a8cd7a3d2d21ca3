"""Personal data and credentials in a text: what it is and where. Patterns find candidates, validators decide.

docs/how-to/personal-data.md has precision and recall of each kind on text that the patterns were not made on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator

from tunewright.detect.personal_dated import births, records
from tunewright.detect.personal_identity import identity_numbers
from tunewright.detect.personal_name import names
from tunewright.detect.personal_numbers import addresses, cards, ibans, social_security
from tunewright.detect.personal_phone import phones
from tunewright.detect.personal_text import plain
from tunewright.detect.secrets import secrets
from tunewright.detect.spans import Span

FAKE_DOMAIN = "person.invalid"
"""Addresses of pseudonyms: no such domain can exist (RFC 2606), and they are not found again."""
_LOCAL = frozenset("!#$%&'*+/=?^_`{|}~.-")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})(?![\w@-])")
_ENDINGS = "png jpg jpeg gif svg webp js css py html htm json md txt zip gz local invalid"
_NOT_TOP = frozenset(_ENDINGS.split())
_WRITTEN_OUT = re.compile(
    r"(?i)(?<![\w.+-])[a-z0-9][\w.+-]{0,63} ?[\[({] ?at ?[\])}] ?[a-z0-9-]{1,63}"
    r"(?: ?(?:\.|[\[({] ?(?:dot|punkt) ?[\])}]) ?[a-z0-9-]{1,63}){1,4}(?![\w-])"
)


def emails(text: str) -> Iterator[Span]:
    """E-mail addresses; also `name [at] host [dot] org`, and `name%40host.org` in an address of a page."""
    at = text.find("@")
    while at >= 0:
        start = at
        while start and at - start < 64 and (text[start - 1].isalnum() or text[start - 1] in _LOCAL):
            start -= 1
        while start < at and not (text[start].isalnum() or text[start] == "_"):
            start += 1
        domain = _DOMAIN.match(text, at + 1)
        if (
            domain
            and start < at
            and text[at - 1] != "."
            and _is_mail(text[start:at], text, domain.start(), domain.end())
        ):
            yield Span(_behind_equals(text, start, at), domain.end(), "email", 0.97)
        at = text.find("@", at + 1)
    if "at" in text and "dot" in text.lower():
        yield from (Span(*match.span(), "email", 0.8) for match in _WRITTEN_OUT.finditer(text))


def _is_mail(local: str, text: str, start: int, end: int) -> bool:
    domain = text[start:end].lower()
    if domain.endswith(FAKE_DOMAIN) or domain.rsplit(".", 1)[1] in _NOT_TOP or ".." in local:
        return False
    return not (local == "git" and text[end : end + 1] == ":")


def _behind_equals(text: str, start: int, at: int) -> int:
    """Where the address begins in `mail=ann@host.org`, `to:/ann@host.org`: signs that may stand in one seldom do."""
    for place in range(at - 1, start, -1):
        if text[place - 1] in "=/?&|`'{":
            return place
    return start


Finder = Callable[[str], Iterable[Span]]
_FINDERS: dict[str, Finder] = {
    "credentials": secrets,
    "email": emails,
    "iban": ibans,
    "card": cards,
    "ssn": social_security,
    "identity_number": identity_numbers,
    "medical_record": records,
    "date_of_birth": births,
    "ip": addresses,
    "phone": phones,
    "name": names,
}
"""What has a check comes first, and what is found is no part of what comes after."""
KINDS = tuple(_FINDERS)
_WITHOUT_DIGITS = frozenset({"credentials", "email", "name", "ip"})
_DIGIT = re.compile(r"\d")


def personal_spans(text: str, kinds: Collection[str] = KINDS, *, by: Finder = names) -> list[Span]:
    """Personal data of some kinds in the order of the text; no two lie over one another.

    Kinds that are not asked for still take their place: a card's digits are no telephone number. `by` finds names; what
    was found before stands there as zero bytes.
    """
    seen = plain(text)
    left = seen.text
    bare = _DIGIT.search(left) is None
    found: list[Span] = []
    for kind, find in _FINDERS.items():
        if (bare and kind not in _WITHOUT_DIGITS) or (kind == "name" and kind not in kinds):
            continue
        own = list(by(left) if kind == "name" else find(left))
        if own:
            left = _without(left, own)
            found += _apart(own) if kind in kinds else ()
    return sorted(Span(*seen.back(span.start, span.end), span.kind, span.score) for span in found)


def _without(text: str, spans: list[Span]) -> str:
    """The text, as long as before, with nothing to find where something was found; signs `@` stay as a hint."""
    parts: list[str] = []
    at = 0
    for span in sorted(spans):
        start, end = max(at, span.start), max(at, span.end)
        filled = "@".join("\0" * len(part) for part in text[start:end].split("@"))
        parts += [text[at:start], filled]
        at = end
    return "".join([*parts, text[at:]])


def _apart(spans: list[Span]) -> list[Span]:
    """Spans of one kind; of two that lie over one another, the hull."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start < found[-1].end:
            found[-1] = found[-1]._replace(end=max(found[-1].end, span.end), score=max(found[-1].score, span.score))
        else:
            found.append(span)
    return found
