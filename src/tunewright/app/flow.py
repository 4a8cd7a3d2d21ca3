"""The story: read the recipe, prepare data, train, evaluate, report. Each stage is skipped when its key exists.

`noun = verb(nouns, parts, workspace)`; the order of work stands here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tunewright.app import checking, evaluating, resolve, retained, training, writing
from tunewright.app.general import with_general_rows
from tunewright.app.loaded import Base, base_model, base_model_digest, base_of, check_base, check_context
from tunewright.app.project import Project
from tunewright.app.stage import Stage
from tunewright.core import digest, events
from tunewright.core.errors import UserError
from tunewright.core.events import Emit
from tunewright.core.nouns import DatasetVersion, Evaluation, Run, Verdict
from tunewright.data.context import Context, parents_of
from tunewright.data.fetch import Fetch, Fetched
from tunewright.data.forms import learned
from tunewright.data.prepare import DataParts, Inputs, dataset_key
from tunewright.data.prepare import prepare as prepare_data
from tunewright.evaluate.report import ReportContent, write_report
from tunewright.models.version import is_whole
from tunewright.text.probe import probe
from tunewright.train.inputs import run_folder

REPORTED = ("tunewright", "torch", "transformers", "peft", "tokenizers", "numpy", "scipy")


@dataclass(frozen=True)
class Outcome:
    """What `run` made: the records of every stage, and the report's file."""

    dataset: DatasetVersion
    run: Run
    evaluation: Evaluation
    verdict: Verdict
    report: Path


def prepare(project: Project, emit: Emit) -> DatasetVersion:
    """Read, check, divide and encode the rows. Raises LimitNotMet when more is lost than the recipe allows."""
    return _prepare(project, base_of(project, emit), emit=emit)


def _prepare(project: Project, base: Base, *, emit: Emit) -> DatasetVersion:
    recipe, chat, loss_on = project.recipe, base.chat, project.recipe.objective.loss_on
    parts = resolve.data_parts(recipe.data)
    fetched = fetched_sources(project, parts, emit=emit)
    unseen: list[str] = []
    context = Context(
        folder=project.folder,
        cache=project.workspace.cache,
        today=project.now()[:10],
        chat=chat,
        model=base_model(project, base),
        model_digest=base_model_digest(project, base),
        embedder=resolve.embedder,
        detector=resolve.detector,
        emit=emit,
        measured=evaluating.measured_rows(project, tell=unseen.append),
        writer=writing.opener(project.workspace.cache, emit=emit),
    )
    parents = parents_of(parts.steps, context)
    what = learned(recipe.objective.rows, loss_on)
    key = dataset_key(recipe.data, chat, folder=project.folder, loss_on=what, parents=parents, fetched=fetched)

    retained.check_recipe(project, key)

    def work() -> DatasetVersion:
        check_context(recipe.data.max_tokens, base)
        if recipe.objective.rows == "conversations":
            for note in probe(chat, loss_on=loss_on).notes:
                emit(events.Note(text=note))
        for text in unseen:
            emit(events.Note(text=text))
        rows = recipe.objective.rows
        inputs = Inputs(chat, project.folder, loss_on, key, project.now(), rows, context, recipe.name, fetched)
        return prepare_data(recipe.data, parts, inputs=inputs, workspace=project.workspace, emit=emit)

    def exists(version: DatasetVersion) -> bool:
        return (project.workspace.datasets / version.name / "version.json").exists()

    version = Stage("data", key, DatasetVersion, work, exists).done(project, emit)
    retained.settle(project, version)
    checking.check(project, version)
    return version


def _general(project: Project, base: Base, *, emit: Emit) -> DatasetVersion | None:
    """The rows that stand for what the model should keep, prepared; None where the recipe names none."""
    aside = with_general_rows(project)
    return _prepare(aside, base, emit=emit) if aside else None


def fetched_sources(project: Project, parts: DataParts, *, emit: Emit) -> Fetched:
    """Copies of the remote sources that a recipe names, each looked at once a project."""
    of = Fetch(parts.stores, project.workspace, project.folder, emit, project.clock, project.opened_s)
    return of.all(project.recipe.data)


