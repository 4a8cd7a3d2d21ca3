"""The language of each row: measured, and others than the allowed ones dropped."""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.core.ports import Row
from tunewright.data.looked_at import answers, conversation
from tunewright.data.rows import with_column
from tunewright.data.step import BatchStep, Outcome
from tunewright.detect.language import UNKNOWN, language, same
from tunewright.recipe.options.steps.language import Options

REASON, UNSURE = "language", "language.unsure"


class Work(BatchStep):
    """Fulfils the port Step."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def batch(self, rows: Sequence[Row]) -> list[Outcome]:
        """Each row with its language; those in another language than the allowed ones are dropped."""
        return [self._row(row) for row in rows]

    def _row(self, row: Row) -> Outcome:
        texts = answers(row) if self.options.look_at == "answers" else conversation(row)
        whole = self._known("\n".join(texts))
        turns = map(self._known, texts) if self.options.look_at == "each_turn" else ()
        sure = [code for code in (whole, *turns) if code != UNKNOWN]
        if self.options.allowed:
            if not all(any(same(code, allowed) for allowed in self.options.allowed) for code in sure):
                return Outcome(None, reason=REASON)
            if not sure and self.options.unsure == "drop":
                return Outcome(None, reason=UNSURE)
        return Outcome(with_column(row, self.options.column, value=whole) if self.options.column else row)

    def _known(self, text: str) -> str:
        """The code of a text's language, or that it is unknown."""
        found = language(text)
        if found.score < self.options.least or found.letters < self.options.least_letters:
            return UNKNOWN
        return found.code
