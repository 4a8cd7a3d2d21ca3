"""Format: the share of answers that have the asked form."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.forms import FORMS
from tunewright.evaluate.scoring.patterns import Unjudged, matches
from tunewright.evaluate.sums import UNMEASURED, RowMean, is_answered


class Work(RowMean):
    """Share of answers that as a whole have the form, or match the pattern; spaces around do not count; [0, 1].

    An answer on which the pattern takes more than half a second is left out.
    """

    def one(self, row: AnsweredRow) -> float:
        """1 when it has."""
        if not is_answered(row):
            return UNMEASURED
        text = row.answer.strip()
        if not self.options.pattern:
            return float(FORMS[self.options.form](text))
        try:
            return float(matches(self.options.pattern, text))
        except Unjudged:
            return UNMEASURED
