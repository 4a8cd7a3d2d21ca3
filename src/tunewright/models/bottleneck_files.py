"""Bottleneck adapters on disk: safetensors and JSON, admitted only when form, names, shapes and numbers are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from torch import Tensor

from tunewright.core.errors import UserError
from tunewright.core.workspace import write_text
from tunewright.models.bottleneck import Adapter, BottleneckModel, Form
from tunewright.models.config import read_json
from tunewright.models.tensors import write_weights
from tunewright.models.weights import tensors_of

CONFIG = "bottleneck_config.json"
WEIGHTS = "adapter_model.safetensors"
FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
SAVE_AGAIN = "Copy the folder again, or train it again."


def is_bottleneck(folder: Path) -> bool:
    """True for the folder of a bottleneck adapter."""
    return (folder / CONFIG).is_file()


def write_adapter(folder: Path, form: Form, *, weights: dict[str, Tensor]) -> None:
    """Write a folder that `read_adapter` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(folder / WEIGHTS, weights)
    write_text(folder / CONFIG, form.model_dump_json(indent=1) + "\n")


def read_form(folder: Path) -> Form:
    """What the adapter of a folder is. Raises UserError with the first mistake."""
    path = folder / CONFIG
    try:
        return Form.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the whole"
        raise _refused(path, f"{key} is not right ({first['msg'].lower()})", SAVE_AGAIN) from error


def read_adapter(wrapped: BottleneckModel, name: str, *, folder: Path) -> Adapter:
    """Add the adapter of a folder to a model, in the type of its products.

    Raises UserError, and adds nothing, when names or shapes are not those of its form, or a number is not finite.
    """
    form = read_form(folder)
    _check_header(folder, form)
    weights = load_file(folder / WEIGHTS)
    spoilt = next((key for key, tensor in weights.items() if not _fits(tensor, wrapped.dtype)), None)
    if spoilt is not None:
        raise _refused(folder, f"{spoilt} holds NaN or infinity", "Train it again; its run diverged.")
    adapter = wrapped.add_adapter(name, form)
    adapter.load_state_dict(weights)
    return adapter


def check_form(folder: Path, model: Any) -> None:
    """Raise UserError when the adapter of a folder is of another form than the one attached to `model`."""
    theirs, ours = read_form(folder), model.adapters[model.active_adapter].form
    differing = [key for key in Form.model_fields if key != "dropout" and getattr(theirs, key) != getattr(ours, key)]
    if differing:
        there, here = (", ".join(f"{key} {_said(getattr(form, key))}" for key in differing) for form in (theirs, ours))
        raise UserError(
            f"this adapter has {there}, and the recipe asks for {here}.",
            where=str(folder / CONFIG),
            do="Write method as it has.",
        )


def _check_header(folder: Path, form: Form) -> None:
    """Compare names, shapes and types before any memory is taken."""
    path, wanted = folder / WEIGHTS, form.shapes()
    if not path.is_file():
        raise _refused(folder, f"it holds no {WEIGHTS}", SAVE_AGAIN)
    found = {tensor.name: tensor for tensor in tensors_of(path)}
    missing, unknown = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    if missing or unknown:
        what = f"{missing[0]} is missing" if missing else f"{unknown[0]} is no weight of its form"
        raise _refused(folder, what, SAVE_AGAIN)
    for name, shape in wanted.items():
        tensor = found[name]
        if tensor.shape != shape or tensor.dtype not in FLOATS:
            what = f"{name} is {tensor.dtype} {list(tensor.shape)}, not numbers of the shape {list(shape)}"
            raise _refused(folder, what, SAVE_AGAIN)


def _fits(tensor: Tensor, dtype: torch.dtype) -> bool:
    return bool(torch.isfinite(tensor.to(dtype)).all())


def _said(value: Any) -> str:
    return f"{len(value)} blocks" if isinstance(value, tuple) else str(value)


def _refused(where: Path, why: str, do: str) -> UserError:
    return UserError(f"this adapter is refused: {why}.", where=str(where), do=do)
