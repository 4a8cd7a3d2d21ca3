"""How near rows are to a domain: filter, rank or weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.ports import Changed, Embedder, Gone, Phase, Row, StepResult
from tunewright.data.bm25 import Counted, Domain
from tunewright.data.context import Context
from tunewright.data.row_weights import times
from tunewright.data.split import lot
from tunewright.data.step import GlobalStep
from tunewright.data.word_vectors import text_of
from tunewright.recipe.options.steps.relevance import Options

WHERE = "data.steps.relevance"
Known = Counted | str
"""Of a row: its words of the domain, or its text for an embedder."""


class Work(GlobalStep):
    """Fulfils the port Step."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.phase: Phase = "before_split" if options.action == "filter" else "training_rows"
        self._examples = list(options.examples)
        self._domain = Domain(options.description or "", self._examples)
        self._embedder: Embedder | None = None

    def bind(self, context: Context) -> None:
        """Take the examples of the file, and the embedder. Raises UserError when there is nothing to compare with."""
        self._examples = [*self.options.examples, *self._lines(context)]
        if not self.options.description and not self._examples:
            raise UserError(
                "there is nothing to compare rows with.",
                where=WHERE,
                do="Write a description or examples, or name a file with an example on each line.",
            )
        self._domain = Domain(self.options.description or "", self._examples)
        self._embedder = None if self.options.by == "bm25" else context.embedder(self.options.by)

    def parents(self, context: Context) -> list[str]:
        """The examples of the file, and the embedder's weights."""
        by = [] if self.options.by == "bm25" else [context.embedder(self.options.by).digest]
        return [digest.of_json(self._lines(context)), *by]

    def __getstate__(self) -> dict[str, Any]:
        """What other processes need: no embedder."""
        return {**self.__dict__, "_embedder": None}

    def map(self, rows: Sequence[Row]) -> Sequence[Known]:
        """What is to be known of each row."""
        texts = [text_of(row, self.options.text) for row in rows]
        return texts if self.options.by != "bm25" else [self._domain.counted(text) for text in texts]

    def decide(self, rows: dict[str, list[Row]], found: dict[str, list[Any]]) -> StepResult:
        """Rows filtered in every split, or training rows ranked or weighted. Scores do not depend on their order."""
        splits = list(rows) if self.options.action == "filter" else ["train"]
        known = [each for split in splits for each in found.get(split, [])]
        scores = iter(self.scores(known))
        of_split = {split: [next(scores) for _row in rows.get(split, [])] for split in splits}
        if self.options.action == "filter":
            return self._filtered(rows, of_split)
        train, near = rows.get("train", []), of_split["train"]
        if self.options.action == "rank":
            order = nearest_first(train, near)
            return StepResult({**rows, "train": [train[place] for place in order]}, [], {})
        return self._weighted(rows, near)

    def scores(self, known: list[Any]) -> list[float]:
        """How near each row is, from what `map` found of all of them."""
        if self.options.by == "bm25":
            return self._domain.scores(known).tolist()
        assert self._embedder is not None, "the flow binds steps before they work"
        seeds = self._embedder.embed([*filter(None, [self.options.description]), *self._examples])
        centre = seeds.mean(0)
        return (self._embedder.embed(known) @ (centre / (np.linalg.norm(centre) or 1.0))).astype(float).tolist()

    def _filtered(self, rows: dict[str, list[Row]], scores: dict[str, list[float]]) -> StepResult:
        """The nearest of each split, in the order in which they stood."""
        kept: dict[str, list[Row]] = {}
        gone: list[Gone] = []
        least = -math.inf if self.options.least is None else self.options.least
        for split, group in rows.items():
            count = math.floor(self.options.top * len(group) + 0.5)
            stay = {place for place in nearest_first(group, scores[split])[:count] if scores[split][place] >= least}
            kept[split] = [row for place, row in enumerate(group) if place in stay]
            gone += [Gone(row, split, "dropped", "relevance") for place, row in enumerate(group) if place not in stay]
        return StepResult(kept, gone, {})

    def _weighted(self, rows: dict[str, list[Row]], scores: Sequence[float]) -> StepResult:
        """Each training row weighs as much as the share of rows that are no nearer: from almost 0 to 1."""
        train: list[Any] = list(rows.get("train", []))
        below = np.searchsorted(np.sort(scores), scores, side="right") / max(1, len(train))
        changed: list[Changed] = []
        for place, factor in enumerate(below.tolist()):
            if factor != 1:
                new = times(train[place], factor)
                changed.append(Changed(train[place], new, "relevance.weighted"))
                train[place] = new
        return StepResult({**rows, "train": train}, [], {}, changed)

    def _lines(self, context: Context) -> list[str]:
        """The examples of the file. Raises UserError when it cannot be read or holds none."""
        if self.options.file is None:
            return []
        path = context.folder / self.options.file
        try:
            lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{self.options.file} cannot be read as text.", where=f"{WHERE}.file") from error
        if not any(lines):
            raise UserError(f"{self.options.file} holds no example.", where=f"{WHERE}.file", do="Write one on a line.")
        return [line for line in lines if line]


def nearest_first(rows: Sequence[Any], scores: Sequence[float]) -> list[int]:
    """Places by score, the highest first; equals by a draw that does not depend on their order."""
    return sorted(range(len(rows)), key=lambda at: (-scores[at], lot(0, rows[at].id)))
