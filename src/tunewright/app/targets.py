"""What `evaluate` may be pointed at: a recipe, a run, a model of any kind, or an OpenAI-compatible server.

A recipe or a run is held against its base model. Anything else is held against the first target, and alone if it is
the first itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tunewright.app import archives, evaluating, flow, resolve
from tunewright.app.evaluating import Asking
from tunewright.app.loaded import base_of, check_base
from tunewright.app.project import Place, Project, is_recipe, open_project, open_run
from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.events import Emit
from tunewright.core.nouns import Evaluation, Run, Verdict
from tunewright.core.workspace import Workspace
from tunewright.data.dataset import open_dataset
from tunewright.evaluate.bench import Data
from tunewright.evaluate.evaluate import Models
from tunewright.evaluate.remote import RemoteModel, key_from
from tunewright.evaluate.respondents import Local, Watch
from tunewright.evaluate.suite import Respondent
from tunewright.models.find import find
from tunewright.models.language_model import open_language_model
from tunewright.models.load import load, resolve_device, resolve_numbers
from tunewright.recipe.recipe import EvaluateOptions, ModelOptions
from tunewright.text.chat import load_chat

ADDRESSES = ("http://", "https://")


@dataclass(frozen=True)
class Asked:
    """What is to be measured, and where results go.

    `suites` are names that stand in place of the recipe's; `data` is a recipe whose dataset is measured where a target
    brings none; `sets` override keys of the recipes among the targets.
    """

    targets: tuple[str, ...]
    suites: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    data: Path | None = None
    home: Path | None = None


@dataclass(frozen=True)
class Answer:
    """One target's result; a verdict where its recipe has gates."""

    target: str
    evaluation: Evaluation
    verdict: Verdict | None
    workspace: Workspace


def evaluate(asked: Asked, emit: Emit) -> list[Answer]:
    """Measure every target on the same rows, in order; of a recipe the model is trained first if need be.

    Raises UserError for a target that is none of the four kinds.
    """
    session = _Session(asked, emit)
    return [session.measure(target) for target in asked.targets]


def kind_of(target: str) -> str:
    """`url`, `recipe`, `run` or `model`."""
    if target.startswith(ADDRESSES):
        return "url"
    path = Path(target)
    if path.exists() and is_recipe(path):
        return "recipe"
    if path.is_dir() and is_ours(path):
        return "run"
    return "model"


class _Session:
    """The targets of one command; the first that was measured is what models without a base are held against."""

    def __init__(self, asked: Asked, emit: Emit) -> None:
        self.asked, self.emit = asked, emit
        self.first: Respondent | None = None
        self.project: Project | None = None
        if asked.data is not None:
            self.project = self._project(asked.data)

    def measure(self, target: str) -> Answer:
        """One target."""
        kind = kind_of(target)
        if kind == "recipe":
            project = self._project(Path(target))
            return self._run(target, project, flow.train(project, self.emit))
        if kind == "run":
            project, run = open_run(Path(target), home=self.asked.home)
            return self._run(target, self._with_suites(project), run)
        return self._alone(target, kind)

    def _project(self, path: Path) -> Project:
        return self._with_suites(open_project(path, sets=self.asked.sets, home=self.asked.home))

    def _with_suites(self, project: Project) -> Project:
        """The project with the suites of the command line in place of its own."""
        if not self.asked.suites:
            return project
        options = named(self.asked.suites)
        kept = [gate for gate in project.recipe.gates if gate.suite in {each.type for each in options}]
        evaluate = project.recipe.evaluate.model_copy(update={"suites": options})
        return replace(project, recipe=project.recipe.model_copy(update={"evaluate": evaluate, "gates": tuple(kept)}))

    def _run(self, target: str, project: Project, run: Run) -> Answer:
        base = base_of(project, self.emit)
        check_base(run, base)
        version = flow.dataset_of(project, run, emit=self.emit)
        asking = evaluating.of_run(project, run, base=base, version=version, emit=self.emit)
        self.first = self.first or asking.models.tuned
        self.project = self.project or project
        evaluation = evaluating.measure(asking, project, emit=self.emit)
        return Answer(target, evaluation, evaluating.judge(project, evaluation), project.workspace)

    def _alone(self, target: str, kind: str) -> Answer:
        """A model without a recipe: on the rows of the recipe that is at hand, or on suites with rows of their own."""
        project = self.project
        workspace = project.workspace if project else archives.workspace_of(self.asked.home)
        model = _remote(target) if kind == "url" else _local(target, workspace, self.emit)
        base, tuned = (model, None) if self.first is None else (self.first, model)
        self.first = self.first or model
        options = project.recipe.evaluate if project else EvaluateOptions(suites=named(self.asked.suites))
        data = _data(project, self.emit) if project else None
        if project is None and not self.asked.suites:
            raise UserError(
                "nothing says what to measure: this target has no recipe.",
                where=target,
                do="Name suites (--suite general), or a recipe whose rows are measured (--data recipe.yaml).",
            )
        suites = (
            resolve.suites(project.recipe, labels=data.version.labels if data else ())
            if project
            else [resolve.part("suites", each) for each in options.suites]
        )
        asking = Asking(
            options=options,
            suites=suites,
            models=Models(base, tuned),
            judged=model.identity,
            data=data,
            folder=project.folder if project else Path.cwd(),
            workspace=workspace,
        )
        place = project or Place(workspace)
        evaluation = evaluating.measure(asking, place, emit=self.emit)
        return Answer(target, evaluation, None, workspace)


def named(suites: Sequence[str]) -> tuple[Any, ...]:
    """Options of suites by name: a name, or `name:key=value,key=value`. Raises UserError with the nearest name."""
    return tuple(resolve.suite_options(text) for text in suites)


def is_ours(path: Path) -> bool:
    """True for a folder below runs/ or models/ of a workspace."""
    folder = path.resolve()
    return folder.parent.name in ("runs", "models") and (folder.parent.parent / "index").is_dir()


def _remote(target: str) -> Respondent:
    """`http://host:port/v1#model`. Raises UserError without a model's name."""
    url, _, model = target.partition("#")
    if not model:
        raise UserError(
            "the address does not say which model is meant.",
            where=target,
            do=f"Write it behind the address: {url}#NAME-OF-THE-MODEL",
        )
    return RemoteModel(url, model, key=key_from(os.environ))


def _local(target: str, workspace: Workspace, emit: Emit) -> Respondent:
    """A model by name, folder or file, seen from the current folder."""
    options = ModelOptions(name=target)
    found = find(options, folder=Path.cwd(), workspace=workspace, emit=emit)
    chat = load_chat(found.path, template=None, added_tokens=(), base=Path.cwd(), fallback="user_assistant")
    numbers = resolve_numbers("auto", "auto", double_quantisation=False)

    def opened() -> Any:
        model = load(found.path, numbers=numbers, device=resolve_device("auto"))
        return open_language_model(model, decode=chat.decode, base_digest=found.digest, compiled=workspace.compiled)

    identity = digest.of_json([[found.digest], numbers.model_dump(mode="json"), chat.digest])
    return Local(target, chat, opened, identity, Watch(emit), context_tokens=found.context_tokens)


def _data(project: Project, emit: Emit) -> Data:
    version = flow.prepare(project, emit)
    return Data(open_dataset(project.workspace, version), version, base_of(project, emit).chat)
