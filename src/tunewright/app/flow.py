"""The story: read the recipe, prepare data, train, evaluate, report. Each stage is skipped when its key exists.

`noun = verb(nouns, parts, workspace)`; the order of work stands here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Generic, TypeVar

from tunewright.app import resolve
from tunewright.app.project import Project
from tunewright.core import digest, events
from tunewright.core.errors import UserError
from tunewright.core.events import Emit, StageDone, StageSkipped, StageStarted
from tunewright.core.nouns import DatasetVersion, Evaluation, Noun, Run
from tunewright.core.ports import LanguageModel
from tunewright.data.dataset import open_dataset
from tunewright.data.prepare import Inputs, dataset_key
from tunewright.data.prepare import prepare as prepare_data
from tunewright.evaluate.bench import check_rows
from tunewright.evaluate.evaluate import Models, Task
from tunewright.evaluate.evaluate import evaluate as measure
from tunewright.evaluate.report import ReportContent, write_report
from tunewright.models.find import FoundModel, find
from tunewright.models.language_model import TransformersLanguageModel
from tunewright.models.load import load
from tunewright.models.version import is_whole
from tunewright.text.chat import ChatFormat, load_chat
from tunewright.text.probe import probe
from tunewright.train.settings import Settings, resolve_settings, run_key
from tunewright.train.train import TrainInputs, run_folder
from tunewright.train.train import train as train_model

NounT = TypeVar("NounT", bound=Noun)
EVALUATION_VERSION = 2
REPORTED = ("tunewright", "torch", "transformers", "peft", "tokenizers", "numpy", "scipy")


@dataclass(frozen=True)
class Outcome:
    """What `run` made: the records of every stage, and the report's file."""

    dataset: DatasetVersion
    run: Run
    evaluation: Evaluation
    report: Path


def base_of(project: Project, emit: Emit) -> FoundModel:
    """The base model's folder, converted or fetched if need be."""
    return find(project.recipe.model, folder=project.folder, workspace=project.workspace, emit=emit)


def prepare(project: Project, emit: Emit) -> DatasetVersion:
    """Read, check, divide and encode the rows. Raises LimitNotMet when more is lost than the recipe allows."""
    base = base_of(project, emit)
    return _prepare(project, base, chat=load_chat(base.path), emit=emit)


def _prepare(project: Project, base: FoundModel, *, chat: ChatFormat, emit: Emit) -> DatasetVersion:
    recipe, loss_on = project.recipe, project.recipe.objective.loss_on
    key = dataset_key(recipe.data, chat, folder=project.folder, loss_on=loss_on)

    def work() -> DatasetVersion:
        _check_context(recipe.data.max_tokens, base)
        probe(chat, loss_on=loss_on)
        inputs = Inputs(chat, project.folder, loss_on, key, project.now())
        parts = resolve.data_parts(recipe.data)
        return prepare_data(recipe.data, parts, inputs=inputs, workspace=project.workspace, emit=emit)

    def exists(version: DatasetVersion) -> bool:
        return (project.workspace.datasets / version.name / "version.json").exists()

    return _done(_Stage("data", key, DatasetVersion, work, exists), project=project, emit=emit)


def _check_context(max_tokens: int, base: FoundModel) -> None:
    """Refuse examples that the base model was not made to read."""
    context = base.context_tokens
    if context is not None and max_tokens > context:
        raise UserError(
            f"examples of {max_tokens} tokens are longer than the model reads ({context}).",
            where="data.max_tokens",
            do=f"Lower it to at most {context}, or choose another model.",
        )


def train(project: Project, emit: Emit) -> Run:
    """Prepare if need be, then train or go on where a run stopped."""
    base = base_of(project, emit)
    chat = load_chat(base.path)
    version = _prepare(project, base, chat=chat, emit=emit)
    parts = resolve.train_parts(project.recipe)
    settings = resolve_settings(project.recipe, parts, dataset=version)
    key = run_key(project.recipe, settings, dataset=version, base_digest=base.digest)

    def work() -> Run:
        inputs = _train_inputs(project, version, base=base, chat=chat, settings=settings, key=key)
        return train_model(inputs, parts, workspace=project.workspace, emit=emit)

    def exists(run: Run) -> bool:
        return is_whole(project.workspace.models / run.name)

    return _done(_Stage("runs", key, Run, work, exists), project=project, emit=emit)


def _train_inputs(
    project: Project, version: DatasetVersion, *, base: FoundModel, chat: ChatFormat, settings: Settings, key: str
) -> TrainInputs:
    return TrainInputs(
        recipe=project.recipe,
        recipe_file=str(project.file),
        dataset=open_dataset(project.workspace, version),
        version=version,
        base=base,
        chat=chat,
        settings=settings,
        key=key,
        clock=project.clock,
        made_at=project.now(),
    )


