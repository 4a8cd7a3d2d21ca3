"""Text of others inside Markdown: it can neither end a cell nor begin a tag, a picture or a link."""

from __future__ import annotations

import re

_MARKS = re.compile(r"[\\`*_\[\]|>#~$]")


def cell(text: object, length: int = 200) -> str:
    """Text for a cell of a Markdown table: one line, no bar, no tag, no picture or link, and not too long."""
    plain = " ".join(str(text).split())
    shown = plain if len(plain) <= length else plain[: length - 1] + "…"
    return _MARKS.sub(lambda mark: f"\\{mark[0]}", shown.replace("&", "&amp;").replace("<", "&lt;"))
