"""The verb `compare-methods`: several methods over several base models on the same data, under one budget.

Each trains and is measured in a process of its own, as `tunewright run` does it: its peak memory is its own, what was
done before is not done again, and one that fails is a row of the table with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tunewright.app import evaluating, resolve, rewards
from tunewright.app.contenders import Contender, contenders
from tunewright.app.own_command import Ended, carry_out
from tunewright.app.pace import Pace, pace_of
from tunewright.app.project import Project, open_project
from tunewright.core import digest
from tunewright.core.errors import OutsideError, TunewrightError, UserError
from tunewright.core.events import Emit, Note
from tunewright.core.nouns import Comparison, DatasetVersion, Evaluation, Run
from tunewright.evaluate import words
from tunewright.evaluate.method_page import notes_of, write_page
from tunewright.evaluate.method_table import Answers, MethodRow, MethodTable, pairs_of
from tunewright.evaluate.store import read_answers

GENERAL = ("general_text", "loss")
GENERAL_SUITE = "general:parts=text"
FOLDER = "comparisons"


@dataclass(frozen=True)
class Asked:
    """What is compared, how long each trains, and where the result goes.

    `steps` or `minutes` of training for each; neither: as the recipe says. `metric` is "suite.metric"; None: that of
    the report. `forgetting`: suites asked of each besides the recipe's. `page` None: below the workspace.
    `shown_on`: where the progress of each goes; None: nowhere.
    """

    path: Path
    methods: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    steps: int | None = None
    minutes: float | None = None
    metric: str | None = None
    forgetting: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    home: Path | None = None
    page: Path | None = None
    shown_on: TextIO | None = None


@dataclass(frozen=True)
class ComparedMethods:
    """The table, and the page that shows it; beside that the same as Markdown and JSON."""

    table: MethodTable
    page: Path


@dataclass(frozen=True)
class _Done:
    """One row with its evaluation, where there is one."""

    row: MethodRow
    evaluation: Evaluation | None = None


def compare_methods(asked: Asked, emit: Emit) -> ComparedMethods:
    """Train and measure every method over every model, then hold them against one another.

    Raises UserError for what no method could do (a name, a metric, data that cannot be prepared for any model), and
    where none came to an end: the error of the first.
    """
    if asked.steps is not None and asked.minutes is not None:
        raise UserError("--steps and --minutes are two budgets.", where="--minutes", do="Name one of them.")
    project = open_project(asked.path, sets=asked.sets, home=asked.home)
    if asked.page is not None and asked.page.suffix != ".html":
        raise UserError("the page is HTML.", where=str(asked.page), do="Name a file that ends with .html.")
    todo = contenders(project.recipe, asked.methods, models=asked.models)
    work = _Work(asked, project, emit)
    refused = work.prepare(todo)
    done = [_Done(_failed(each, refused[each.model])) if each.model in refused else work.row(each) for each in todo]
    measured = [each for each in done if each.evaluation is not None]
    if not measured:
        raise OutsideError(f"no method came to an end: {done[0].row.error}", where=todo[0].label)
    table = work.table(done, todo)
    folder = project.workspace.home / FOLDER
    key = digest.of_json([str(project.file), [each.label for each in todo], asked.steps, asked.minutes, asked.sets])
    return ComparedMethods(table, write_page(asked.page or folder / f"{digest.short(key)}.html", table))


@dataclass(frozen=True)
class _Work:
    """The recipe, and how each method is carried out."""

    asked: Asked
    project: Project
    emit: Emit

    def prepare(self, todo: Sequence[Contender]) -> dict[str, str]:
        """Prepare the data for each model, apart from training; returns the models that refuse, with the reason."""
        refused: dict[str, str] = {}
        checked = False
        for each in {one.model: one for one in todo}.values():
            self.emit(Note(text=f"Data for {each.model}."))
            ended = self._verb("data", each.model_sets)
            if ended.error:
                refused[each.model] = ended.error
            elif not checked:
                self._check(ended.document["dataset"])
                checked = True
        if len(refused) == len({one.model for one in todo}):
            raise UserError(next(iter(refused.values())))
        return refused

    def _check(self, dataset: str) -> None:
        """Raise UserError for a metric that nothing measures, before anything is trained."""
        if self.asked.metric is None:
            return
        found = next(each for each in self.project.workspace.records("data", DatasetVersion) if each.name == dataset)
        suites = resolve.suites(self.project.recipe, labels=found.labels)
        known = evaluating.measured_names(suites, options=self.project.recipe.evaluate)
        suite, _, metric = self.asked.metric.rpartition(".")
        if metric not in known.get(suite, ()):
            there = [f"{name}.{each}" for name in known for each in sorted(known[name])]
            do = f"There is: {', '.join(there)}."
            raise UserError(f'nothing measures "{self.asked.metric}".', where="--metric", do=do)

    def row(self, each: Contender) -> _Done:
        """Train and measure one, or say in its row why that failed."""
        self.emit(Note(text=f"Now {each.label}."))
        try:
            project = open_project(self.asked.path, sets=(*self.asked.sets, *each.sets), home=self.asked.home)
            pace = self._pace(project, each)
            return self._measured(project, each, pace)
        except (UserError, OutsideError) as error:
            self.emit(Note(text=f"{each.label} failed: {error}"))
            return _Done(_failed(each, _sentence(error)))

    def _pace(self, project: Project, each: Contender) -> Pace | None:
        """Measured seconds a step, where minutes decide how many there are."""
        if self.asked.minutes is None:
            return None
        return pace_of(project, (*self.asked.sets, *each.sets), shown_on=self.asked.shown_on)

    def _measured(self, project: Project, each: Contender, pace: Pace | None) -> _Done:
        steps = self.asked.steps
        if pace is not None and self.asked.minutes is not None:
            steps = max(1, int(60 * self.asked.minutes / pace.step_s))
        ended = self._verb("run", (*each.sets, *((f"training.max_steps={steps}",) if steps else ())))
        if ended.error:
            return _Done(_failed(each, ended.error))
        run = project.workspace.find_record("runs", ended.document["train"]["run"], Run)
        evaluation = self._evaluation(ended.document["evaluate"]["evaluation"])
        if run is None or evaluation is None:
            return _Done(_failed(each, "its records are gone."))
        row = _row(each, run, workspace_bytes=_bytes(project.workspace.models / run.name))
        gates = ended.document["gates"]
        found = row.model_copy(
            update={
                "pace_s": pace.step_s if pace else None,
                "rate_is_fixed": project.recipe.training.learning_rate != "auto",
                "forgetting": self._forgetting(run, evaluation),
                "gates_met": gates["passed"] if gates["gates"] else None,
                "evaluation": evaluation.key,
            }
        )
        return _Done(found, evaluation)

    def _forgetting(self, run: Run, evaluation: Evaluation) -> Comparison | None:
        """The loss on general text of base and tuned: from the recipe's suites, else measured where that was asked."""
        found = _at(evaluation, GENERAL)
        if found is not None or not self.asked.forgetting:
            return found
        home = self.project.workspace.home
        words = ["evaluate", str(home / "runs" / digest.short(run.key)), "--home", str(home)]
        suites = [word for suite in self.asked.forgetting for word in ("--suite", suite)]
        ended = carry_out([*words, *suites], shown_on=self.asked.shown_on)
        if ended.error:
            self.emit(Note(text=f"General text was not measured: {ended.error}"))
            return None
        record = self._evaluation(ended.document["evaluation"])
        return _at(record, GENERAL) if record else None

    def _evaluation(self, name: str) -> Evaluation | None:
        return next(
            (one for one in self.project.workspace.records("evaluations", Evaluation) if one.name == name), None
        )

    def _verb(self, verb: str, sets: Sequence[str]) -> Ended:
        every = (*self.asked.sets, *sets)
        words = [verb, str(self.project.file), "--home", str(self.project.workspace.home)]
        return carry_out([*words, *(word for one in every for word in ("--set", one))], shown_on=self.asked.shown_on)

    def table(self, done: Sequence[_Done], todo: Sequence[Contender]) -> MethodTable:
        """Rows with their quality, every pair, and what to know."""
        found = [(each.row, each.evaluation) for each in done if each.evaluation is not None]
        way, metric = self._main(found[0][1])
        scorer = resolve.scorer(metric, self.project.recipe.evaluate.scorers)
        rewards.bind([scorer], folder=self.project.folder, workspace=self.project.workspace, emit=self.emit)
        answers = [
            Answers(row.label, one, read_answers(self.project.workspace.evaluations / one.key)) for row, one in found
        ]
        rows = tuple(
            each.row.model_copy(update={"quality": _at(each.evaluation, (way, metric)) if each.evaluation else None})
            for each in done
        )
        table = MethodTable(
            title=self.project.recipe.output.title or self.project.recipe.name,
            command=_command(self.asked, todo),
            budget=_budget(self.asked),
            way=way,
            metric=metric,
            split=found[0][1].split,
            rows=rows,
            pairs=pairs_of(answers, way=way, metric=metric, scorer=scorer),
            notes=(),
        )
        return table.model_copy(update={"notes": notes_of(table)})

    def _main(self, evaluation: Evaluation) -> tuple[str, str]:
        """The way and metric that methods are compared by."""
        if self.asked.metric is None:
            found = words.headline(evaluation)
            if found is None:
                raise UserError("nothing was measured.", where="evaluate.suites", do="Name a suite that has rows.")
            return found.way, found.metric
        suite, _, metric = self.asked.metric.rpartition(".")
        own = evaluation.suites.values() if suite == evaluation.split else ()
        ways = (suite, *evaluation.ways.get(suite, ()), *(evaluation.suites if own else ()))
        way = next((way for way in ways if metric in evaluation.suites.get(way, {})), None)
        if way is None:
            raise UserError(f"{self.asked.metric} was not measured.", where="--metric", do="Name another.")
        return way, metric


