"""Sampling settings tuned without training: a search over few rows, and a check of the winner on rows it never saw.

The grid is temperature 0, 0.3, 0.7, 1 by repetition penalty 1, 1.1, 1.2 by top-p 1, 0.9; at temperature 0 nothing is
drawn and top-p changes nothing, so 21 of 24 points are left. The search is successive halving: every round gives the
settings that are left more rows, and the better half of them goes on. Rows double as settings halve (of 64 rows: 8, 16,
32, 64 for 21, 10, 5, 2 settings), so rounds cost about as much as one another, and all of them 392 rows of answers
where the whole grid takes 1,344. Answers of earlier rounds count on. Source: Jamieson and Talwalkar, 2016, AISTATS,
arXiv 1502.07943; equal rounds as in Karnin, Koren and Somekh, 2013, ICML, "Almost optimal exploration in multi-armed
bandits".

The settings in use, greedy, are never dropped, so the last choice is between them and the best others on all search
rows; they win ties. An answer draws with the seed of its row and sample, the same under all settings: differences then
depend less on luck. The best of many looks better than it is, so the winner is compared with greedy on other rows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from tunewright.core.answers import AnsweredRow, Scorer
from tunewright.core.errors import UserError
from tunewright.core.events import Emit, Note
from tunewright.core.language_model import GREEDY, Sampling
from tunewright.core.nouns import Comparison
from tunewright.core.ports import Details, Row
from tunewright.evaluate.bench import Data
from tunewright.evaluate.compare import Compared, Measured
from tunewright.evaluate.prompts import TRAINED
from tunewright.evaluate.respondents import Drawn, Local
from tunewright.evaluate.sheets import Sheets, sheet_key
from tunewright.evaluate.suite import Bench, NotMeasured, Sample, Suite
from tunewright.evaluate.sums import TokenMean

TEMPERATURES = (0.0, 0.3, 0.7, 1.0)
PENALTIES = (1.0, 1.1, 1.2)
TOP_PS = (1.0, 0.9)
SEARCHED, CHECKED = "validation", "test"
"""The splits that settings are searched on, and that the winner is checked on."""
LEAST_ROWS = 2
HELD_OUT = 1 << 32
"""Places of held-out rows begin here, so that none draws with the seed of a search row."""
TIE_DIGITS = 12


@dataclass(frozen=True)
class Trial:
    """What settings are tried on: a model, a way of a suite in which it writes, and the metric that decides.

    `samples`: answers a row under settings that draw; under others it is one. `sheets` keeps answers (None: nowhere).
    """

    model: Local
    suite: Suite
    way: str
    metric: str
    scorer: Scorer
    bench: Bench
    samples: int = 2
    sheets: Sheets | None = None

    def value(self, answers: Sequence[AnsweredRow]) -> float:
        """The metric; not a number where it is none."""
        return self.scorer.score(answers, self.bench.labels)

    def copies(self, settings: Sampling) -> int:
        """Answers a row."""
        return 1 if settings.greedy else self.samples

    def ask(self, settings: Sequence[Sampling], rows: Sample, *, start: int) -> dict[Sampling, list[AnsweredRow]]:
        """Answers by setting, the samples of a row one after another; `start` is the first row's place among all.

        The model is asked once for all settings whose answers are not kept.
        """
        found = {each: kept for each in settings if (kept := self._kept(each, rows, start)) is not None}
        missing = [each for each in settings if each not in found]
        if missing:
            found |= self._written(missing, rows, start)
        return {each: found[each] for each in settings}

    def _written(self, settings: Sequence[Sampling], rows: Sample, start: int) -> dict[Sampling, list[AnsweredRow]]:
        """All of one row stand together, so that a model computes its prompt once."""
        asked = [(place, each, own) for each in settings for place, own in self._draws(each, len(rows), start)]
        asked.sort(key=lambda one: one[0])
        sample = Sample(rows.split, tuple(rows.indices[place] for place, _, _ in asked))
        model = Drawn(self.model, tuple(own for _, _, own in asked))
        answers = self.suite.answer(self.way, model, sample=sample, style=TRAINED, bench=self.bench)
        found: dict[Sampling, list[AnsweredRow]] = {each: [] for each in settings}
        for (_, each, _), answer in zip(asked, answers, strict=True):
            found[each].append(answer)
        if self.sheets is not None:
            for each, own in found.items():
                self.sheets.keep(self._sheet(each, rows, start)[0], own)
        return found

    def _kept(self, settings: Sampling, rows: Sample, start: int) -> list[AnsweredRow] | None:
        return self.sheets.find(*self._sheet(settings, rows, start)) if self.sheets is not None else None

    def _sheet(self, settings: Sampling, rows: Sample, start: int) -> tuple[str, list[Row]]:
        """The key of the answers under these settings, and the row of each."""
        draws = self._draws(settings, len(rows), start)
        asked = [rows.split.row(rows.indices[place]) for place, _ in draws]
        model = Drawn(self.model, tuple(own for _, own in draws))
        key = sheet_key(self.suite, self.way, model=model, rows=asked, style=TRAINED, bench=self.bench)
        return key, asked

    def _draws(self, settings: Sampling, rows: int, start: int) -> list[tuple[int, Sampling]]:
        """Each answer's row, as a place, and its settings with the seed."""
        first = self.bench.seed + start * self.samples
        places = [(row, copy) for row in range(rows) for copy in range(self.copies(settings))]
        return [(row, replace(settings, seed=(first + row * self.samples + copy) % (1 << 64))) for row, copy in places]


