"""The verb `combine`: several adapters over one base as one model version."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tunewright.app.loaded import base_of, check_base
from tunewright.app.project import Project, open_run
from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.events import Emit
from tunewright.core.nouns import ModelVersion, Numbers, Run
from tunewright.core.workspace import write_json
from tunewright.models.combine import Recipe, combine, save_combined
from tunewright.models.load import load, resolve_device
from tunewright.models.version import adopt_model_version, is_whole

COMBINE_VERSION = 1
FLOAT32 = Numbers(weights="fp32", products="fp32", double_quantisation=False)


def combine_runs(paths: Sequence[Path], recipe: Recipe, *, home: Path | None, emit: Emit) -> tuple[ModelVersion, Path]:
    """One adapter out of the models of several runs, and its folder. Raises UserError when they do not go together."""
    opened = [open_run(path, home=home) for path in paths]
    project, first = opened[0]
    runs = [run for _, run in opened]
    _check(opened, recipe)
    key = digest.of_json([COMBINE_VERSION, [run.name for run in runs], repr(recipe)])
    models = project.workspace.models
    found = project.workspace.find_record("combined", key, ModelVersion)
    if found is not None and is_whole(models / found.name):
        return found, models / found.name
    base = base_of(project, emit)
    check_base(first, base)
    model = load(base.found.path, numbers=FLOAT32, device=resolve_device(project.recipe.model.device))
    wrapped = combine(model, [_folder(each, run) for each, run in opened], recipe=recipe)
    folder = project.workspace.home / "scratch" / uuid.uuid4().hex
    weights = save_combined(wrapped, folder)
    base.chat.save(folder)
    facts = {"base": base.found.source, "base_digest": base.found.digest, "chat_digest": base.chat.digest}
    write_json(folder / "tunewright.json", facts)
    version = adopt_model_version(
        project.workspace,
        {
            **first.model.model_dump(exclude={"name", "key", "parents", "made_at"}),
            "key": key,
            "parents": tuple(run.name for run in runs),
            "made_at": project.now(),
            "trained_parameters": sum(tensor.numel() for tensor in weights.values()),
            "form": f"combined-{recipe.way}",
        },
        folder=folder,
    )
    project.workspace.keep_record("combined", key, version)
    return version, models / version.name


def _folder(project: Project, run: Run) -> Path:
    return project.workspace.models / run.name


def _check(opened: Sequence[tuple[Project, Run]], recipe: Recipe) -> None:
    """Raise UserError for fewer than two, for weights that do not fit, and for models of different bases."""
    if len(opened) < 2 or len(opened) != len(recipe.weights):
        raise UserError(
            f"{len(opened)} models and {len(recipe.weights)} weights do not go together.",
            where="--weight",
            do="Name at least two models, and a weight for each or none.",
        )
    runs = [run for _, run in opened]
    if len({(run.model.base_digest, run.model.chat_digest) for run in runs}) > 1:
        raise UserError(
            "these models were trained on different bases or templates.",
            where=runs[1].name[:12],
            do="Combine models over one base.",
        )


def with_equal_weights(recipe: Recipe, count: int) -> Recipe:
    """Where no weights were given: their mean; for TIES 1 each, as it takes the mean itself."""
    if recipe.weights:
        return recipe
    return replace(recipe, weights=(1.0 if recipe.way == "ties" else 1 / max(1, count),) * count)
