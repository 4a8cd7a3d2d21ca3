"""The form of answers: what a model would learn to write, whatever it says."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from tunewright.core.ports import Message

ITEM = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+\S", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+\S", re.MULTILINE)
LONGEST_JSON = 1_000_000
MOST_TURNS = 7
ENDS = (".", "!", "?", "…", "。", "！", "？", "؟", "।", ":", ")", '"', "”", "»", "```")


def form_of(text: str, *, calls: bool = False) -> str:
    """One of: tool call, nothing, JSON, code, headings, list, one word, one line, one paragraph, paragraphs."""
    text = text.strip()
    if not text:
        return "tool call" if calls else "nothing"
    if text[0] in "{[" and is_json(text):
        return "JSON"
    if "```" in text:
        return "code"
    if "\n" not in text:
        return "one line" if re.search(r"\s", text) else "one word"
    if HEADING.search(text):
        return "headings"
    if sum(1 for _ in zip(ITEM.finditer(text), range(2), strict=False)) == 2:
        return "list"
    return "paragraphs" if "\n\n" in text else "several lines"


def is_json(text: str) -> bool:
    """True for an object or a list in JSON."""
    if len(text) > LONGEST_JSON:
        return text[-1] in "}]"
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def ends_whole(text: str) -> bool:
    """True for a text that ends as a sentence, a quotation or a block does."""
    return text.rstrip().endswith(ENDS)


def turns_of(messages: Sequence[Message]) -> str:
    """Who speaks in which order: "system, user, assistant"."""
    roles = [str(turn.get("role", ""))[:20] for turn in messages]
    if len(roles) <= MOST_TURNS:
        return ", ".join(roles)
    first = "system, " if roles[0] == "system" else ""
    return f"{first}more than {MOST_TURNS} turns"
