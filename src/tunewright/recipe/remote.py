"""Addresses of remote sources: which store reads them, and how they are written without secrets. No pydantic here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

STORES: dict[str, tuple[str, ...]] = {
    "sql": ("sqlite", "postgresql", "postgres"),
    "files": (
        *("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hdfs"),
        *("http", "https", "file", "memory"),
    ),
    "hub": ("hub",),
}
"""Store to the schemes of addresses that it reads."""
SECRET = re.compile(
    r"pass|pwd|secret|token|credential|connection|sas|signature|(^|[-_.])(sig|key|auth)$|key$", re.IGNORECASE
)
"""Names of options and of parts of an address whose values are written nowhere."""
HIDDEN = "***"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9.+-]*)://")
_HUB = re.compile(r"hub:(?!//)")
_SHORTEST = 4


def scheme(path: str) -> str:
    """The scheme of an address, without its driver (`postgresql+psycopg` is postgresql); empty for a local path."""
    if _HUB.match(path):
        return "hub"
    found = _SCHEME.match(path)
    return found.group(1).lower().partition("+")[0] if found else ""


def store_of(path: str) -> str | None:
    """The store that reads an address; empty when none does, None for a local path."""
    known = scheme(path)
    return next((store for store, schemes in STORES.items() if known in schemes), "") if known else None


def schemes() -> str:
    """What an address may begin with, for people."""
    return ", ".join("hub:" if each == "hub" else f"{each}://" for group in STORES.values() for each in group)


def without_secrets(path: str) -> str:
    """An address without its password, and without parameters whose names say that they are secret."""
    start, user, rest = parts(path)
    before, mark, query = rest.partition("?")
    pairs = [pair for pair in query.split("&") if pair and not SECRET.search(pair.partition("=")[0])]
    name = user.partition(":")[0]
    return f"{start}{f'{name}@' if name else ''}{before}{mark if pairs else ''}{'&'.join(pairs)}"


def shown(path: str) -> str:
    """An address as people read it: neither user nor parameters."""
    start, _user, rest = parts(path)
    return f"{start}{rest.partition('?')[0]}"


def parts(path: str) -> tuple[str, str, str]:
    """What an address begins with (`postgresql://`), its user with the password, and the rest.

    In the address of a database everything up to the last `@` is the user's: passwords hold any character.
    """
    found = _SCHEME.match(path)
    if not found:
        return "", "", path
    rest = path[found.end() :]
    if store_of(path) == "sql":
        host, mark, query = rest.partition("?") if "@" in rest.partition("?")[0] else (rest, "", "")
        user, at, place = host.rpartition("@")
        return found.group(), user if at else "", f"{place}{mark}{query}"
    authority, slash, place = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if not at or ":" not in user:  # `abfs://container@account/` names no user
        return found.group(), "", rest
    return found.group(), user, f"{host}{slash}{place}"


def secrets(path: str, storage: Mapping[str, Any]) -> list[str]:
    """The secret values of an address and of storage options, longest first."""
    _start, user, rest = parts(path)
    password = user.partition(":")[2]
    found = [password, unquote(password), *(str(value) for name, value in storage.items() if SECRET.search(name))]
    pairs = (pair.partition("=") for pair in rest.partition("?")[2].split("&"))
    found += [value for name, _mark, value in pairs if SECRET.search(name)]
    return sorted({each for each in found if len(each) >= _SHORTEST}, key=len, reverse=True)


def hidden(text: str, secret: Iterable[str]) -> str:
    """A text in which secret values are stars."""
    for each in secret:
        text = text.replace(each, HIDDEN)
    return text


def harmless(storage: Mapping[str, Any]) -> dict[str, Any]:
    """Storage options without those that are secret."""
    return {
        name: harmless(value) if isinstance(value, dict) else value  # pyright: ignore[reportUnknownArgumentType]
        for name, value in storage.items()
        if not SECRET.search(name)
    }