@dataclass(frozen=True)
class Tried:
    """Settings with their answers to the first `rows` search rows, and the metric over them."""

    settings: Sampling
    rows: int = 0
    value: float = math.nan
    answers: tuple[AnsweredRow, ...] = ()


def grid() -> tuple[Sampling, ...]:
    """The settings that are tried, plain greedy first; what only differs where nothing is drawn stands once."""
    points = product(TEMPERATURES, PENALTIES, TOP_PS)
    settings = [Sampling(heat, top_p=top_p if heat else 1.0, repetition_penalty=each) for heat, each, top_p in points]
    return tuple(dict.fromkeys(settings))


def check_metric(name: str, scorer: Scorer) -> None:
    """Raise UserError for a metric that cannot choose settings: without a better side, or not about what is written."""
    why = ""
    if scorer.direction == "neither":
        why = "it has no better side"
    elif isinstance(scorer, TokenMean):
        why = "it says how likely given tokens are, not how good what is written is"
    if why:
        do = "Name another with --metric, such as exact_match or rouge_l."
        raise UserError(f"{name} cannot choose sampling settings: {why}.", where="--metric", do=do)


def rounds(settings: int, rows: int) -> list[tuple[int, int]]:
    """Settings and rows of each round: the better half goes on to twice the rows, down to two settings on all rows."""
    counts = [settings]
    while counts[-1] > 2:
        counts.append(max(2, counts[-1] // 2))
    return [(count, -(-rows // 2 ** (len(counts) - 1 - place))) for place, count in enumerate(counts)]


def divided(suite: Suite, data: Data, *, bench: Bench, most: int) -> tuple[Sample, Sample]:
    """Search rows, drawn from the validation rows with the seed, and held-out rows, those that the bench measures.

    A validation row that asks what a held-out row asks is left out of the search. Raises UserError where either are
    too few.
    """
    try:
        heldout = suite.examples(bench)
    except NotMeasured as reason:
        raise UserError(f"the winner cannot be checked on {CHECKED} rows: {reason}.", where=suite.name) from reason
    known = {_asked(row) for row in heldout.rows()}
    split = data.splits.split(SEARCHED) if data.version.receipt.splits.get(SEARCHED, 0) else None
    kept: list[int] = []
    order = np.random.default_rng(bench.seed).permutation(len(split)).tolist() if split is not None else []
    for index in order:
        if split is not None and suite.fits(row := split.row(index)) and _asked(row) not in known:
            kept.append(index)
        if len(kept) == most:
            break
    if split is None or len(kept) < LEAST_ROWS:
        raise UserError(
            f"a search of sampling settings needs {LEAST_ROWS} {SEARCHED} rows, and there {_are(len(kept))} that "
            f"{suite.name} can measure and no {CHECKED} row repeats.",
            where=f"data.split.{SEARCHED}",
            do=f"Raise that share, or name a file under data.{SEARCHED}.",
        )
    return Sample(split, tuple(kept)), heldout


def _asked(row: Row) -> str:
    return json.dumps([row.prompt, row.tools], sort_keys=True)


def _are(count: int) -> str:
    return {0: "is none", 1: "is 1"}.get(count, f"are {count}")


def search(trial: Trial, rows: Sample, *, settings: Sequence[Sampling], emit: Emit) -> list[Tried]:
    """Every setting with what it was asked, the best first; the first of `settings` is in use and never dropped.

    Raises UserError when the metric is a number under none of them.
    """
    order = {each: place for place, each in enumerate(settings)}
    alive, gone = [Tried(each) for each in settings], list[Tried]()
    plan = rounds(len(settings), len(rows))
    for place, (_, count) in enumerate(plan):
        alive = _ranked(_with_more(trial, alive, rows=rows, count=count), trial.scorer, order=order)
        if place + 1 < len(plan):
            kept = _better(alive, count=plan[place + 1][0], in_use=settings[0])
            emit(Note(text=_told(trial, alive, kept=len(kept))))
            names = {each.settings for each in kept}
            gone = [each for each in alive if each.settings not in names] + gone
            alive = kept
    if not math.isfinite(alive[0].value):
        raise UserError(
            f"{trial.metric} is no number on the answers to {len(rows)} {SEARCHED} rows.",
            where=trial.suite.name,
            do="Name another metric with --metric.",
        )
    return alive + gone


def _with_more(trial: Trial, alive: Sequence[Tried], *, rows: Sample, count: int) -> list[Tried]:
    """The settings that are left with the answers to the first `count` rows; only the new ones are asked for."""
    done = alive[0].rows
    more = Sample(rows.split, rows.indices[done:count])
    found = trial.ask([each.settings for each in alive], more, start=done)
    grown = [(each.settings, (*each.answers, *found[each.settings])) for each in alive]
    return [Tried(settings, count, trial.value(answers), answers) for settings, answers in grown]


def _ranked(tried: Sequence[Tried], scorer: Scorer, *, order: dict[Sampling, int]) -> list[Tried]:
    """The best first, ties as in the grid, what is no number last."""
    sign = -1.0 if scorer.direction == "lower" else 1.0

    def key(each: Tried) -> tuple[float, int]:
        value = -math.inf if not math.isfinite(each.value) else round(sign * each.value, TIE_DIGITS)
        return -value, order[each.settings]

    return sorted(tried, key=key)


def _better(ranked: Sequence[Tried], *, count: int, in_use: Sampling) -> list[Tried]:
    """The first `count`; the settings in use take the last place where they are not among them."""
    kept = list(ranked[:count])
    if all(each.settings != in_use for each in kept):
        kept[-1] = next(each for each in ranked if each.settings == in_use)
    return kept


def _told(trial: Trial, ranked: Sequence[Tried], *, kept: int) -> str:
    best = ranked[0]
    return (
        f"{best.rows} of the {SEARCHED} rows: {worded(best.settings)} is best ({trial.metric} {best.value:.4g}); "
        f"{kept} of {len(ranked)} settings go on."
    )


def check(trial: Trial, winner: Sampling, *, rows: Sample) -> tuple[Comparison, dict[Sampling, list[AnsweredRow]]]:
    """The winner (`tuned`) against greedy (`base`) on held-out rows, and the answers of both.

    Several samples of a row are one family: they count as one draw. Greedy answers stand beside each of them.
    """
    found = trial.ask([GREEDY, winner], rows, start=HELD_OUT)
    copies = trial.copies(winner)
    base, tuned = [each for each in found[GREEDY] for _ in range(copies)], found[winner]
    if copies > 1:
        base, tuned = [_of_its_row(each) for each in base], [_of_its_row(each) for each in tuned]
    measured = Measured(trial.way, TRAINED, base, base, tuned)
    return Compared(trial.scorer, measured, labels=trial.bench.labels, seed=trial.bench.seed).whole(), found


def _of_its_row(answer: AnsweredRow) -> AnsweredRow:
    """The same with its row as its family, unless it has one."""
    row = answer.row
    family = row.details.get("family") or row.id
    return replace(answer, row=replace(row, details=row.details | Details(family=family)))


def worded(settings: Sampling) -> str:
    """Settings in words: "temperature 0.7, top-p 0.9, repetition penalty 1.1", "greedy with repetition penalty 1.1"."""
    penalty = f"repetition penalty {settings.repetition_penalty:g}" if settings.repetition_penalty != 1 else ""
    if settings.greedy:
        return f"greedy with {penalty}" if penalty else "greedy"
    top_p = f"top-p {settings.top_p:g}" if settings.top_p < 1 else ""
    return ", ".join(filter(None, (f"temperature {settings.temperature:g}", top_p, penalty)))
