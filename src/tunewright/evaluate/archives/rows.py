"""Builds the rows of archive sets: one question to a model, and what a scorer needs to know about it."""

from __future__ import annotations

from pathlib import PurePosixPath

from tunewright.core import digest
from tunewright.core.ports import Details, Message, Row
from tunewright.evaluate.archives.package import Record

DOCUMENT = "document"


def asked(record: Record, prompt: str, *, answer: str = "", label: str | None = None, details: Details) -> Row:
    """A row whose user turn is `prompt` and whose answer may be empty, where nobody has given one.

    Without a family of its own a row's family is its prompt, so that a question that stands twice counts as one.
    """
    turns: tuple[Message, ...] = ({"role": "user", "content": prompt}, {"role": "assistant", "content": answer})
    return _row(record, turns, label, Details({"family": family_of(prompt), **details}))


def text(record: Record, content: str, *, details: Details) -> Row:
    """A row of plain text, with no template around it."""
    turns: tuple[Message, ...] = ({"role": DOCUMENT, "content": content},)
    return _row(record, turns, None, Details({"family": family_of(content), **details}))


def family_of(content: str) -> str:
    """A short name for rows that share a text: a passage, a prompt, a document."""
    return digest.short(digest.of_bytes(content.encode("utf-8", "replace")))


def stem(record: Record) -> str:
    """The name of the member without folder and ending."""
    return PurePosixPath(record.member).stem


def _row(record: Record, turns: tuple[Message, ...], label: str | None, details: Details) -> Row:
    named = digest.of_json([turns, label, details])
    return Row(named, turns, label, source=record.member, line=record.line, details=details)
