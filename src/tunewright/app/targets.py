"""What `evaluate` may be pointed at: a recipe, a run, a model of any kind, or an OpenAI-compatible server.

A recipe or a run is held against its base model. Anything else is held against the first target, and alone if it is
the first itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
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
from tunewright.evaluate.remote_http import SHOWN, completions_url
from tunewright.evaluate.respondents import Local, Watch
from tunewright.evaluate.suite import Respondent
from tunewright.models.export.merge import has_head
from tunewright.models.find import find
from tunewright.models.headed import Headed
from tunewright.models.heads import FILE, FOLDER, read_head
from tunewright.models.language_model import BULK, open_language_model
from tunewright.models.load import load, resolve_device, resolve_numbers
from tunewright.models.version import is_export
from tunewright.recipe.files import BUILTIN, no_model
from tunewright.recipe.recipe import EvaluateOptions, ModelOptions
from tunewright.text.chat import load_chat

ADDRESSES = ("http://", "https://")
RECIPES = (".yaml", ".yml")
KINDS = "Give a recipe, a run's or model's folder, a model's name, or a server: http://127.0.0.1:8080/v1#NAME"


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
    """One target's result; a verdict and a report where it has a recipe."""

    target: str
    evaluation: Evaluation
    verdict: Verdict | None
    workspace: Workspace
    report: Path | None = None


def evaluate(asked: Asked, emit: Emit) -> list[Answer]:
    """Measure every target on the same rows, in order; of a recipe the model is trained first if need be.

    Raises UserError for a target that is none of the four kinds, before the first is measured.
    """
    named(asked.suites)
    for target in asked.targets:
        check_target(target)
    session = _Session(asked, emit)
    try:
        return [session.measure(target) for target in asked.targets]
    finally:
        session.close()


def kind_of(target: str) -> str:
    """`url`, `recipe`, `run` or `model`. A name that ends as recipes do is meant as one, be it there or not."""
    if target.lower().startswith(ADDRESSES):
        return "url"
    path = Path(target)
    there = os.path.exists(target)  # noqa: PTH110 - pathlib's raises for names that are too long
    if path.suffix in RECIPES or (there and is_recipe(path)):
        return "recipe"
    if there and path.is_dir() and is_ours(path):
        return "run"
    return "model"


def check_target(target: str) -> None:
    """Raise UserError for what cannot be measured, as far as a look at its name shows."""
    kind = kind_of(target)
    if kind == "url":
        url, _, model = target.partition("#")
        completions_url(url)
        if not model.strip():
            raise UserError(
                "the address does not say which model is meant.",
                where=target,
                do=f"Write it behind the address: {url}#NAME-OF-THE-MODEL",
            )
    if kind == "model" and (what := _no_target(target)):
        raise UserError(what.replace(target, target[:SHOWN]), where=target[:SHOWN], do=KINDS)


def _no_target(target: str) -> str:
    """Why no model can lie behind a name; else empty."""
    if not target.strip():
        return "this target is empty."
    return "" if target.startswith(BUILTIN) else no_model(target, Path.cwd())


