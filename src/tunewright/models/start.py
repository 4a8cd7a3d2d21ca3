"""Trained weights that training goes on from: an adapter, a model, a run or a checkpoint, ours or another's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tunewright.core.errors import UserError
from tunewright.core.workspace import Workspace
from tunewright.models.adapted import coats
from tunewright.models.adapter_config import ADAPTER_CONFIG, check_adapter_config
from tunewright.models.bottleneck import BottleneckModel
from tunewright.models.bottleneck_files import check_form, is_bottleneck
from tunewright.models.config import read_json
from tunewright.models.tensors import read_weights
from tunewright.models.under import FILE as UNDER
from tunewright.models.virtual import SAVED, VirtualModel
from tunewright.models.virtual_files import check_virtual
from tunewright.models.weights import INDEX, SINGLE, tensors_digest, tensors_of, weight_files

ADAPTER = "adapter_model.safetensors"
FACTS = "tunewright.json"
WHERE = "model.start_from"
WHAT_SERVES = "Give the folder of an adapter, a model, a run that ended, or a checkpoint."


def start_folder(path: str, *, folder: Path, workspace: Workspace, where: str = WHERE) -> Path:
    """The folder with the weights that a key such as `model.start_from` names, relative to `folder` or the workspace.

    A run stands for its model, a checkpoint for the weights in it. Raises UserError when there is nothing, no weights,
    pickle, or a damaged file.
    """
    places = (folder / Path(path).expanduser(), workspace.home / path, workspace.models / path)
    place = next((each.resolve() for each in places if each.is_dir()), None)
    if place is None:
        raise UserError(f'there is no folder "{path}" (seen from {folder}).', where=where, do=WHAT_SERVES)
    if (place / "state.json").is_file():
        place = place / "model"
    elif (place / "recipe.json").is_file():
        place = _model_of_run(place, workspace)
    for file in _files(place):
        tensors_of(file)
    return place


def _model_of_run(run: Path, workspace: Workspace) -> Path:
    record = run / "run.json"
    if not record.is_file():
        raise UserError(
            "this run has not ended.",
            where=str(run),
            do="Give one of its checkpoints, or let it end by training again.",
        )
    name = Path(str(read_json(record).get("name"))).name
    places = (run.parent.parent / "models" / name, workspace.models / name)
    found = next((each for each in places if each.is_dir()), None)
    if found is None:
        raise UserError(f"the model of this run ({name[:12]}) is gone.", where=str(run), do="Give a checkpoint of it.")
    return found


def _files(folder: Path) -> tuple[Path, ...]:
    """The weight files of an adapter or a model. Raises UserError where there are none that may be read."""
    if (folder / ADAPTER).is_file():
        return tuple(path for path in (folder / ADAPTER, folder / UNDER) if path.is_file())
    if (folder / SINGLE).is_file() or (folder / INDEX).is_file() or any(folder.glob("*.bin")):
        return weight_files(folder)
    raise UserError("there are no weights in this folder.", where=str(folder), do=WHAT_SERVES)


def start_digest(folder: Path) -> str:
    """A digest of the weights in a folder that `start_folder` gave, for the run's key."""
    return tensors_digest(_files(folder))


def start_weights(method: Any, model: Any, *, folder: Path, base_digest: str = "") -> dict[str, Tensor]:
    """Weights in float32 by trainable name, for a model with its method attached.

    `base_digest`: of the base that trains now, compared with the one that the weights were trained on where they say.
    Raises UserError when they belong to another method, form, base or shape, or hold NaN.
    """
    _check_base(folder, base_digest)
    adapter = (folder / ADAPTER).is_file()
    if adapter != bool(coats(model)):
        raise _other_kind(folder, adapter)
    if adapter:
        _check_form(folder, model)
    trainable = method.trainable(model)
    found = read_weights(folder)
    weights = method.read(folder) if adapter else {name: found[name] for name in trainable if name in found}
    _check_names(weights, trainable, folder)
    _check_values(weights, trainable, folder)
    if adapter:
        content = method.content(model, weights)
        if SAVED in content:
            _check_table(found.pop(SAVED, None), content.pop(SAVED), folder)
        _check_rest(found, content, folder)
    else:
        _check_rest(found, dict(model.named_parameters(remove_duplicate=False)) | weights, folder)
    return {name: tensor.to(torch.float32) for name, tensor in weights.items()}


