"""A model of the hub: pinned to a commit, no file that can run code, every file checked, a broken download resumed.

Addresses and the token come from the environment as `huggingface_hub` defines them (HF_ENDPOINT, HF_TOKEN).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.hf_api import RepoSibling

from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import Emit, Note, Progress
from tunewright.core.workspace import Workspace, publish, sync_tree, write_json
from tunewright.models.cache import waiting_lock
from tunewright.models.config import check_config
from tunewright.models.hub_errors import hub_sentences
from tunewright.models.hub_files import continue_download, matches, watched_bar

SETTINGS = frozenset(
    {
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "chat_template.jinja",
        "chat_template.json",
        "vocab.json",
        "vocab.txt",
        "merges.txt",
        "model.safetensors.index.json",
    }
)
SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
WHOLE = "model.safetensors"
TIMEOUT_S = 20.0


@dataclass(frozen=True)
class HubSource:
    """Which model, at which commit (None: the newest, looked up once), at which address (None: the library's own)."""

    name: str
    revision: str | None = None
    endpoint: str | None = None


@dataclass(frozen=True)
class HubModel:
    """A downloaded model folder and its commit."""

    path: Path
    commit: str


def fetch(source: HubSource, workspace: Workspace, *, emit: Emit) -> HubModel:
    """The model folder of a hub name in the workspace cache; nothing is asked of the network when it is there already.

    Raises UserError where the name, the right or the format is wrong, OutsideError where the network or the hub fails.
    """
    place = workspace.cache / "hub" / source.name.replace("/", "--")
    with hub_sentences(source.name, source.endpoint):
        commit = source.revision or _pinned(source, place / "commit.json", emit)
        target = place / commit
        if not target.is_dir():
            with waiting_lock(target, emit=emit):
                if not target.is_dir():
                    _download(source, target, emit)
    return HubModel(target, commit)


def _pinned(source: HubSource, memory: Path, emit: Emit) -> str:
    """The commit that `main` was when this workspace first asked; a second run never gets another model in silence."""
    if memory.is_file():
        known = json.loads(memory.read_text(encoding="utf-8"))
        if known.get("endpoint") == source.endpoint:
            return str(known["commit"])
    commit = HfApi(endpoint=source.endpoint).model_info(source.name, timeout=TIMEOUT_S).sha
    if not commit or not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise OutsideError("the hub gave no commit for this model.", where=source.name, do="Write model.revision.")
    write_json(memory, {"endpoint": source.endpoint, "commit": commit})
    emit(Note(text=f"{source.name} is pinned to commit {commit} (model.revision overrides it)."))
    return commit


def _download(source: HubSource, target: Path, emit: Emit) -> None:
    api = HfApi(endpoint=source.endpoint)
    info = api.model_info(source.name, revision=target.name, files_metadata=True, timeout=TIMEOUT_S)
    settings, weights = wanted(info.siblings or [], source.name)
    partial = target.with_name(f".{target.name}.partial")  # stays after a broken download: the next one goes on from it
    partial.mkdir(parents=True, exist_ok=True)
    total = sum(file.size or 0 for file in [*settings, *weights])
    _check_space(partial, total, source.name)
    done = 0
    for file in settings:
        _one(source, file, partial, bar=watched_bar(emit, done, total=total))
        done += file.size or 0
    check_config(partial)
    for file in weights:
        _one(source, file, partial, bar=watched_bar(emit, done, total=total))
        done += file.size or 0
    emit(Progress(stage="download", done=done, total=total, unit="bytes"))
    sync_tree(partial)
    publish(partial, target)


def wanted(files: Sequence[RepoSibling], name: str) -> tuple[list[RepoSibling], list[RepoSibling]]:
    """The settings and the weight files that are fetched, of all files of a repository.

    Raises UserError when there are no safetensors weights.
    """
    settings = [file for file in files if file.rfilename in SETTINGS]
    whole = [file for file in files if file.rfilename == WHOLE]
    weights = whole or [file for file in files if SHARD.fullmatch(file.rfilename)]
    if not weights:
        pickles = any(file.rfilename.endswith((".bin", ".pt", ".pth", ".pkl")) for file in files)
        kind = "only pickle weights, which can run code and are never read" if pickles else "no weights as safetensors"
        raise UserError(f"{name} has {kind}.", where="model.name", do="Choose a model that comes as safetensors.")
    return settings, weights


def _check_space(folder: Path, needed_bytes: int, name: str) -> None:
    free = shutil.disk_usage(folder).free
    if needed_bytes > free:
        raise OutsideError(
            f"{name} needs {needed_bytes / 1e9:.1f} GB and {free / 1e9:.1f} GB are free.",
            where=str(folder),
            do="Free some space, or set TUNEWRIGHT_HOME to a larger disk.",
            retry="safe",
        )


def _one(source: HubSource, file: RepoSibling, folder: Path, *, bar: type) -> None:
    """Fetch one file, or go on with it, and check it against the digest that the hub lists."""
    path = folder / file.rfilename
    if path.is_file() and matches(path, file):
        return
    part = folder / f"{file.rfilename}.part"
    commit = folder.name.removeprefix(".").removesuffix(".partial")
    continue_download(
        hf_hub_url(source.name, file.rfilename, revision=commit, endpoint=source.endpoint), file, part=part, bar=bar
    )
    if not matches(part, file):
        part.unlink()
        raise OutsideError(
            f"{file.rfilename} arrived damaged: its digest is not the one that the hub lists.",
            where=source.name,
            do="Run again to fetch it anew; if it happens twice, the hub or a proxy on the way is at fault.",
            retry="safe",
        )
    part.rename(path)
