"""Credentials in a text: keys of well-known services by their form, private keys, passwords in addresses, settings."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from tunewright.detect.spans import Span

KIND = "credentials"
LEAST_BITS = 3.0
"""Entropy of a value, in bits a character, from which on it is no word: `password = changeme` has 2.75."""
_KEYS = re.compile(
    r"(?:"
    r"A(?:KIA|SIA|IDA|ROA)[A-Z0-9]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255}|glpat-[A-Za-z0-9_-]{20,64}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-\d-[A-Za-z0-9-]{20,250}"
    r"|sk-(?:ant-|proj-|svcacct-|or-v1-)?[A-Za-z0-9_-]{20,250}|(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,250}"
    r"|whsec_[A-Za-z0-9+/]{24,80}|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,250}|GOCSPX-[A-Za-z0-9_-]{28}"
    r"|hf_[A-Za-z0-9]{30,60}|npm_[A-Za-z0-9]{36}|pypi-AgE[A-Za-z0-9_-]{50,250}|dop_v1_[a-f0-9]{64}"
    r"|SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|key-[a-f0-9]{32}"
    r"|(?:AC|SK)[a-f0-9]{32}|\d{8,10}:AA[A-Za-z0-9_-]{33}|EAAC[A-Za-z0-9]{30,250}|sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43}"
    r"|lin_api_[A-Za-z0-9]{40}|ntn_[A-Za-z0-9]{40,50}|dckr_pat_[A-Za-z0-9_-]{27}|AGE-SECRET-KEY-1[A-Z0-9]{58}"
    r"|hvs\.[A-Za-z0-9_-]{24,120}|eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000}"
    r")(?![A-Za-z0-9])"
)
_PRIVATE = "-----BEGIN "
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?P<name>[A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?)-----[^-]{0,20000}(?:-----END (?P=name)-----)?"
)
_URL = re.compile(r"(?i)(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,20}://([^\s/@:\"'<>]{1,128}:[^\s/@\"'<>]{1,256})@[\w\[]")
_SETTING = re.compile(
    r"(?:p(?:ass(?:word|wort|wd|phrase|code)?|wd)|kennwort|mot de passe|contraseña|secret(?:[_ -]?(?:key|token))?|token"
    r"|credentials?|bearer|(?:api|access|auth|private|account|encryption|signing|client)[_ -]?(?:key|token|secret|id))"
    r"[\"']?\]?(?:\s{0,3}(?::=|=>|[:=])\s{0,3}|\s{1,2}(?:is|ist|lautet|es|est)\s{0,2}:?\s{0,2}|(?<=earer)\s)"
    r"(?P<quote>[\"'`]?)(?P<value>[^\s\"'`,;<>(){}\[\]]{6,256})"
)
"""Over small letters: without regard to them, a search could not jump to the first letters."""
_REFERENCE = re.compile(
    r"(?i)^(?:\$[a-z_({]\w*[)}]?$|\$\{|\$\(|%\w+%?$|none$|null$|true$|false$|self\.|os\.|env\.|process\.|config\.|x{3,}|\*{3,}|\.{3}|your|example|changeme"
    r"|https?:|/|\./|[a-z_]+\.[a-z_.]+$)"
)


def secrets(text: str) -> Iterator[Span]:
    """Every credential; the span is the secret itself, and of an address its user and password."""
    for match in _KEYS.finditer(text):
        if not text[match.start() - 1 : match.start()].isalnum() and _bits(match[0]) >= LEAST_BITS:
            yield Span(*match.span(), KIND, 0.95)
    if _PRIVATE in text:
        yield from (Span(*match.span(), KIND, 0.99) for match in _PRIVATE_KEY.finditer(text))
    if "://" in text and "@" in text:
        for match in _URL.finditer(text):
            if not _REFERENCE.match(match[1].split(":", 1)[1]):
                yield Span(*match.span(1), KIND, 0.95)
    small = text.lower()
    for match in _SETTING.finditer(small if len(small) == len(text) else text):
        before = small[match.start() - 1 : match.start()]
        if not before.isalpha() and _is_secret(text[slice(*match.span("value"))], quoted=bool(match["quote"])):
            yield Span(*match.span("value"), KIND, 0.8)


def _is_secret(value: str, *, quoted: bool) -> bool:
    """Letters and digits or signs, as no word has; not the name of a variable."""
    value = value.rstrip(".!?:")
    if len(value) < 6 or _REFERENCE.match(value) or value.isdigit() or value.replace("_", "").isalpha():
        return False
    kinds = sum(
        (any(map(str.isdigit, value)), any(map(str.islower, value)), any(map(str.isupper, value)), not value.isalnum())
    )
    least = 2.2 if quoted or kinds >= 3 else LEAST_BITS
    return any(map(str.isdigit, value)) and kinds >= 2 and _bits(value) >= min(least, math.log2(len(value)) - 0.3)


def _bits(value: str) -> float:
    """Entropy of its characters, in bits a character."""
    size = len(value)
    return -sum(count / size * math.log2(count / size) for count in Counter(value).values())
