"""Schema validity: the share of answers that are JSON and fulfil the schema of their row."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.json_text import NoJson, read_json
from tunewright.evaluate.scoring.patterns import Unjudged
from tunewright.evaluate.scoring.schema import fulfils
from tunewright.evaluate.sums import UNMEASURED, RowMean, is_answered


class Work(RowMean):
    """Share of answers that fulfil `details["schema"]`, as `jsonschema` says; range [0, 1].

    Rows without a schema are left out, and those whose schema is broken, refers to elsewhere or takes too long.
    """

    def one(self, row: AnsweredRow) -> float:
        """1 when it does; an answer that is no JSON does not."""
        if "schema" not in row.row.details or not is_answered(row):
            return UNMEASURED
        try:
            return float(fulfils(row.row.details["schema"], read_json(row.answer, self.options.around)))
        except NoJson:
            return 0.0
        except Unjudged:
            return UNMEASURED
