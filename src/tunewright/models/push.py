"""A model version to a hub: which files, as what, and how. Nothing is sent that is not on the list below.

The files of a version hold weights, settings and tokenizer; no texts of rows. Records with paths of this machine
(`version.json`, `tunewright.json`) stay here, and settings lose what they say of places.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.hf_api import ModelInfo

from tunewright.core.errors import UserError
from tunewright.models.find import HUB_NAME
from tunewright.models.push_errors import push_sentences

ADAPTER_CONFIG = "adapter_config.json"
SETTINGS = (ADAPTER_CONFIG, "config.json", "generation_config.json", "tokenizer_config.json")
"""Files in which libraries write down where something lay."""
SENT = (
    r"adapter_model\.safetensors",
    r"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?",
    r"model\.gguf",
    r"Modelfile",
    r"adapter_config\.json",
    r"bottleneck_config\.json",
    r"under\.safetensors",
    r"head/head\.(safetensors|json)",
    r"(generation_|preprocessor_)?config\.json",
    r"tokenizer(_config)?\.json",
    r"(special_tokens_map|added_tokens|vocab)\.json",
    r"(merges|vocab)\.txt",
    r"chat_template\.(jinja|json)",
    r"proof\.json",
)
"""What may leave this machine, as patterns of whole paths within a version's folder."""
OF_ANY_REPOSITORY = ".gitattributes"
MARK = "bom.cdx.json"
"""A repository that holds it was written by an earlier push."""
TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Hub:
    """A hub's address (None: the library's own), and a token for it, which nothing shows."""

    endpoint: str | None
    token: str = field(repr=False)

    @property
    def api(self) -> HfApi:
        """The library's client."""
        return HfApi(endpoint=self.endpoint, token=self.token)


@dataclass(frozen=True)
class Pushed:
    """What was sent. `address`: where it is; empty where it was only looked at."""

    repository: str
    files: Mapping[str, int]
    public: bool
    new: bool
    address: str = ""


def checked_token(token: str | None) -> str:
    """A token as the environment has it. Raises UserError where there is none, or it can be none."""
    do = "Set HF_TOKEN to a token of yours that may write; it is read from the environment only."
    if not token:
        raise UserError("a push needs a token, and there is none.", where="HF_TOKEN", do=do)
    if not re.fullmatch(r"[!-~]+", token):  # a header with a line break would be shown in an error
        raise UserError("this is no token: it holds spaces, line breaks or other signs.", where="HF_TOKEN", do=do)
    return token


def checked_name(repository: str) -> str:
    """A repository's name. Raises UserError for another form."""
    if not HUB_NAME.fullmatch(repository):
        raise UserError(f'"{repository}" is no name of a repository.', where="REPO", do="Write organisation/name.")
    return repository


def contents(folder: Path, names: Iterable[str]) -> dict[str, Path | bytes]:
    """What is sent of a version's folder, by its path in the repository: files, or bytes that replace them."""
    chosen = [name for name in names if any(re.fullmatch(pattern, name) for pattern in SENT)]
    found: dict[str, Path | bytes] = {name: folder / name for name in sorted(chosen)}
    for name in SETTINGS:
        if name in found:
            found[name] = _without_paths((folder / name).read_bytes())
    return found


def _without_paths(content: bytes) -> bytes:
    """Settings without folders of this machine, such as that of an adapter's base; the same bytes where none is."""
    said = json.loads(content)
    kept = {key: None if isinstance(value, str) and _is_path(value) else value for key, value in said.items()}
    return content if kept == said else (json.dumps(kept, indent=2, sort_keys=True) + "\n").encode()


def _is_path(text: str) -> bool:
    return text.startswith(("/", "~", "./", "../")) or bool(re.match(r"[A-Za-z]:\\", text))


def with_base(config: bytes, *, name: str, commit: str) -> bytes:
    """An adapter's settings with the hub name and commit of its base, so that others find it."""
    said = json.loads(config) | {"base_model_name_or_path": name, "revision": commit}
    return (json.dumps(said, indent=2, sort_keys=True) + "\n").encode()


def size_of(content: Path | bytes) -> int:
    """Bytes."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def look(hub: Hub, repository: str, *, names: Iterable[str], public: bool) -> ModelInfo | None:
    """The repository as it is, None where there is none yet.

    Raises UserError where it holds other content than an earlier push of these files, or where others could read what
    was not meant for them; for a wrong token, too.
    """
    with push_sentences(repository, hub.endpoint):
        hub.api.whoami()
        try:
            info = hub.api.model_info(repository, timeout=TIMEOUT_S)
        except RepositoryNotFoundError:
            return None
    there = {file.rfilename for file in info.siblings or []} - {OF_ANY_REPOSITORY}
    other = sorted(there if MARK not in there else there - set(names))
    if other:
        some = ", ".join(other[:5]) + (", ..." if len(other) > 5 else "")
        raise UserError(
            f"the repository {repository} holds other content already: {some}.",
            where="REPO",
            do="Choose another name, or empty it first; nothing of others is replaced.",
        )
    if not info.private and not public:
        raise UserError(
            f"the repository {repository} is public, and this push is private.",
            where="REPO",
            do="Write --public if everybody may read it, or make the repository private on its page.",
        )
    return info


def send(hub: Hub, repository: str, *, files: Mapping[str, Path | bytes], public: bool, message: str) -> Pushed:
    """Send files as one commit; make the repository where there is none. Raises as `look` does."""
    known = look(hub, repository, names=files, public=public)
    operations = [CommitOperationAdd(name, content) for name, content in files.items()]
    with push_sentences(repository, hub.endpoint):
        if known is None:
            hub.api.create_repo(repository, repo_type="model", private=not public)
        done = hub.api.create_commit(
            repository,
            operations=operations,
            commit_message=message,
            repo_type="model",
            parent_commit=known.sha if known else None,
        )
    sizes = {name: size_of(content) for name, content in files.items()}
    return Pushed(repository, sizes, public, known is None, done.commit_url)
