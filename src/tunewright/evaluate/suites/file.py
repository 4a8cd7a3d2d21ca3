"""File: a user's own test file, asked as a model is used; choices and, on wish, labels by likelihood."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePath

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Row
from tunewright.evaluate import file_rows
from tunewright.evaluate.archives import ask
from tunewright.evaluate.asking import generated, ranked
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, NotMeasured, PlainSuite, Respondent, Sample, sample_of
from tunewright.evaluate.suites.labels import as_label
from tunewright.recipe.options.suites.file import Options
from tunewright.recipe.recipe import DataOptions
from tunewright.recipe.sources import SourceOptions

CHARACTERS_A_TOKEN = 4
"""Of English text; where no tokenizer is at hand."""
_NO_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


class Work(PlainSuite):
    """One file; suite and way are called `file_<name of the file>`.

    `notes`: after `examples`, sentences about rows that were set aside, duplicates, and a draw.
    """

    own = True

    def __init__(self, options: Options) -> None:
        self.options = options
        self.scorers = options.scorers
        self.name = f"file_{_NO_NAME.sub('_', PurePath(options.path).stem) or 'rows'}"
        self.ways = (self.name,)
        self.notes: tuple[str, ...] = ()

    def fits(self, row: Row) -> bool:
        """Rows with an answer to compare with."""
        return len(row.messages) > 1

    def inputs(self, bench: Bench) -> list[str]:
        """Digests of the files, which decide with the options whether this was measured before. Raises UserError."""
        return [file.digest for file in file_rows.find(self.options, bench.folder)]

    def examples(self, bench: Bench) -> Sample:
        """The rows of the file that can be used, each once. Raises UserError when there are none."""
        parts = bench.data_parts
        if parts is None:
            raise NotMeasured(f"nothing here reads files, so {self.options.path} was not opened")
        files = file_rows.find(self.options, bench.folder)
        source = SourceOptions(path=self.options.path, type=self.options.format)
        known = parts(DataOptions(train=source, shape=self.options.shape, steps=()))
        rows, receipt = file_rows.read(self.options, files, parts=known, count=_counter(bench))
        self.notes = tuple(receipt.sentences())
        return sample_of(rows)

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with the answer; `predicted` is the choice or label that it means.

        Rows with choices are ranked unless they are to be written. Raises NotMeasured for likelihoods far away.
        """
        rows = sample.rows()
        if not any("choices" in row.details for row in rows):
            return self._texts(model, rows, style=style, bench=bench)
        if self.options.ask == "generation":
            return ask.written_choices(model, rows, bench=bench, limit=self._limit(bench))
        return ask.ranked_choices(model, rows)

    def _texts(self, model: Respondent, rows: Sequence[Row], *, style: Style, bench: Bench) -> list[AnsweredRow]:
        labels = sorted({row.label for row in rows if row.label is not None} | set(bench.labels))
        if self.options.ask == "likelihood":
            if not all(row.label for row in rows):
                raise NotMeasured(f"the rows of {self.options.path} have neither choices nor labels to rank")
            return ranked(model, rows, choices=[labels] * len(rows), bench=bench, style=style)
        answered = generated(model, rows, bench=bench, style=style, max_new_tokens=self._limit(bench))
        return [replace(each, predicted=as_label(each.answer, labels) if each.row.label else None) for each in answered]

    def _limit(self, bench: Bench) -> int:
        return self.options.max_new_tokens or bench.max_new_tokens


def _counter(bench: Bench) -> Callable[[str], int]:
    """Counts the tokens of a text: exactly where the base model is here, else four characters a token."""
    chat = bench.base.chat if bench.base is not None else None
    if chat is None:
        return lambda text: len(text) // CHARACTERS_A_TOKEN
    return lambda text: len(chat.encode_text(text))
