"""Measures the tuned model beside the base model, on the same rows and twice: same prompt, and the base at its best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.core.events import Emit, Note
from tunewright.core.nouns import Evaluation
from tunewright.evaluate.bench import Models, Setting, Task, set_up
from tunewright.evaluate.compare import Measured
from tunewright.evaluate.prompts import TRAINED, Style
from tunewright.evaluate.record import Findings, make_record
from tunewright.evaluate.sheets import Kept, Sheets, sheet_key
from tunewright.evaluate.store import write_answers, write_record
from tunewright.evaluate.suite import Choosy, NotMeasured, Respondent, Sample, Suite, scorers_of

__all__ = ["Models", "Task", "evaluate"]


@dataclass
class _Work:
    """One evaluation while it is done."""

    models: Models
    task: Task
    setting: Setting
    emit: Emit
    found: Findings = field(default_factory=Findings)


def evaluate(suites: Sequence[Suite], models: Models, *, task: Task, emit: Emit) -> Evaluation:
    """Every suite's metrics for base and tuned, with intervals; writes answers and record into `task.folder`.

    The result has one entry a way of asking, and for a suite that predicts labels in several ways `<suite>_best`: the
    tuned model's first way against the base at its best on these very rows, a choice that favours it. What cannot be
    measured stands in `unmeasured` with its reason. Raises UserError when nothing can be.
    """
    started = task.clock()
    base = Kept(models.base, Sheets(task.sheets)) if task.sheets else models.base
    work = _Work(models, task, set_up(task, base=base), emit)
    for suite in suites:
        _measure(suite, work)
    if not any(work.found.measured.values()):
        reasons = "; ".join(f"{name}: {why}" for name, why in work.found.unmeasured.items())
        raise UserError(f"nothing could be measured: {reasons}.", where="evaluate.suites", do="Name another suite.")
    evaluation = make_record(suites, work.found, task=task, models=models, seconds=task.clock() - started)
    write_answers(task.folder, work.found.every())
    write_record(task.folder, evaluation)
    return evaluation


def _measure(suite: Suite, work: _Work) -> None:
    """One suite put to both models; what cannot be measured is noted with its reason."""
    found, told = work.found, set[str]()
    found.measured[suite.name] = []
    try:
        rows = suite.examples(work.setting.bench)
        _tell(suite, work, told)
        if not len(rows):
            raise NotMeasured("this suite has no examples")
    except NotMeasured as reason:
        _cannot(suite.name, reason, work)
        return
    for way in suite.ways:
        try:
            measured = _Asked(suite, rows, work).way(way)
            _tell(suite, work, told)
        except NotMeasured as reason:
            _cannot(way, reason, work)
            continue
        if isinstance(suite, Choosy):
            kept, dropped = suite.left_out(way, measured.base_same_prompt)
            found.left_out |= {way: dropped} if dropped else {}
            measured = measured.only(kept)
            if not any(kept):
                _cannot(way, NotMeasured("no part of it counts: the base model is not above chance"), work)
                continue
        found.measured[suite.name].append(measured)


def _tell(suite: Suite, work: _Work, told: set[str]) -> None:
    """What a suite has to say about its rows or answers, each sentence once."""
    for note in getattr(suite, "notes", ()):
        if note not in told:
            told.add(note)
            work.emit(Note(text=note))


def _cannot(name: str, reason: NotMeasured, work: _Work) -> None:
    work.found.unmeasured[name] = str(reason)
    work.emit(Note(text=f"{name} is not measured: {reason}."))


class _Asked:
    """One suite put to both models."""

    def __init__(self, suite: Suite, rows: Sample, work: _Work) -> None:
        self.suite, self.rows, self.work = suite, rows, work
        self.models, self.bench = work.models, work.setting.bench
        self.sheets = Sheets(work.task.sheets) if work.task.sheets else None

    def way(self, way: str) -> Measured:
        """All answers of one way: the base at its best, the base on the trained prompt, the tuned model."""
        style = self.best_style(way)
        same = self.ask(way, self.models.base, sample=self.rows, style=TRAINED)
        base = same if style == TRAINED else self.ask(way, self.models.base, sample=self.rows, style=style)
        judged = self.models.tuned
        tuned = None if judged is None else self.ask(way, judged, sample=self.rows, style=TRAINED)
        return Measured(way, style, base, same, tuned)

    def best_style(self, way: str) -> Style:
        """The base's best prompt by the main metric on rows that are not measured; on a tie the first named."""
        styles = self.suite.styles(self.work.task.options.base_prompts, self.bench.labels)
        sample = self._choosing()
        if len(styles) == 1 or sample is None:
            return styles[0]
        metric = scorers_of(self.suite, way)[0]
        scorer = self.work.task.scorers[metric]
        sign = -1.0 if scorer.direction == "lower" else 1.0
        values = {
            style: scorer.score(self.ask(way, self.models.base, sample=sample, style=style), self.bench.labels)
            for style in styles
        }
        best = max(styles, key=lambda style: sign * values[style])
        shown = ", ".join(f"{style} {value:.3f}" for style, value in values.items())
        self.work.emit(
            Note(text=f"{way}: the base model's best prompt is {best} ({metric} on {len(sample)} rows: {shown}).")
        )
        return best

    def _choosing(self) -> Sample | None:
        """The rows that a prompt is chosen on, of those that the suite can measure."""
        sample = self.work.setting.choosing
        if sample is None or self.suite.own:
            return None
        kept = tuple(index for index in sample.indices if self.suite.fits(sample.split.row(index)))
        return Sample(sample.split, kept) if kept else None

    def ask(self, way: str, model: Respondent, *, sample: Sample, style: Style) -> list[AnsweredRow]:
        """Answers of one model to one sample; those that were kept are not asked for again.

        What comes from no model is found anew: its key says nothing of what it was found in.
        """
        if self.sheets is None or not getattr(self.suite, "asks", True):
            return self.suite.answer(way, model, sample=sample, style=style, bench=self.bench)
        rows = sample.rows()
        key = sheet_key(self.suite, way, model=model, rows=rows, style=style, bench=self.bench)
        kept = self.sheets.find(key, rows)
        if kept is None:
            kept = self.suite.answer(way, model, sample=sample, style=style, bench=self.bench)
            self.sheets.keep(key, kept)
        return kept
