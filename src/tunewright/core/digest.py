"""Digests: the same content gives the same 64 hexadecimal characters on any machine (SHA-256)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

BLOCK_BYTES = 1 << 20


def of_bytes(content: bytes | memoryview) -> str:
    """SHA-256 of some bytes, as lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def canonical(value: Any) -> bytes:
    """The one JSON text of a value: sorted keys, no spaces, UTF-8.

    Raises ValueError for NaN and infinities, which have no JSON form. Lone surrogates are kept as `\\ud800` escapes.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def of_json(value: Any) -> str:
    """Digest of any JSON value, independent of key order."""
    return of_bytes(canonical(value))


def of_file(path: Path) -> str:
    """Digest of a file's bytes, read in blocks of 1 MiB."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            total.update(block)
    return total.hexdigest()


def of_parts(parts: Iterable[bytes]) -> str:
    """Digest of a sequence of byte strings; boundaries count, so ("ab", "c") differs from ("a", "bc")."""
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "little"))
        total.update(part)
    return total.hexdigest()


def short(digest: str) -> str:
    """The first 12 characters: enough for people, never for comparison."""
    return digest[:12]
