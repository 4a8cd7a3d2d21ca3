"""Where a text stands in the rows of data sets. Streams; memory holds one block of rows and the hits that are shown."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tunewright.core.appended import json_lines
from tunewright.core.errors import UserError
from tunewright.data.catalogue import Entry
from tunewright.data.rows import SPLITS
from tunewright.data.scan import blocks
from tunewright.data.seal import digests

AROUND = 60
COLUMNS = ("id", "source", "line", "messages", "rejected", "label")
Matching = Literal["exact", "folded"]


@dataclass(frozen=True)
class Hit:
    """A row that holds the text. `match`: `exact`, or `folded` where case or white space differ."""

    dataset: str
    split: str
    id: str
    source: str
    line: int
    match: Matching
    excerpt: str


@dataclass
class Found:
    """Rows of one data set that hold the text, by split (`quarantine` for rows that were set aside).

    `hits` are the first of them; `exact` counts those that hold it to the letter.
    """

    dataset: str
    rows: dict[str, int] = field(default_factory=dict)
    exact: int = 0
    hits: list[Hit] = field(default_factory=list)

    @property
    def count(self) -> int:
        """All rows, quarantined ones too."""
        return sum(self.rows.values())


class Needle:
    """The text that is sought. Raises UserError when nothing of it is left once white space is."""

    def __init__(self, text: str) -> None:
        self.text, self.folded = text, folded(text)
        if not self.folded:
            raise UserError("there is nothing to look for.", where="TEXT", do="Write some words.")

    def match(self, texts: Sequence[str]) -> tuple[Matching, str] | None:
        """How the first of some texts holds it, with its surroundings; None where none does."""
        for text in texts:
            if (at := text.find(self.text)) >= 0:
                return "exact", around(text, at, length=len(self.text))
        for text in texts:
            plain = folded(text)
            if (at := plain.find(self.folded)) >= 0:
                return "folded", around(plain, at, length=len(self.folded))
        return None


def folded(text: str) -> str:
    """Text without the differences of case, of white space, and of composed characters."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def around(text: str, at: int, *, length: int) -> str:
    """A place of a text with what stands around it."""
    begin, end = max(0, at - AROUND), min(len(text), at + length + AROUND)
    return ("… " if begin else "") + text[begin:end] + (" …" if end < len(text) else "")


def search(entries: Sequence[Entry], needle: Needle, *, limit: int) -> list[Found]:
    """What each data set holds of a text, of those that hold any; at most `limit` hits of each.

    A file that several data sets share is read once. Raises OutsideError for a damaged file.
    """
    known: dict[str, tuple[int, int, list[Hit]]] = {}
    found: list[Found] = []
    for entry in entries:
        one = Found(entry.name)
        names = digests(entry.folder)
        for split in SPLITS:
            key = f"{split} {names.get(f'{split}.parquet', entry.name)}"
            if key not in known:
                known[key] = _counted(_hits(entry, split, needle=needle), limit=limit)
            count, exact, hits = known[key]
            _add(one, split, count=count, exact=exact, hits=[_of(hit, entry.name) for hit in hits])
        count, exact, hits = _counted(_quarantined(entry, needle), limit=limit)
        _add(one, "quarantine", count=count, exact=exact, hits=hits)
        one.hits = one.hits[:limit]
        if one.count:
            found.append(one)
    return found


def _add(one: Found, split: str, *, count: int, exact: int, hits: Sequence[Hit]) -> None:
    if count:
        one.rows[split] = count
        one.exact += exact
        one.hits += hits


def _of(hit: Hit, dataset: str) -> Hit:
    return Hit(dataset, hit.split, hit.id, hit.source, hit.line, hit.match, hit.excerpt)


def _counted(hits: Iterator[Hit], *, limit: int) -> tuple[int, int, list[Hit]]:
    count = exact = 0
    first: list[Hit] = []
    for hit in hits:
        count += 1
        exact += hit.match == "exact"
        if len(first) < limit:
            first.append(hit)
    return count, exact, first


def _hits(entry: Entry, split: str, *, needle: Needle) -> Iterator[Hit]:
    for _begin, block in blocks(entry.folder / f"{split}.parquet", COLUMNS):
        for row in block.to_pylist():
            match = needle.match(texts_of(row))
            if match is not None:
                yield Hit(entry.name, split, row["id"], row["source"], row["line"], *match)


def texts_of(row: dict[str, Any]) -> list[str]:
    """Every text of a stored row: turns, what they reason, arguments of calls, turns that lost, the label."""
    turns = json.loads(row["messages"]) + json.loads(row.get("rejected") or "[]")
    texts = [turn[name] for turn in turns for name in ("content", "reasoning_content") if turn.get(name)]
    texts += [json.dumps(turn["tool_calls"], ensure_ascii=False) for turn in turns if turn.get("tool_calls")]
    return [*texts, row["label"]] if row.get("label") and row["label"] not in texts else texts


def _quarantined(entry: Entry, needle: Needle) -> Iterator[Hit]:
    for line in json_lines(entry.folder / "quarantine.jsonl"):
        match = needle.match([str(line.get("raw", ""))])
        if match is not None:
            yield Hit(entry.name, "quarantine", "", str(line.get("file", "")), int(line.get("line", 0)), *match)