def train(project: Project, emit: Emit) -> Run:
    """Prepare if need be, then train or go on where a run stopped; alone, or as the first of several processes."""
    base = base_of(project, emit)
    version = _prepare(project, base, emit=emit)
    planned = training.plan(project, version, base=base, general=_general(project, base, emit=emit), emit=emit)

    def exists(run: Run) -> bool:
        return is_whole(project.workspace.models / run.name)

    def work() -> Run:
        return training.carry_out(planned, project, emit=emit)

    return Stage("runs", planned.key, Run, work, exists).done(project, emit)


def assist(project: Project) -> None:
    """Train as one of the other processes: a share of every step is computed here, nothing is written or told."""
    project = project.with_copies_as_they_are()
    base = base_of(project, events.silent)
    version = _prepare(project, base, emit=events.silent)
    general = _general(project, base, emit=events.silent)
    planned = training.plan(project, version, base=base, general=general, emit=events.silent)
    done = project.workspace.find_record("runs", planned.key, Run)
    if done is None or not is_whole(project.workspace.models / done.name):
        training.assist(planned, project, emit=events.silent)


def evaluate(project: Project, emit: Emit) -> Evaluation:
    """Measure the trained model of a recipe beside its base; trains first if that was not done."""
    return evaluate_run(project, train(project, emit), emit=emit)


def evaluate_run(project: Project, run: Run, *, emit: Emit) -> Evaluation:
    """Measure one run's model beside its base, on the run's own data set."""
    base = base_of(project, emit)
    check_base(run, base)
    version = dataset_of(project, run, emit=emit)
    return evaluating.measure(
        evaluating.of_run(project, run, base=base, version=version, emit=emit), project, emit=emit
    )


def dataset_of(project: Project, run: Run, *, emit: Emit) -> DatasetVersion:
    """The data set that a run was trained on; prepared again where its record is gone. Raises UserError."""
    retained.check(project, run.dataset)
    for version in project.workspace.records("data", DatasetVersion):
        if version.name == run.dataset:
            return version
    made = prepare(project, emit)
    if made.name != run.dataset:
        raise UserError(
            f"the data set of this run ({digest.short(run.dataset)}) is gone, and its files have changed since.",
            where=str(project.file),
            do="Bring the files back, or train again.",
        )
    return made


def ready(project: Project, emit: Emit) -> DatasetVersion:
    """Prepare if need be, and refuse before training what could not be measured after it. Raises UserError."""
    version = prepare(project, emit)
    evaluating.check(project, version)
    return version


def run(project: Project, emit: Emit) -> Outcome:
    """All of it; stages whose inputs did not change are skipped. Whether the gates are met stands in the outcome."""
    version = ready(project, emit)
    emit(events.Note(text=evaluating.what_can_be_seen(project, version)))
    trained = train(project, emit)
    version = dataset_of(project, trained, emit=emit)
    evaluation = evaluate_run(project, trained, emit=emit)
    verdict = evaluating.judge(project, evaluation)
    written = report(project, trained, evaluation=evaluation, version=version, verdict=verdict)
    return Outcome(version, trained, evaluation, verdict, written)


def report(
    project: Project, trained: Run, *, evaluation: Evaluation, version: DatasetVersion, verdict: Verdict
) -> Path:
    """Write `report.html`, and the same as Markdown and JSON, into the run's folder; returns the first."""
    folder = run_folder(project.workspace, trained.key)
    content = ReportContent(
        recipe=project.recipe.model_dump(mode="json"),
        dataset=version,
        run=trained,
        evaluation=evaluation,
        verdict=verdict,
        events=events.standing(events.read(folder / "events.jsonl")),
        title=project.recipe.output.title or project.recipe.name,
        command=f"tunewright run {project.file.name}",
        versions={name: metadata.version(name) for name in REPORTED},
    )
    return write_report(folder / "report.html", content=content)
