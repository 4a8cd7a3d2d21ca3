"""The models of a workspace with what is known of them: the work behind `tunewright models`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tunewright.core import digest
from tunewright.core.nouns import DatasetVersion, Evaluation, ModelVersion, Run, Verdict
from tunewright.core.proof import Proof
from tunewright.core.workspace import Workspace, write_json, write_text
from tunewright.data import catalogue as datasets
from tunewright.evaluate.store import VERDICT
from tunewright.models import catalogue
from tunewright.models.card.bom import bom
from tunewright.models.card.licences import licence_of
from tunewright.models.card.markdown import card
from tunewright.models.card.story import Form, Measured, Story
from tunewright.models.catalogue import Entry, files_of
from tunewright.train.machine import FILE as MACHINE

CARD = "README.md"
BOM = "bom.cdx.json"
DOCUMENTS = (CARD, BOM)
PROOF = "proof.json"


@dataclass(frozen=True)
class Listed:
    """A model in a line: its record, the recipes it comes from, its size, the forms made from it."""

    entry: Entry
    recipes: tuple[str, ...]
    bytes: int
    forms: tuple[str, ...]
    evaluations: int


@dataclass(frozen=True)
class Written:
    """A document that was written beside a model."""

    model: str
    path: Path


def shelf(workspace: Workspace) -> list[Listed]:
    """Every model, the newest first."""
    known = catalogue.entries(workspace)
    runs = workspace.records("runs", Run)
    made = [each.version for each in known if each.version is not None and each.version.form]
    measured = [each.model for each in workspace.records("evaluations", Evaluation)]
    found: list[Listed] = []
    for entry in known:
        names = [str(run.recipe.get("name") or "") for run in _runs_of(entry.version, runs)] if entry.version else []
        forms = tuple(sorted(each.form for each in made if entry.name in each.parents))
        size = sum(files_of(entry.folder).values())
        found.append(Listed(entry, tuple(filter(None, dict.fromkeys(names))), size, forms, measured.count(entry.name)))
    return found


def find(workspace: Workspace, text: str) -> Entry:
    """A model by the first characters of its name or its folder; or by its recipe's name, where that has one trained.

    Raises UserError when there is none, or several.
    """
    known, wanted = catalogue.entries(workspace), Path(text.strip()).name
    named = [each for each in known if wanted and each.name.startswith(wanted.lower())]
    if not named:
        runs = {run.name for run in workspace.records("runs", Run) if wanted and run.recipe.get("name") == wanted}
        named = [each for each in known if each.name in runs]
    return catalogue.choose(known, named, text=text, where=workspace.models)


def story_of(workspace: Workspace, entry: Entry) -> Story:
    """Everything that the records say of a model. Raises OutsideError where its own record is damaged."""
    version = entry.opened()
    runs = _runs_of(version, workspace.records("runs", Run))
    trained = {run.name for run in runs if len(runs) == 1} | {version.name}
    evaluations = [each for each in workspace.records("evaluations", Evaluation) if each.model in trained]
    return Story(
        version=version,
        folder=entry.folder,
        runs=runs,
        dataset=_dataset(workspace, runs[0].dataset) if len({run.dataset for run in runs}) == 1 else None,
        evaluations=tuple(Measured(each, _verdict(workspace, each)) for each in evaluations),
        forms=_forms(workspace, version),
        proof=_read(entry.folder / PROOF, Proof),
        licence=licence_of(version.base),
        machine=_machine(workspace, runs[0]) if len(runs) == 1 else {},
        files={name: size for name, size in files_of(entry.folder).items() if name not in DOCUMENTS},
    )


def show(workspace: Workspace, name: str) -> Story:
    """One model in full. Raises UserError when there is none, or several."""
    return story_of(workspace, find(workspace, name))


def write_card(workspace: Workspace, name: str) -> Written:
    """Write a model's card beside it."""
    entry = find(workspace, name)
    write_text(entry.folder / CARD, card(story_of(workspace, entry)))
    return Written(entry.name, entry.folder / CARD)


def write_bom(workspace: Workspace, name: str) -> Written:
    """Write a model's bill of materials beside it."""
    entry = find(workspace, name)
    story = story_of(workspace, entry)
    write_json(
        entry.folder / BOM, bom(story, hashes={each: digest.of_file(entry.folder / each) for each in story.files})
    )
    return Written(entry.name, entry.folder / BOM)


def accompany(workspace: Workspace, folders: Iterable[Path]) -> None:
    """Write card and bill beside models that have none."""
    for folder in folders:
        if not (folder / CARD).exists():
            write_card(workspace, folder.name)
        if not (folder / BOM).exists():
            write_bom(workspace, folder.name)


def _runs_of(version: ModelVersion | None, runs: list[Run]) -> tuple[Run, ...]:
    """The newest run that wrote these weights, or else those of its parents."""
    if version is None:
        return ()
    newest = {run.name: run for run in reversed(runs)}
    if not version.form:
        return (newest[version.name],) if version.name in newest else ()
    return tuple(newest[parent] for parent in dict.fromkeys(version.parents) if parent in newest)


def _dataset(workspace: Workspace, name: str) -> DatasetVersion | None:
    return datasets.entry(workspace.datasets / name).version if (workspace.datasets / name).is_dir() else None


def _verdict(workspace: Workspace, evaluation: Evaluation) -> Verdict | None:
    return _read(workspace.evaluations / evaluation.key / VERDICT, Verdict)


def _forms(workspace: Workspace, version: ModelVersion) -> tuple[Form, ...]:
    """The newest proof of each form of a trained model, and the form where it was kept and is there."""
    if version.form:
        return ()
    newest = {
        proof.form: proof for proof in reversed(workspace.records("proofs", Proof)) if proof.model == version.name
    }
    entries = {name: catalogue.entry(workspace.models / proof.name) for name, proof in newest.items() if proof.passed}
    return tuple(
        Form(proof, entries[name].version if name in entries else None) for name, proof in sorted(newest.items())
    )


def _machine(workspace: Workspace, run: Run) -> dict[str, Any]:
    try:
        found = json.loads((workspace.runs / digest.short(run.key) / MACHINE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _read(path: Path, kind: Any) -> Any:
    """A record from its file; None where it is not there, or is another kind of record."""
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None
