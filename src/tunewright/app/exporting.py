"""The verb `export`: a trained model in other forms, each proved against the trained one before it is kept."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tunewright.app import evaluating, flow, resolve
from tunewright.app.applied import method_of
from tunewright.app.evaluating import Asking, RunModels
from tunewright.app.loaded import Base, base_of, check_base
from tunewright.app.project import Project
from tunewright.core import catalog, digest
from tunewright.core.errors import UserError
from tunewright.core.events import Emit, Note, StageDone, StageSkipped, StageStarted
from tunewright.core.nouns import Comparison, DatasetVersion, Run
from tunewright.core.ports import Message
from tunewright.core.proof import Proof
from tunewright.core.workspace import write_text
from tunewright.data.dataset import Split, open_dataset
from tunewright.evaluate.bench import Data
from tunewright.evaluate.evaluate import Models
from tunewright.evaluate.respondents import Local
from tunewright.models.export.distance import evidence, few
from tunewright.models.export.exact import exact_base
from tunewright.models.export.forms import Wanted, check_form, numbers_of_form, open_form, readable, resolve_form
from tunewright.models.export.forms import write_form as write_plainly
from tunewright.models.export.merge import check_head, check_mergeable, copy_head, has_head, merged
from tunewright.models.export.proof import (
    Standard,
    distance_problems,
    limit_of,
    score_problem,
    standard,
    text_problems,
)
from tunewright.models.language_model import BULK, open_language_model
from tunewright.models.load import resolve_device
from tunewright.models.version import adopt_model_version, content_digest, is_whole
from tunewright.text.chat import load_chat

EXPORT_VERSION = 1
"""Raised when a form or its proof changes, so that old ones are not taken for new ones."""
MOST_POSITIONS = 2048
"""Positions that are compared: their scores lie on disk meanwhile, 400 MB with 49,152 tokens."""
TALKS = 16
"""Conversations that both templates write."""
PROOF = "proof.json"


@dataclass(frozen=True)
class Exported:
    """One form: what was measured, and where it lies; `folder` is None for a form that was refused."""

    form: str
    proof: Proof
    folder: Path | None


@dataclass
class Export:
    """The forms of one run's model. `merge` and `write` are what makes them.

    A test may put broken ones in; `planted` is then the fault's name, so that the record is not taken for a right one.
    """

    project: Project
    run: Run
    base: Base
    dataset: DatasetVersion
    emit: Emit
    merge: Callable[[Any], Any] = merged
    write: Callable[..., None] = write_plainly
    planted: str = ""
    _scratch: Path | None = field(default=None, init=False)

    def forms(self, asked: Sequence[str]) -> list[Exported]:
        """Every form in order; what was done before is taken from its record. Raises UserError."""
        forms = dict.fromkeys(resolve_form(each, products=self.run.model.numbers.products) for each in asked)
        try:
            return [self._form(form) for form in forms]
        finally:
            self.close()

    def close(self) -> None:
        """Remove what was made on the way."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _form(self, form: str) -> Exported:
        workspace, key = self.project.workspace, self._key(form)
        found = workspace.find_record("proofs", key, Proof)
        if found is not None and (not found.passed or is_whole(workspace.models / found.name)):
            self.emit(StageSkipped(stage="export", name=found.name))
            return Exported(form, found, workspace.models / found.name if found.passed else None)
        self.emit(StageStarted(stage="export", key=key))
        began = self.project.clock()
        proof, folder = self._made(form, key)
        proof = proof.model_copy(update={"seconds": self.project.clock() - began})
        if proof.passed:
            write_text(folder / PROOF, proof.model_dump_json(indent=1) + "\n")
            version = adopt_model_version(workspace, self._facts(form, key), folder=folder)
            workspace.keep_record("exports", key, version)
        workspace.keep_record("proofs", key, proof)
        self.emit(StageDone(stage="export", name=proof.name, seconds=proof.seconds))
        return Exported(form, proof, workspace.models / proof.name if proof.passed else None)

    def _key(self, form: str) -> str:
        recipe = self.project.recipe
        asked = [form, recipe.proof.model_dump(mode="json"), recipe.data.system, recipe.name, self.planted]
        return digest.of_json([EXPORT_VERSION, self.run.name, self.dataset.name, self.base.chat.digest, asked])

    def _made(self, form: str, key: str) -> tuple[Proof, Path]:
        """The form in a folder that is not kept yet, and what was measured of it."""
        wanted = self._wanted(form)
        check_head(self._trained, form)
        standing, options = self.standard, self.project.recipe.proof
        check_form(wanted, standing.model.config)
        folder = self._room / form
        self.write(standing.model, wanted, folder=folder)
        copy_head(self._trained, folder)
        read = readable(folder, form, scratch=self._room / f"{form}-read")
        problems = text_problems(self.base.chat, read, talks=self.talks(), only_eos=wanted.is_gguf)
        model = open_form(read, form, device=self._device)
        measured = standing.reference.against(model)
        limit = limit_of(form, options, own_kl=standing.own.kl_mean)
        problems += distance_problems(measured, standing.merge, limit=limit, options=options)
        metric, score = ("", None) if problems else self._score(form, model, read=read, name=content_digest(folder))
        if worse := score_problem(score, margin=options.margin, metric=metric):
            problems.append(worse)
        proof = Proof(
            name=content_digest(folder),
            key=key,
            parents=(self.run.name, self.dataset.name),
            made_at=self.project.now(),
            form=form,
            model=self.run.name,
            dataset=self.dataset.name,
            split=self._split.name,
            rows=len(standing.reference.rows),
            positions=measured.positions,
            kl_mean=measured.kl_mean,
            kl_max=measured.kl_max,
            own_kl=standing.own.kl_mean,
            limit=limit,
            merge_kl=standing.merge.kl_mean,
            loss_difference=measured.loss_difference,
            greedy_agreement=measured.greedy_agreement,
            metric=metric,
            score=score,
            problems=tuple(problems),
            bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        )
        return proof, folder

    def _wanted(self, form: str) -> Wanted:
        recipe = self.project.recipe
        return Wanted(form, self.base.chat, recipe.name, recipe.data.system, self.base.found.context_tokens)

    def _facts(self, form: str, key: str) -> dict[str, Any]:
        facts = self.run.model.model_dump(exclude={"name", "key", "parents", "made_at", "numbers", "form"})
        parents = (self.run.name, self.dataset.name, self.run.model.base_digest)
        made = {"key": key, "parents": parents, "made_at": self.project.now(), "form": form}
        return {**facts, **made, "numbers": numbers_of_form(form)}

    @cached_property
    def _room(self) -> Path:
        """A folder for what is not kept, below the same home, so that a folder of it can be moved to the models."""
        self._scratch = self.project.workspace.home / "scratch" / uuid.uuid4().hex
        self._scratch.mkdir(parents=True)
        return self._scratch

    @property
    def _trained(self) -> Path:
        """What training wrote."""
        return self.project.workspace.models / self.run.name

    @cached_property
    def _device(self) -> Any:
        return resolve_device(self.project.recipe.model.device)

    @cached_property
    def _data(self) -> Any:
        return open_dataset(self.project.workspace, self.dataset)

    @cached_property
    def _split(self) -> Split:
        """The held-out rows. Raises UserError where a data set has none."""
        name = next((name for name in ("test", "validation") if self.dataset.receipt.splits.get(name)), None)
        if name is None:
            raise UserError(
                "there are no held-out rows to prove an export on.",
                where="data.split",
                do="Give the test or the validation split a share of the rows, and train again.",
            )
        return self._data.split(name)

    @cached_property
    def standard(self) -> Standard:
        """The trained model measured and merged, once for all forms."""
        split, method = self._split, method_of(self.project.recipe)
        encoded = [split.encoded(at) for at in range(min(len(split), self.project.recipe.proof.rows))]
        rows = few(evidence(encoded), positions=MOST_POSITIONS)
        if not rows:
            raise UserError(
                f"the {split.name} rows hold no answers to prove an export on.",
                where="data",
                do="Give held-out rows with answers.",
            )
        self.emit(Note(text=f"Comparing on {len(rows)} {split.name} rows."))

        def exact() -> Any:
            chat = self.base.chat
            base = exact_base(
                self.base.found.path,
                numbers=self.run.model.numbers,
                device=self._device,
                vocabulary_size=chat.vocabulary_size,
                added=tuple(chat.added_ids.values()),
            )
            model = method.load(base, self._trained)
            check_mergeable(model, method=self.run.model.method, adapts=method.adapts)
            return model

        return standard(exact, rows, scratch=self._room, merge=self.merge)

    def talks(self, most: int = TALKS) -> list[Sequence[Message]]:
        """Conversations of the first held-out rows."""
        split = self._split
        return [split.row(at).messages for at in range(min(len(split), most))]

    def _score(self, form: str, model: Any, *, read: Path, name: str) -> tuple[str, Comparison | None]:
        """The answers' metric, the trained model as base and the form as tuned; nothing where none is asked for."""
        recipe = self.project.recipe
        options = recipe.proof
        if not options.score_rows or recipe.objective.rows == "documents" or has_head(self._trained):
            return "", None
        named = () if recipe.evaluate.suites == "auto" else recipe.evaluate.suites
        suite = next((each for each in named if each.type == "answers"), catalog.options("suites", "answers")())
        chat = load_chat(read)
        trained = RunModels(self.project, self.run, self.base, self.emit)
        opened = open_language_model(model, decode=chat.decode, limits=BULK, compiled=self.project.workspace.compiled)
        identity = digest.of_json([name, numbers_of_form(form).model_dump(mode="json"), chat.digest])
        exported = Local(f"{recipe.name} ({form})", chat, lambda: opened, identity, trained.watch)
        asking = Asking(
            options=recipe.evaluate.model_copy(
                update={"split": self._split.name, "max_rows": options.score_rows, "base_prompts": ("bare",)}
            ),
            suites=[resolve.part("suites", suite)],
            models=Models(trained.respondent("tuned"), exported),
            judged=name,
            data=Data(self._data, self.dataset, self.base.chat),
            folder=self.project.folder,
            workspace=self.project.workspace,
        )
        evaluation = evaluating.measure(asking, self.project, emit=self.emit)
        metric = suite.scorers[0]
        return metric, evaluation.suites["answers"][metric]


def export(project: Project, run: Run, *, forms: Sequence[str], emit: Emit) -> list[Exported]:
    """Every asked form of a run's model. Raises UserError for a model or method that cannot take one of them."""
    base = base_of(project, emit)
    check_base(run, base)
    return Export(project, run, base, flow.dataset_of(project, run, emit=emit), emit).forms(forms)
