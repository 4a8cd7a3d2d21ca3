"""Measures the tuned model beside the base model, on the same rows and twice: same prompt, and the base at its best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.core.events import Emit, Note
from tunewright.core.language_model import AskedModel
from tunewright.core.nouns import Evaluation
from tunewright.evaluate.asking import Watch, Watched
from tunewright.evaluate.bench import Setting, Task, set_up
from tunewright.evaluate.compare import Measured
from tunewright.evaluate.prompts import TRAINED, Style
from tunewright.evaluate.record import make_record
from tunewright.evaluate.store import write_answers, write_record
from tunewright.evaluate.suite import Sample, Suite

__all__ = ["Models", "Task", "evaluate"]


@dataclass(frozen=True)
class Models:
    """The two models; the same object twice when there is no tuned one."""

    base: AskedModel
    tuned: AskedModel


def evaluate(suites: Sequence[Suite], models: Models, *, task: Task, emit: Emit) -> Evaluation:
    """Every suite's metrics for base and tuned, with intervals; writes answers and record into `task.folder`.

    The result has one entry a way of asking, and for a suite with several ways `<suite>_best`: the tuned model's first
    way against the base at its best on these very rows, a choice that favours it.
    Raises UserError when there are no rows to measure.
    """
    started = task.clock()
    setting = set_up(task)
    measured: dict[str, list[Measured]] = {}
    watch = Watch(sum(_planned(suite, models, setting=setting, task=task) for suite in suites), emit)
    for suite in suites:
        asked = _Asked(suite, models, setting=setting, task=task, watch=watch)
        measured[suite.name] = [asked.way(way) for way in suite.ways]
    watch.finish()
    forward = {"base": models.base.forward, "tuned": models.tuned.forward}
    evaluation = make_record(suites, measured, task=task, forward=forward, seconds=task.clock() - started)
    write_answers(task.folder, [one for ways in measured.values() for one in ways])
    write_record(task.folder, evaluation)
    return evaluation


def _fitting(suite: Suite, sample: Sample) -> Sample:
    """The rows that a suite can measure."""
    return Sample(sample.split, tuple(index for index in sample.indices if suite.fits(sample.split.row(index))))


def _planned(suite: Suite, models: Models, *, setting: Setting, task: Task) -> int:
    """Answers that a suite will ask for, at most."""
    styles = suite.styles(task.options.base_prompts, setting.bench.labels)
    choosing = len(styles) * len(setting.choosing) if len(styles) > 1 else 0
    passes = 1 + (styles != (TRAINED,)) + (models.tuned is not models.base)
    return len(suite.ways) * (choosing + passes * len(setting.measured))


class _Asked:
    """One suite put to both models."""

    def __init__(self, suite: Suite, models: Models, *, setting: Setting, task: Task, watch: Watch) -> None:
        self.suite, self.models, self.setting, self.task, self.watch = suite, models, setting, task, watch
        self.rows = _fitting(suite, setting.measured)
        if not len(self.rows):
            raise UserError(
                f"the suite {suite.name} finds no row that it can measure in the {task.options.split} rows.",
                where="evaluate.suites",
                do="Name another suite, or give the rows labels.",
            )

    def way(self, way: str) -> Measured:
        """All answers of one way: the base at its best, the base on the trained prompt, the tuned model."""
        style = self.best_style(way)
        same = self.ask(way, self.models.base, sample=self.rows, style=TRAINED)
        base = same if style == TRAINED else self.ask(way, self.models.base, sample=self.rows, style=style)
        alone = self.models.tuned is self.models.base
        tuned = None if alone else self.ask(way, self.models.tuned, sample=self.rows, style=TRAINED)
        return Measured(way, style, base, same, tuned)

    def best_style(self, way: str) -> Style:
        """The base's best prompt by the main metric on rows that are not measured; on a tie the first named."""
        styles = self.suite.styles(self.task.options.base_prompts, self.setting.bench.labels)
        sample = _fitting(self.suite, self.setting.choosing)
        if len(styles) == 1 or not len(sample):
            return styles[0]
        scorer = self.task.scorers[self.suite.scorers[0]]
        sign = 1.0 if scorer.direction == "higher" else -1.0
        values = {
            style: scorer.score(self.ask(way, self.models.base, sample=sample, style=style), self.setting.bench.labels)
            for style in styles
        }
        best = max(styles, key=lambda style: sign * values[style])
        shown = ", ".join(f"{style} {value:.3f}" for style, value in values.items())
        metric = self.suite.scorers[0]
        self.watch.emit(
            Note(text=f"{way}: the base model's best prompt is {best} ({metric} on {len(sample)} rows: {shown}).")
        )
        return best

    def ask(self, way: str, model: AskedModel, *, sample: Sample, style: Style) -> list[AnsweredRow]:
        """Answers of one model to one sample."""
        watched = Watched(model, self.watch.add)
        return self.suite.answer(way, watched, sample=sample, style=style, bench=self.setting.bench)
