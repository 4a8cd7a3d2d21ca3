"""Plain text: one file is one document, UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tunewright.core.ports import RawRow
from tunewright.data.lines import BOM, bad_row
from tunewright.recipe.options.sources.text import Options

MAX_BYTES = 256 * 2**20
"""A larger document would have to be held whole to be tokenised; split it."""


class Work:
    """Fulfils the port Source."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def read(self, path: Path) -> Iterator[RawRow]:
        """One row with the column `text`; an empty file is none."""
        if path.stat().st_size > MAX_BYTES:
            yield bad_row(1, "document_too_long", raw="", detail=f"more than {MAX_BYTES:,} bytes")
            return
        content = path.read_bytes().removeprefix(BOM)
        if not content.strip():
            return
        if b"\0" in content:
            yield bad_row(1, "nul_byte", raw=content, detail="the file holds a NUL byte; is it UTF-16 or no text?")
            return
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            yield bad_row(1, "wrong_encoding", raw=content, detail=f"not UTF-8 at byte {error.start + 1}")
            return
        yield RawRow(1, {"text": text.replace("\r\n", "\n")}, raw=text[:2000])
