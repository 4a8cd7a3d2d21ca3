"""What is written in place of personal data. The same value gives the same, whatever row and batch it stands in.

Nothing that is written here is personal data to the detector again, but invented names.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from functools import cache

from tunewright.detect.personal import FAKE_DOMAIN
from tunewright.detect.personal_name import known_names

KEPT = 4
LEAST = 9
"""Letters and digits from which on four may be seen: of eight, four would be half."""
_WORD = re.compile(r"[^\W\d_]+")
_HEX_AS_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_LOWER = frozenset({"email", "name"})
_EXACT = frozenset({"credentials"})


def redacted(kind: str) -> str:
    """`[EMAIL]`."""
    return f"[{kind.upper()}]"


def masked(value: str, kind: str) -> str:
    """All letters and digits but the last four are `*`; of an e-mail address never those before the `@`."""
    places = [place for place, letter in enumerate(value) if letter.isalnum()]
    seen = set(places[-KEPT:]) if len(places) >= LEAST else set[int]()
    if kind == "email":
        seen -= set(range(value.rfind("@") + 1)) if "@" in value else seen
    return "".join("*" if letter.isalnum() and place not in seen else letter for place, letter in enumerate(value))


def hashed(value: str, kind: str, *, key: bytes) -> str:
    """`[EMAIL:...]` with 64 bits of HMAC-SHA-256 as letters, which no pattern takes for a number."""
    return f"[{kind.upper()}:{_mac(value, kind, key=key).hex()[:16].translate(_HEX_AS_LETTERS)}]"


def pseudonym(value: str, kind: str, *, key: bytes) -> str:
    """An invented value of the same kind that can belong to nobody; a name word by word, so that parts agree."""
    if kind == "name":
        return _WORD.sub(lambda match: _name(match[0], key), value)
    number = int.from_bytes(_mac(value, kind, key=key)[:16])
    if kind == "email":
        firsts, lasts = _invented("first"), _invented("last")
        return f"{firsts[number % len(firsts)]}.{lasts[number // 7919 % len(lasts)]}{number % 9973}@{FAKE_DOMAIN}"
    if kind == "ip":
        if ":" in value:
            return str(ipaddress.IPv6Address((0x0100 << 112) + number % 2**64))  # discarded everywhere (RFC 6666)
        return str(ipaddress.IPv4Address((240 << 24) + number % (15 * 2**24)))  # reserved (RFC 1112)
    shapes = {"card": "9999 {} {} {}", "iban": "XX00 {} {} {} {}", "ssn": "000-00-{}", "phone": "+999 {} {}"}
    if kind in shapes:
        digits = str(number % 10**16).zfill(16)
        return shapes[kind].format(*(digits[place : place + 4] for place in range(0, 16, 4)))
    return hashed(value, kind, key=key)


def _name(word: str, key: bytes) -> str:
    """Another name for a word of a name; what is written small (`von`, `de`) stays."""
    if word[0].islower():
        return word
    number = int.from_bytes(_mac(word, "name", key=key)[:8])
    if len(word) == 1:
        return chr(ord("A") + number % 26)
    names = _invented("first" if word.lower() in known_names().first else "last")
    found = names[number % len(names)]
    return found.upper() if word.isupper() else found.capitalize()


@cache
def _invented(which: str) -> tuple[str, ...]:
    known = known_names().first if which == "first" else known_names().last
    return tuple(name for name, is_word in known.items() if not is_word and name.isascii() and name.isalpha())


def _mac(value: str, kind: str, *, key: bytes) -> bytes:
    if kind in _EXACT:
        plain = value
    elif kind in _LOWER:
        plain = " ".join(value.lower().split())
    else:
        plain = "".join(letter for letter in value.upper() if letter.isalnum())
    return hmac.new(key, f"{kind}\0{plain}".encode(errors="surrogatepass"), hashlib.sha256).digest()
