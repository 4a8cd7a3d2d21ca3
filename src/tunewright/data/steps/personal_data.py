"""Personal data and credentials: found in every text of a row, and taken out, changed, or refused."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from tunewright.core import digest
from tunewright.core.errors import Problem, UserError
from tunewright.core.ports import Detector, Row
from tunewright.data.context import Context
from tunewright.data.pseudonyms import hashed, masked, pseudonym, redacted
from tunewright.data.row_texts import rewritten
from tunewright.data.step import BatchStep, Outcome
from tunewright.detect.personal import KINDS, Finder, personal_spans
from tunewright.detect.personal_name import names
from tunewright.detect.personal_name_model import named_by
from tunewright.detect.spans import Span
from tunewright.recipe.options.steps.personal_data import KEYED, Options

LEAST_KEY_BYTES = 16
MOST_TOLD = 20
"""Rows of one batch that an error names."""
_WRITTEN_ALONE = re.compile(r"[:,\[]\s*$")
_NOTHING_FOLLOWS = re.compile(r"\s*[,}\]]")


class Work(BatchStep):
    """Fulfils the port Step. `private`: no text that it changed or took out is shown anywhere."""

    private = True

    def __init__(self, options: Options) -> None:
        self.options = options
        self.actions = {kind: action for kind, action in options.actions().items() if action != "keep"}
        self._folder = Path()
        self._key = b""
        self._detector: Detector | None = None

    def bind(self, context: Context) -> None:
        """Take the key and the model for names. Raises UserError where there is no key, or a short one."""
        self._folder = context.folder
        self._key = self._read_key()
        self._detector = None if self.options.names == "list" else context.detector(self.options.names)

    def parents(self, context: Context) -> list[str]:
        """Digests of the key, since other pseudonyms are other rows, and of the model for names."""
        self._folder = context.folder
        key = self._read_key()
        by = [] if self.options.names == "list" else [context.detector(self.options.names).digest]
        return [*([digest.of_parts([b"personal_data", key])] if key else []), *by]

    def batch(self, rows: Sequence[Row]) -> list[Outcome]:
        """Each row with its texts rewritten. Raises UserError, naming files, lines and kinds, where one is refused."""
        refused: list[Problem] = []
        outcomes = [self._row(row, refused) for row in rows]
        if refused:
            raise UserError.many(tuple(refused[:MOST_TOLD]))
        return outcomes

    def _row(self, row: Row, refused: list[Problem]) -> Outcome:
        found: dict[str, None] = {}
        after = rewritten(row, lambda text, name: self._rewritten(text, name, found=found))
        refused += [_refusal(row, kind) for kind in found if self.actions[kind] == "refuse"]
        dropped = next((kind for kind in KINDS if kind in found and self.actions[kind] == "drop"), None)
        if dropped:
            return Outcome(None, reason=f"personal_data.{dropped}")
        return (
            Outcome(after, tuple(f"personal_data.{kind}" for kind in KINDS if kind in found)) if found else Outcome(row)
        )

    def _rewritten(self, text: str, name: str, *, found: dict[str, None]) -> str:
        """The text; kinds that stand in it are added to `found`. `name` helps to tell what a number is."""
        head = f"{name}: " if name else ""
        spans = [
            span._replace(start=span.start - len(head), end=span.end - len(head))
            for span in personal_spans(head + text, self.actions.keys(), by=self._names())
            if span.start >= len(head)
        ]
        if not spans:
            return text
        found.update(dict.fromkeys(span.kind for span in spans))
        parts, at = [], 0
        for span in spans:
            parts += [text[at : span.start], self._instead(text, span)]
            at = span.end
        return "".join([*parts, text[at:]])

    def _names(self) -> Finder:
        """How names are found. Unbound, as the checks of all steps use it, by the lists."""
        return names if self._detector is None else named_by(self._detector.places)

    def _instead(self, text: str, span: Span) -> str:
        value, action = text[span.start : span.end], self.actions[span.kind]
        match action:
            case "mask":
                new = masked(value, span.kind)
            case "hash":
                new = hashed(value, span.kind, key=self._a_key())
            case "pseudonym":
                new = pseudonym(value, span.kind, key=self._a_key())
            case _:
                new = redacted(span.kind)
        return f'"{new}"' if value.isdigit() and _is_json_number(text, span) else new

    def _a_key(self) -> bytes:
        self._key = self._key or self._read_key()
        return self._key

    def _read_key(self) -> bytes:
        """The key where an action needs one, else nothing."""
        options = self.options
        if not any(action in KEYED for action in self.actions.values()):
            return b""
        if options.key_variable:
            where, key = (
                f"data.steps: key_variable {options.key_variable}",
                os.environ.get(options.key_variable, "").encode(),
            )
        else:
            where, key = f"data.steps: key_file {options.key_file}", _content(self._folder / options.key_file)
        if len(key) < LEAST_KEY_BYTES:
            what = f"the key of the step personal_data has {len(key)} bytes, and needs {LEAST_KEY_BYTES}."
            raise UserError(
                what if key else "the step personal_data has no key.", where=where, do="Give it 32 random letters."
            )
        return key


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError as error:
        where = f"data.steps: key_file {path.name}"
        raise UserError(f"the key cannot be read: {error.strerror}.", where=where, do="Write where it lies.") from error


def _refusal(row: Row, kind: str) -> Problem:
    where = f"{row.source}:{row.line}"
    do = f"Take it out, or write the step's kinds.{kind}: redact."
    return Problem(f"the row holds personal data of the kind {kind}.", where, do)


def _is_json_number(text: str, span: Span) -> bool:
    """True for a bare number of a JSON text: a word in its place must stand in quotes."""
    if text.lstrip()[:1] not in ("{", "[") or not _WRITTEN_ALONE.search(text[max(0, span.start - 20) : span.start]):
        return False
    return bool(_NOTHING_FOLLOWS.match(text, span.end)) and _is_json(text)


def _is_json(text: str) -> bool:
    try:
        value: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict | list)