def _check_form(folder: Path, model: Any) -> None:
    """Raise UserError when an adapter is of another kind or form than the one that trains."""
    ours, theirs = isinstance(model, BottleneckModel), is_bottleneck(folder)
    if ours != theirs:
        raise UserError(
            f"this adapter is {'a' if theirs else 'no'} bottleneck, and the recipe trains {'one' if ours else 'none'}.",
            where=str(folder),
            do="Write method as these weights were made.",
        )
    if ours:
        check_form(folder, model)
    elif isinstance(model, VirtualModel):
        check_virtual(folder, model.tokens_of(model.active_adapter))
    else:
        check_adapter_config(folder, model)


def _check_base(folder: Path, base_digest: str) -> None:
    facts = read_json(folder / FACTS) if (folder / FACTS).is_file() else {}
    if base_digest and facts.get("base_digest", base_digest) != base_digest:
        raise UserError(
            f"these weights were trained on another base model, {facts.get('base', 'of unknown name')}.",
            where=str(folder),
            do="Write that one as model.name, or leave model.start_from out.",
        )


def _other_kind(folder: Path, adapter: bool) -> UserError:
    if adapter:
        return UserError(
            "this folder holds an adapter, and the method trains the model's own weights.",
            where=str(folder),
            do="Write method as that adapter was made.",
        )
    return UserError(
        "this folder holds a whole model, and the method trains an adapter.",
        where=str(folder),
        do="Write the folder as model.name instead, or method: full or partial.",
    )


def _check_names(weights: Mapping[str, Tensor], trainable: Mapping[str, Tensor], folder: Path) -> None:
    missing, unknown = sorted(set(trainable) - set(weights)), sorted(set(weights) - set(trainable))
    if missing:
        what = f"{len(missing)} of the {len(trainable)} weights that train are not here, among them {missing[0]}."
    elif unknown:
        what = f"{len(unknown)} weights here do not train in this recipe, among them {unknown[0]}."
    else:
        return
    raise UserError(what, where=str(folder), do=f"Write method as these weights were made{_targets_of(folder)}.")


def _targets_of(folder: Path) -> str:
    """What an adapter says that it goes to, for people."""
    path = folder / ADAPTER_CONFIG
    targets = read_json(path).get("target_modules") if path.is_file() else None
    if not isinstance(targets, list):
        return ""
    return f" (targets: {', '.join(sorted({str(name).rpartition('.')[2] for name in targets}))})"


def _check_values(weights: Mapping[str, Tensor], trainable: Mapping[str, Tensor], folder: Path) -> None:
    for name, tensor in weights.items():
        if tensor.shape != trainable[name].shape:
            what = f"{name} has the shape {tuple(tensor.shape)}, and {tuple(trainable[name].shape)} trains"
        elif not tensor.dtype.is_floating_point:
            what = f"{name} holds whole numbers ({tensor.dtype})"
        elif not bool(torch.isfinite(tensor).all()):
            what = f"{name} holds NaN or infinity"
        else:
            continue
        raise UserError(
            f"{what}.", where=str(folder), do="Use the base model and the form of method that these weights fit."
        )


def _check_rest(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], folder: Path) -> None:
    """What does not train must be in the model already: going on may not change it silently."""
    for name, tensor in found.items():
        other = expected.get(name)
        if other is None or (tensor.dtype.is_floating_point and not _agree(tensor, other.detach().cpu())):
            state = "is not in the model" if other is None else "is frozen here and differs from the base model's"
            raise UserError(
                f"{name} {state}, so going on would not begin where these weights end.",
                where=str(folder),
                do="Write the folder as model.name if it holds a whole model, or method as these weights were made.",
            )


def _check_table(found: Tensor | None, made: Tensor, folder: Path) -> None:
    """A table of virtual tokens follows from what makes it, but for another machine's rounding."""
    if found is None or not torch.allclose(found.float(), made.detach().float().cpu(), rtol=1e-3, atol=1e-4):
        raise UserError(
            "the network saved here does not make the virtual tokens that are saved with it.",
            where=str(folder),
            do="Copy the folder again.",
        )


def _agree(one: Tensor, other: Tensor) -> bool:
    """True when both are equal in the narrower of their types."""
    narrow = min(one.dtype, other.dtype, key=lambda dtype: torch.finfo(dtype).bits)
    return one.shape == other.shape and torch.equal(one.to(narrow), other.to(narrow))
