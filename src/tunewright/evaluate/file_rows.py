"""Reads a user's own test file: rows in any known format and shape, or with choices; what is left out is counted.

Memory holds the rows that are drawn, and 16 bytes for each row that was seen.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.core.errors import UserError
from tunewright.core.ports import Converted, Details, RawRow, Row, RowProblem, Shape, Source
from tunewright.data.columns import exchange, missing, required_text
from tunewright.data.files import SourceFile, describe, source_type
from tunewright.data.prepare import DataParts
from tunewright.data.rows import content_key, make_row
from tunewright.data.shape import LOOKED_AT, choose_shape, good_rows
from tunewright.recipe import files as named
from tunewright.recipe.options.suites.file import Options

WHERE = "evaluate.suites.file.path"
SHOWN_REASONS = 5


@dataclass
class FileReceipt:
    """What became of the rows of a file: seen = kept + duplicates + set aside, and of the kept `drawn` are measured."""

    name: str
    seen: int = 0
    kept: int = 0
    drawn: int = 0
    duplicates: int = 0
    set_aside: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add_problem(self, problem: RowProblem, *, file: str, line: int) -> None:
        """Count a row that cannot be used; the first of each reason is remembered with its place."""
        self.set_aside[problem.reason] += 1
        detail = f": {problem.detail}" if problem.detail else ""
        self.first.setdefault(problem.reason, f"{file}:{line}{detail}")

    def sentences(self) -> list[str]:
        """What people should know: rows set aside with the first of each reason, duplicates, a draw."""
        found: list[str] = []
        if self.set_aside:
            reasons = "; ".join(
                f"{reason} {count:,} (first {self.first[reason]})"
                for reason, count in self.set_aside.most_common(SHOWN_REASONS)
            )
            count = self.set_aside.total()
            found.append(f"{self.name}: {count:,} of {self.seen:,} rows were set aside and not measured: {reasons}.")
        if self.duplicates:
            found.append(f"{self.name}: {self.duplicates:,} exact duplicates were left out.")
        if self.drawn < self.kept:
            found.append(f"{self.name}: {self.drawn:,} of {self.kept:,} rows were drawn.")
        return found


def find(options: Options, folder: Path) -> list[SourceFile]:
    """The files that a path or glob names, with their digests. Raises UserError when there is none."""
    found = sorted(named.matches(options.path, folder))
    if not found:
        raise UserError(named.absence(options.path, folder), where=WHERE, do=named.WRITE_A_FILE)
    return [describe(path, folder, kind=options.format, where=WHERE) for path in found]


def read(
    options: Options, files: Sequence[SourceFile], *, parts: DataParts, count: Callable[[str], int]
) -> tuple[list[Row], FileReceipt]:
    """The rows to measure, in file order, and what became of all; `count` says how many tokens a text has.

    Raises UserError when no row can be used, or the shape cannot be told.
    """
    shape = _shape(options, parts, files)
    receipt = FileReceipt(options.path)
    short = Short(shape, options.max_tokens, count)
    rows = _drawn(_rows(files, parts.sources, short, receipt=receipt), receipt, options=options)
    if not rows:
        reasons = " ".join(receipt.sentences()) or "It is empty."
        raise UserError(f"no row of {options.path} can be measured. {reasons}", where=WHERE, do="Mend the file.")
    return rows, receipt


UNMEASURED = {
    "prompts": "prompts without answers: there is nothing to compare with",
    "rated": "rated answers, of which some are bad: they are no measure of what is right",
}


def _shape(options: Options, parts: DataParts, files: Sequence[SourceFile]) -> Shape:
    """Choices where half of the first rows have them, else the shape that the recipe or the columns say."""
    choices = Choices(options)
    first = list(islice(good_rows(parts.sources, files), LOOKED_AT))
    if not first and next(_raw(files, parts.sources), None) is None:
        raise UserError(f"{options.path} holds no rows.", where=WHERE, do="Name another file.")
    if options.shape == "auto" and first and 2 * sum(choices.fits(frozenset(row), row) for row in first) >= len(first):
        return choices
    try:
        name, shape = choose_shape(parts.shapes, parts.sources, files=files)
    except UserError as error:
        raise UserError(error.problems[0].what, where=files[0].name, do=_remedy(options, parts)) from error
    if name == "text":
        raise UserError(
            f"the rows of {options.path} are plain text: there is no answer to compare with.",
            where=WHERE,
            do="Give rows with a question and an answer; the suite heldout measures plain text of the dataset.",
        )
    if name in UNMEASURED:
        raise UserError(
            f"the rows of {options.path} are {UNMEASURED[name]}.",
            where=WHERE,
            do="Say where the right answer stands, for example `shape: {type: prompt_completion, completion: reply}`.",
        )
    return shape


def _remedy(options: Options, parts: DataParts) -> str:
    known = ", ".join(sorted(parts.shapes))
    return (
        f"Write `shape` of the suite file with the names of your columns ({known}), or give the columns "
        f'"{options.question}", "{options.choices}" and "{options.target}".'
    )


def _raw(files: Sequence[SourceFile], sources: Mapping[str, Source]) -> Iterator[tuple[SourceFile, RawRow]]:
    for file in files:
        for raw in sources[source_type(file, sources)].read(file.path):
            yield file, raw


def _rows(
    files: Sequence[SourceFile], sources: Mapping[str, Source], shape: Shape, *, receipt: FileReceipt
) -> Iterator[Row]:
    """Rows that can be used, each once; the others are counted."""
    seen: set[bytes] = set()
    for file, raw in _raw(files, sources):
        receipt.seen += 1
        try:
            row = _row(raw, file.name, shape)
        except RowProblem as problem:
            receipt.add_problem(problem, file=file.name, line=raw.line)
            continue
        key = content_key(row)
        if key in seen:
            receipt.duplicates += 1
            continue
        seen.add(key)
        receipt.kept += 1
        yield row


def _row(raw: RawRow, file: str, shape: Shape) -> Row:
    if raw.value is None:
        reason, _, detail = raw.problem.partition(": ")
        raise RowProblem(reason, detail)
    return make_row(shape.convert(raw.value), source=file, line=raw.line)


def _drawn(rows: Iterator[Row], receipt: FileReceipt, *, options: Options) -> list[Row]:
    """All rows, or those with the smallest of random numbers, one a row, so that only these are held."""
    if options.max_rows is None:
        found = list(rows)
    else:
        numbers = np.random.default_rng(options.seed)
        tagged = ((numbers.random(), place, row) for place, row in enumerate(rows))
        least = heapq.nsmallest(options.max_rows, tagged, key=lambda each: each[:2])
        found = [row for _, _, row in sorted(least, key=lambda each: each[1])]
    receipt.drawn = len(found)
    return found


@dataclass(frozen=True)
class Short:
    """A shape whose rows have prompts of at most `limit` tokens; `count` counts those of a text."""

    shape: Shape
    limit: int
    count: Callable[[str], int]

    def fits(self, columns: frozenset[str], example: Mapping[str, Any]) -> bool:
        """As the shape says."""
        return self.shape.fits(columns, example)

    def convert(self, value: Mapping[str, Any]) -> Converted:
        """What the shape makes of a row. Raises RowProblem, also for a prompt that is too long."""
        converted = self.shape.convert(value)
        tokens = sum(self.count(turn.get("content", "")) for turn in converted.messages[:-1])
        if tokens > self.limit:
            raise RowProblem("prompt_too_long", f"about {tokens:,} tokens, at most {self.limit:,}")
        return converted


class Choices:
    """Rows with a question, a list of answers and the right one: a shape of this suite alone."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def fits(self, columns: frozenset[str], example: Mapping[str, Any]) -> bool:
        """The question is there, and a list of choices."""
        return self.options.question in columns and isinstance(example.get(self.options.choices), list)

    def convert(self, value: Mapping[str, Any]) -> Converted:
        """The question as the user's turn; the right choice is answer and label. Raises RowProblem."""
        question = required_text(value, self.options.question)
        choices = self._choices(value)
        right = self._right(value, choices)
        return Converted(exchange(question, right), right, details=Details(choices=choices))

    def _choices(self, value: Mapping[str, Any]) -> list[str]:
        column = self.options.choices
        if not isinstance(value.get(column), list):
            raise RowProblem("missing_choices", missing(value, column))
        choices = [
            str(each).strip() for each in value[column] if each is not None and not isinstance(each, list | dict)
        ]
        if len(choices) != len(value[column]) or not all(choices):
            raise RowProblem("bad_choices", f'"{column}" holds something that is no text')
        if len(choices) < 2 or len(set(choices)) < len(choices):
            raise RowProblem("bad_choices", f'"{column}" needs at least two choices, each once')
        return choices

    def _right(self, value: Mapping[str, Any], choices: Sequence[str]) -> str:
        """The choice that a text, a letter or a place from 0 names, in this order."""
        target = value.get(self.options.target)
        if target is None:
            raise RowProblem("missing_column", missing(value, self.options.target))
        said = str(target).strip()
        if said in choices:
            return said
        letters = [chr(ord("A") + place) for place in range(min(len(choices), 26))]
        if said.upper() in letters:
            return choices[letters.index(said.upper())]
        if isinstance(target, int) and not isinstance(target, bool) and 0 <= target < len(choices):
            return choices[target]
        raise RowProblem("wrong_answer", f'"{self.options.target}" is none of the choices')
