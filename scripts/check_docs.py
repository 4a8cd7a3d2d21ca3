"""Links of the pages lead somewhere, every page is reachable, decisions are short, and verbs that are named exist.

python scripts/check_docs.py
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from command_line import verbs

ROOT = Path(__file__).parent.parent
DECISION_LINES = 40
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
VERB = re.compile(r"^\s*(?:\$ )?(?:[A-Z_]+=\S+ )?(?:tunewright|tw) ([a-z]+)", re.MULTILINE)


def pages(root: Path) -> list[Path]:
    """README and its neighbours, and everything below docs."""
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])


def dead_links(root: Path) -> list[str]:
    """Relative links to files that are not there."""
    return [
        f"{page.relative_to(root)}: {link} leads nowhere"
        for page in pages(root)
        for link in links(page)
        if not (page.parent / link).exists()
    ]


def links(page: Path) -> list[str]:
    """Relative links of a page; code is left out."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    return [link for link in LINK.findall(text) if "://" not in link and not link.startswith("mailto:")]


def lost_pages(root: Path) -> list[str]:
    """Pages below docs that no chain of links from docs/index.md reaches."""
    seen: set[Path] = set()
    waiting = [(root / "docs" / "index.md").resolve()]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        waiting += [(page.parent / link).resolve() for link in links(page)]
    below = (path.resolve() for path in (root / "docs").rglob("*.md"))
    return [f"{path.relative_to(root.resolve())} is linked from nowhere" for path in sorted(set(below) - seen)]


def long_decisions(root: Path) -> list[str]:
    """Decisions past the limit of lines."""
    counts = ((path, path.read_text(encoding="utf-8").count("\n")) for path in sorted(root.glob("docs/decisions/*.md")))
    return [f"{path.name}: {lines} lines (limit {DECISION_LINES})" for path, lines in counts if lines > DECISION_LINES]


def unknown_verbs(root: Path, known: Iterable[str]) -> list[str]:
    """Verbs in code blocks that the command line does not have."""
    names = set(known)
    return [
        f"{page.relative_to(root)}: no verb is called {verb}"
        for page in pages(root)
        for block in BLOCK.findall(page.read_text(encoding="utf-8"))
        for verb in VERB.findall(block)
        if verb not in names
    ]


def main() -> int:
    """Print what is wrong; returns the exit code."""
    known = [verb.name for verb in verbs()]
    problems = [*dead_links(ROOT), *lost_pages(ROOT), *long_decisions(ROOT), *unknown_verbs(ROOT, known)]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