def _at(evaluation: Evaluation, place: tuple[str, str]) -> Comparison | None:
    return evaluation.suites.get(place[0], {}).get(place[1])


def _failed(each: Contender, error: str) -> MethodRow:
    return MethodRow(label=each.label, method=each.method, model=each.model, error=error)


def _row(each: Contender, run: Run, *, workspace_bytes: int) -> MethodRow:
    rate = run.used.get("learning_rate")
    return MethodRow(
        label=each.label,
        method=each.method,
        model=each.model,
        steps=run.steps,
        learning_rate=float(rate) if rate is not None else None,
        train_s=run.train_s,
        tokens=run.tokens,
        tokens_per_s=run.tokens_per_s,
        peak_memory_bytes=run.peak_memory_bytes,
        trained_parameters=run.model.trained_parameters,
        disk_bytes=workspace_bytes,
        run=run.key,
    )


def _bytes(folder: Path) -> int:
    """What a folder takes on disk."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _sentence(error: TunewrightError) -> str:
    return " ".join(problem.sentence() for problem in error.problems)


def _budget(asked: Asked) -> str:
    if asked.steps is not None:
        return f"{asked.steps:,} steps each"
    if asked.minutes is not None:
        return f"{asked.minutes:g} minutes of training steps each; the number of steps is from the measured pace"
    return "as long as the recipe says, each"


def _command(asked: Asked, todo: Sequence[Contender]) -> str:
    methods = ",".join(dict.fromkeys(each.method for each in todo))
    models = ",".join(dict.fromkeys(each.model for each in todo))
    parts = [f"tunewright compare-methods {asked.path}", f"--methods {methods}"]
    parts += [f"--models {models}"] if asked.models else []
    parts += [f"--steps {asked.steps}"] if asked.steps is not None else []
    parts += [f"--minutes {asked.minutes:g}"] if asked.minutes is not None else []
    parts += [f"--metric {asked.metric}"] if asked.metric else []
    parts += ["--forgetting"] if asked.forgetting else []
    return " ".join([*parts, *(f"--set {each}" for each in asked.sets)])
