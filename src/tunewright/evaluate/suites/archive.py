"""Archive: a public test set out of a package that was fetched; its rows, asked in the way that fits them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.core.ports import Row
from tunewright.evaluate.archives import ask
from tunewright.evaluate.archives.catalogue import ARCHIVES, SETS, rows_of
from tunewright.evaluate.archives.package import Form
from tunewright.evaluate.archives.read import check_digest
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, NotMeasured, PlainSuite, Respondent, Sample, sample_of
from tunewright.recipe.options.suites.archive import Options

GENERATED = "_generated"
SCORERS: dict[Form, tuple[str, ...]] = {
    "choices": ("accuracy",),
    "questions": ("accuracy", "exact_match", "rouge_l"),
    "pairs": ("stereotype", "likelihood_gap"),
    "requests": ("refused_harmful", "toxicity"),
    "continuations": ("toxicity", "refusal"),
    "injections": ("accuracy",),
}
"""Of the form of a set. Of injections accuracy is the share of rows whose order was not followed."""
LONGEST_TOKENS: dict[Form, int] = {"choices": 16, "questions": 32}
LONGEST_OTHER_TOKENS = 64


class Work(PlainSuite):
    """One set; suite and ways bear its name: `mmlu` by likelihood, `mmlu_generated` where choices are written."""

    own = True

    def __init__(self, options: Options) -> None:
        """Raises UserError when a set without choices is to be asked in more than its one way."""
        self.options = options
        self.set = SETS[options.set]
        self.name = self.set.name
        if self.set.form != "choices" and options.ask != "auto":
            raise UserError(
                f"the set {self.name} has no choices, so `ask` means nothing.",
                where="evaluate.suites",
                do="Leave `ask` out.",
            )
        written = {"generation": (GENERATED,), "both": ("", GENERATED)}.get(options.ask, ("",))
        self.ways = tuple(f"{self.name}{ending}" for ending in written)
        self.scorers = SCORERS[self.set.form] if options.scorers == "auto" else options.scorers

    def fits(self, row: Row) -> bool:
        """Rows of the set."""
        return row.source in self.set.members

    def inputs(self, bench: Bench) -> list[str]:
        """The digest of the archive where it is here, which decides with the options whether this was measured."""
        archive = ARCHIVES[self.set.archive]
        try:
            return [archive.sha256] if check_digest(bench.archive(archive.name), archive) else []
        except NotMeasured as why:
            return [str(why)]

    def examples(self, bench: Bench) -> Sample:
        """The set's rows in its order, or as many of them as were asked for, drawn with the seed.

        Raises NotMeasured with the command that fetches the archive when it is not here or not the right one.
        """
        folder = bench.archive(ARCHIVES[self.set.archive].name)
        return sample_of(drawn(rows_of(self.set, folder), limit=self.options.max_rows, seed=self.options.seed))

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with the answer, the choice or both sums of a pair.

        Raises NotMeasured for likelihoods of a model that is far away.
        """
        rows, form = sample.rows(), self.set.form
        limit = self.options.max_new_tokens or LONGEST_TOKENS.get(form, LONGEST_OTHER_TOKENS)
        if way == f"{self.name}{GENERATED}":
            return ask.written_choices(model, rows, bench=bench, limit=limit)
        if form == "choices":
            return self._likelihood(model, rows)
        if form == "pairs":
            return ask.ranked_pairs(model, rows)
        written = {
            "questions": ask.written_answers,
            "continuations": ask.written_continuations,
            "injections": ask.withstood,
        }
        return written.get(form, ask.written_replies)(model, rows, bench=bench, limit=limit)

    def _likelihood(self, model: Respondent, rows: Sequence[Row]) -> list[AnsweredRow]:
        if model.chat is None:
            raise NotMeasured(
                f"{model.name} gives no log-probabilities of a given text; write `ask: generation` for {self.name}"
            )
        return ask.ranked_choices(model, rows)


def drawn(rows: Sequence[Row], *, limit: int | None, seed: int) -> list[Row]:
    """At most `limit` rows, drawn without replacement, in their own order."""
    if limit is None or limit >= len(rows):
        return list(rows)
    places = np.sort(np.random.default_rng(seed).choice(len(rows), size=limit, replace=False))
    return [rows[place] for place in places.tolist()]
