"""The work behind `tunewright models push`: a version, its card and its bill of materials to a hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub.utils import disable_progress_bars

from tunewright.app import models
from tunewright.app.models import BOM, CARD
from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.workspace import Workspace
from tunewright.models.card.bom import bom
from tunewright.models.card.markdown import card
from tunewright.models.push import (
    ADAPTER_CONFIG,
    Hub,
    Pushed,
    checked_name,
    checked_token,
    contents,
    look,
    send,
    size_of,
    with_base,
)

WEIGHTS = (".safetensors", ".gguf")


@dataclass(frozen=True)
class Parcel:
    """What would be sent: contents by their path in the repository, and what was left here."""

    title: str
    repository: str
    files: Mapping[str, Path | bytes]
    left: tuple[str, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes by path."""
        return {name: size_of(content) for name, content in self.files.items()}


def parcel(workspace: Workspace, name: str, *, repository: str) -> Parcel:
    """Everything that a push of a model sends, made anew from its records. Raises UserError for an unknown model."""
    story = models.show(workspace, name)
    files = contents(story.folder, story.files)
    if not any(each.endswith(WEIGHTS) for each in files):
        raise UserError(
            "this model's folder holds no weights.", where=str(story.folder), do="Train or export it again."
        )
    if ADAPTER_CONFIG in files and story.hub_base is not None:
        config = files[ADAPTER_CONFIG]
        assert isinstance(config, bytes)
        files[ADAPTER_CONFIG] = with_base(config, name=story.hub_base[0], commit=story.hub_base[1])
    left = tuple(each for each in story.files if each not in files)
    files[CARD] = card(story, place=checked_name(repository)).encode()
    hashes = {each: _digest(content) for each, content in files.items()}
    files[BOM] = (json.dumps(bom(story, hashes=hashes), indent=1) + "\n").encode()
    return Parcel(story.title, repository, dict(sorted(files.items())), left)


def push(sent: Parcel, environment: Mapping[str, str], *, public: bool) -> Pushed:
    """Send a parcel. The token comes from HF_TOKEN, the address from HF_ENDPOINT."""
    hub = Hub(environment.get("HF_ENDPOINT") or None, checked_token(environment.get("HF_TOKEN")))
    return send(hub, sent.repository, files=sent.files, public=public, message=f"{sent.title}, by tunewright")


def rehearse(sent: Parcel, environment: Mapping[str, str], *, public: bool) -> Pushed:
    """What a push would do; the hub is only asked what it holds, and not at all without a token."""
    known = None
    if environment.get("HF_TOKEN"):
        hub = Hub(environment.get("HF_ENDPOINT") or None, checked_token(environment.get("HF_TOKEN")))
        known = look(hub, sent.repository, names=sent.files, public=public)
    return Pushed(sent.repository, sent.sizes, public, known is None)


def hide_bars() -> None:
    """Show no progress of uploads in this process from now on."""
    disable_progress_bars()


def _digest(content: Path | bytes) -> str:
    return digest.of_bytes(content) if isinstance(content, bytes) else digest.of_file(content)
