"""What docs/how-to/troubleshooting.md quotes is what the program says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.house.tree import REPOSITORY, SRC

PAGE = REPOSITORY / "docs" / "how-to" / "troubleshooting.md"
QUOTE = re.compile(r"^> (.+)$", re.MULTILINE)


def said(tree: Path) -> list[str]:
    """Every text of the source, values in it as "…"."""
    found: list[str] = []
    for path in tree.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(str(each.value) if isinstance(each, ast.Constant) else "…" for each in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def unsaid(page: str, texts: list[str]) -> list[str]:
    """Quotes of which a piece, between values and brackets, stands in no text of the source."""
    everything = "\n".join(texts)
    quotes = [(quote, [piece.strip(" .,:") for piece in re.split("[…;()]", quote)]) for quote in QUOTE.findall(page)]
    return [quote for quote, pieces in quotes if not all(piece in everything for piece in pieces)]


def test_every_quoted_sentence_is_said() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(QUOTE.findall(page)) > 30
    assert unsaid(page, said(SRC)) == []


def test_a_sentence_that_nobody_says_is_found() -> None:
    assert unsaid("> the disk is tired.\n\n> the disk is full.\n", said(SRC)) == ["the disk is tired."]
