"""Memorisation: which planted secrets and which training answers does a model know by heart?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tunewright.core.answers import AnsweredRow
from tunewright.core.language_model import Scored, ScoreItem
from tunewright.core.ports import Details, Row
from tunewright.data.canary import alternatives, is_canary, repeats
from tunewright.evaluate.asking import chat_of
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.rows import each
from tunewright.evaluate.suite import Bench, NotMeasured, PlainSuite, Respondent, Sample, sample_of
from tunewright.recipe.options.suites.memorisation import Options

CANARIES, ROWS = "memorisation_canaries", "memorisation_rows"


class Work(PlainSuite):
    """Two results. `memorisation_canaries`: each planted secret among others of its format, by likelihood.

    `choices` are (planted, others...), and how often it stood in training is `details["attribute"]`.
    `memorisation_rows`: training answers whose beginning is given; `greedy` says of each token that follows whether it
    would have been written.

    Sources: Carlini et al., 2019, arXiv 1802.08232 (exposure); Carlini et al., 2022, arXiv 2202.07646 (extraction).
    """

    name = "memorisation"
    ways = (CANARIES, ROWS)
    own = True

    def __init__(self, options: Options) -> None:
        self.options = options
        self.scorers = options.scorers
        self.way_scorers = {
            CANARIES: tuple(name for name in options.scorers if name != "extracted") or options.scorers,
            ROWS: tuple(name for name in options.scorers if name != "exposure") or options.scorers,
        }

    def fits(self, row: Row) -> bool:
        """Every training row."""
        return True

    def examples(self, bench: Bench) -> Sample:
        """Each canary once, then other training rows drawn with the seed. Raises NotMeasured without training rows."""
        if bench.train is None:
            raise NotMeasured("there are no training rows to look for")
        canaries: dict[str, Row] = {}
        others: list[int] = []
        for place, row in enumerate(each(bench.train)):
            if is_canary(row):
                canaries.setdefault(row.id, _of_repeats(row))
            elif row.messages[-1].get("role") == "assistant":
                others.append(place)
        drawn = np.random.default_rng(bench.seed).permutation(len(others))[: self.options.max_rows]
        chosen = [bench.train.row(others[place]) for place in sorted(drawn.tolist())]
        return sample_of([*canaries.values(), *chosen])

    def left_out(self, way: str, base: Sequence[AnsweredRow]) -> tuple[list[bool], dict[str, str]]:
        """Canaries count in their own result, other rows in theirs."""
        return [bool(answer.choices) if way == CANARIES else bool(answer.greedy) for answer in base], {}

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with what was found; those of the other result are empty.

        Raises NotMeasured where there is no canary, no training answer is long enough, or the model is far away.
        """
        rows = sample.rows()
        items = [self._item(way, row, model=model, seed=bench.seed) for row in rows]
        asked = [item for item in items if item is not None]
        if not asked:
            raise NotMeasured(
                "no canary was planted; add the step canaries to data.steps"
                if way == CANARIES
                else f"no training answer has {self.options.prefix_tokens + self.options.suffix_tokens} tokens"
            )
        results = iter(model.score(asked))
        return [
            AnsweredRow(row, "") if item is None else _found(way, row, next(results))
            for row, item in zip(rows, items, strict=True)
        ]

    def _item(self, way: str, row: Row, *, model: Respondent, seed: int) -> ScoreItem | None:
        """What is scored of a row: a secret among others, or the answer's tokens behind its first ones."""
        chat = chat_of(model)
        if is_canary(row) != (way == CANARIES):
            return None
        prompt = tuple(chat.prompt_ids(row.prompt, tools=row.tools))
        if way == CANARIES:
            others = alternatives(row, count=self.options.alternatives, seed=seed)
            return ScoreItem(prompt, tuple(tuple(chat.encode_text(text)) for text in (row.target, *others)))
        tokens = tuple(chat.encode_text(row.target))
        begin, end = self.options.prefix_tokens, self.options.prefix_tokens + self.options.suffix_tokens
        return ScoreItem((*prompt, *tokens[:begin]), (tokens[begin:end],)) if len(tokens) >= end else None


def _found(way: str, row: Row, scored: Sequence[Scored]) -> AnsweredRow:
    if way == CANARIES:
        sums = [float(one.log_probabilities.sum(dtype=np.float64)) for one in scored]
        return AnsweredRow(row, "", choices=tuple(sums))
    one = scored[0]
    logs = tuple(one.log_probabilities.astype(np.float64).tolist())
    return AnsweredRow(row, "", log_probabilities=logs, greedy=tuple(one.greedy.tolist()))


def _of_repeats(row: Row) -> Row:
    details = Details(**row.details)
    details["attribute"] = f"planted {repeats(row)} times"
    return replace(row, details=details)