def evaluate(project: Project, emit: Emit) -> Evaluation:
    """Measure the trained model of a recipe beside its base; trains first if that was not done."""
    return evaluate_run(project, train(project, emit), emit=emit)


def evaluate_run(project: Project, run: Run, *, emit: Emit) -> Evaluation:
    """Measure one run's model beside its base, on the run's own data set."""
    base = base_of(project, emit)
    chat = load_chat(base.path)
    check_base(run, base, chat=chat)
    version = _dataset_of(project, run, emit=emit)
    options = project.recipe.evaluate
    shown = project.recipe.output.examples
    asked = [options.model_dump(mode="json"), shown, chat.digest]
    key = digest.of_json([EVALUATION_VERSION, run.name, version.name, base.digest, run.model.precision, asked])
    folder = project.workspace.evaluations / key

    def work() -> Evaluation:
        suites = resolve.suites(project.recipe, labels=version.labels)
        task = Task(
            options=options,
            dataset=open_dataset(project.workspace, version),
            version=version,
            chat=chat,
            model=run.name,
            key=key,
            folder=folder,
            made_at=project.now(),
            clock=project.clock,
            scorers=resolve.scorers(suites),
            examples=shown,
        )
        return measure(suites, models_of(project, run, base=base), task=task, emit=emit)

    def exists(_: Evaluation) -> bool:
        return (folder / "evaluation.json").exists()

    return _done(_Stage("evaluations", key, Evaluation, work, exists), project=project, emit=emit)


def _dataset_of(project: Project, run: Run, *, emit: Emit) -> DatasetVersion:
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


def check_base(run: Run, base: FoundModel, *, chat: ChatFormat) -> None:
    """Raise UserError when the base model or its template is not what the run was trained on."""
    if (run.model.base_digest, run.model.chat_digest) != (base.digest, chat.digest):
        raise UserError(
            "the base model or its chat template is not the one that this run was trained on.",
            where=str(base.path),
            do="Bring it back, or train again.",
        )


def models_of(project: Project, run: Run, *, base: FoundModel) -> Models:
    """The tuned model of a run and its base; an adapter shares the base's weights."""
    method = resolve.part("methods", project.recipe.method)
    model = method.load(load(base.path, precision=run.model.precision), project.workspace.models / run.name)
    tuned: LanguageModel = TransformersLanguageModel(model)
    if method.adapts:
        return Models(tuned.without_adapter(), tuned)
    return Models(TransformersLanguageModel(load(base.path, precision=run.model.precision)), tuned)


def run(project: Project, emit: Emit) -> Outcome:
    """All of it; stages whose inputs did not change are skipped."""
    check_rows(project.recipe.evaluate, prepare(project, emit))
    trained = train(project, emit)
    version = _dataset_of(project, trained, emit=emit)
    evaluation = evaluate_run(project, trained, emit=emit)
    return Outcome(version, trained, evaluation, report(project, trained, evaluation=evaluation, version=version))


def report(project: Project, trained: Run, *, evaluation: Evaluation, version: DatasetVersion) -> Path:
    """Write `report.html` into the run's folder."""
    folder = run_folder(project.workspace, trained.key)
    content = ReportContent(
        recipe=project.recipe.model_dump(mode="json"),
        dataset=version,
        run=trained,
        evaluation=evaluation,
        events=events.standing(events.read(folder / "events.jsonl")),
        title=project.recipe.output.title or project.recipe.name,
        command=f"tunewright run {project.file.name}",
        versions={name: metadata.version(name) for name in REPORTED},
    )
    return write_report(folder / "report.html", content=content)


@dataclass(frozen=True)
class _Stage(Generic[NounT]):
    """How a noun is made for a key, and how to tell that its files are there."""

    name: str
    key: str
    kind: type[NounT]
    work: Callable[[], NounT]
    exists: Callable[[NounT], bool]


def _done(stage: _Stage[NounT], *, project: Project, emit: Emit) -> NounT:
    """Do a stage, or take its record when its key and its files are there."""
    found = project.workspace.find_record(stage.name, stage.key, stage.kind)
    if found is not None and stage.exists(found):
        emit(StageSkipped(stage=stage.name, name=found.name))
        return found
    began = project.clock()
    emit(StageStarted(stage=stage.name, key=stage.key))
    made = stage.work()
    project.workspace.keep_record(stage.name, stage.key, made)
    emit(StageDone(stage=stage.name, name=made.name, seconds=project.clock() - began))
    return made