class _Session:
    """The targets of one command; the first that was measured is what models without a base are held against."""

    def __init__(self, asked: Asked, emit: Emit) -> None:
        self.asked, self.emit = asked, emit
        self.first: Respondent | None = None
        self.project: Project | None = None
        self.servers: list[RemoteModel] = []
        if asked.data is not None:
            self.project = self._project(asked.data)

    def measure(self, target: str) -> Answer:
        """One target."""
        kind = kind_of(target)
        if kind == "recipe":
            project = self._project(Path(target))
            flow.ready(project, self.emit)
            return self._run(target, project, flow.train(project, self.emit))
        if kind == "run":
            project, run = open_run(Path(target), home=self.asked.home)
            return self._run(target, self._with_suites(project), run)
        return self._alone(target, kind)

    def close(self) -> None:
        """Close the connections to servers."""
        for server in self.servers:
            server.close()

    def _project(self, path: Path) -> Project:
        return self._with_suites(open_project(path, sets=self.asked.sets, home=self.asked.home))

    def _with_suites(self, project: Project) -> Project:
        """The project with the suites of the command line in place of its own."""
        if not self.asked.suites:
            return project
        evaluate = project.recipe.evaluate.model_copy(update={"suites": named(self.asked.suites)})
        recipe = project.recipe.model_copy(update={"evaluate": evaluate})
        known = evaluating.measured_names(resolve.suites(recipe, labels=()), options=evaluate)
        kept = tuple(gate for gate in recipe.gates if gate.metric in known.get(gate.suite, ()))
        return replace(project, recipe=recipe.model_copy(update={"gates": kept}))

    def _run(self, target: str, project: Project, run: Run) -> Answer:
        base = base_of(project, self.emit)
        check_base(run, base)
        version = flow.dataset_of(project, run, emit=self.emit)
        asking = evaluating.of_run(project, run, base=base, version=version, emit=self.emit)
        self.first = self.first or asking.models.tuned
        self.project = self.project or project
        evaluation = evaluating.measure(asking, project, emit=self.emit)
        verdict = evaluating.judge(project, evaluation)
        report = flow.report(project, run, evaluation=evaluation, version=version, verdict=verdict)
        return Answer(target, evaluation, verdict, project.workspace, report)

    def _alone(self, target: str, kind: str) -> Answer:
        """A model without a recipe: on the rows of the recipe that is at hand, or on suites with rows of their own."""
        project = self.project
        if project is None and not self.asked.suites:
            raise UserError(
                "nothing says what to measure: this target has no recipe.",
                where=target,
                do="Name suites (--suite general), or a recipe whose rows are measured (--data recipe.yaml).",
            )
        workspace = project.workspace if project else archives.workspace_of(self.asked.home)
        options = project.recipe.evaluate if project else EvaluateOptions(suites=named(self.asked.suites))
        model = self._remote(target) if kind == "url" else _local(target, workspace, self.emit)
        base, tuned = (model, None) if self.first is None else (self.first, model)
        data = _data(project, self.emit) if project else None
        suites = (
            resolve.suites(project.recipe, labels=data.version.labels if data else ())
            if project
            else [resolve.part("suites", each) for each in options.suites]
        )
        evaluating.check_suites(suites)
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
        self.first = self.first or model
        return Answer(target, evaluation, None, workspace)

    def _remote(self, target: str) -> Respondent:
        """`http://host:port/v1#model`."""
        url, _, model = target.partition("#")
        server = RemoteModel(url, model.strip(), key=key_from(os.environ))
        server.watch = Watch(self.emit)
        self.servers.append(server)
        return server


def named(suites: Sequence[str]) -> tuple[Any, ...]:
    """Options of suites by name: a name, or `name:key=value,key=value`. Raises UserError with the nearest name."""
    return tuple(resolve.suite_options(text) for text in suites)


def is_ours(path: Path) -> bool:
    """True for a folder below runs/ or models/ of a workspace; an export there is a model of its own."""
    folder = path.resolve()
    ours = folder.parent.name in ("runs", "models") and (folder.parent.parent / "index").is_dir()
    return ours and not is_export(folder)


def _local(target: str, workspace: Workspace, emit: Emit) -> Respondent:
    """A model by name, folder or file, seen from the current folder."""
    options = ModelOptions(name=target)
    found = find(options, folder=Path.cwd(), workspace=workspace, emit=emit)
    chat = load_chat(found.path, template=None, added_tokens=(), base=Path.cwd(), fallback="user_assistant")
    numbers = resolve_numbers("auto", "auto", double_quantisation=False)

    @cache
    def opened() -> Any:
        model = load(found.path, numbers=numbers, device=resolve_device("auto"))
        return open_language_model(
            model, decode=chat.decode, limits=BULK, base_digest=found.digest, compiled=workspace.compiled
        )

    identity = digest.of_json([[found.digest], numbers.model_dump(mode="json"), chat.digest])
    if not has_head(found.path):
        return Local(target, chat, opened, identity, Watch(emit), context_tokens=found.context_tokens)

    def headed() -> Headed:
        return Headed(opened(), *read_head(found.path))

    identity = digest.of_json([identity, digest.of_file(found.path / FOLDER / FILE)])
    return Local(target, chat, opened, identity, Watch(emit), context_tokens=found.context_tokens, head=headed)


def _data(project: Project, emit: Emit) -> Data:
    version = flow.prepare(project, emit)
    return Data(open_dataset(project.workspace, version), version, base_of(project, emit).chat)
