"""Files of the hub: their digests, and progress as events in place of a bar."""

from __future__ import annotations

import hashlib
from os import SEEK_END
from pathlib import Path
from typing import Any

from huggingface_hub.file_download import http_get
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import build_hf_headers, tqdm

from tunewright.core import digest
from tunewright.core.events import Emit, Progress

STEP_BYTES = 16 << 20


def matches(path: Path, file: RepoSibling) -> bool:
    """True when a file is what the hub lists: SHA-256 for large files, git's own digest for small ones, else the size.

    Git's: SHA-1 of "blob", the length and the content (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects).
    """
    if file.size is not None and path.stat().st_size != file.size:
        return False
    if file.lfs is not None:
        return digest.of_file(path) == file.lfs.sha256
    if file.blob_id:
        content = path.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == file.blob_id
    return True


def continue_download(url: str, file: RepoSibling, *, part: Path, bar: type) -> None:
    """Fetch a file into `part`, from where an earlier try broke off; up to 10 MB (one block) of that try are lost.

    `hf_hub_download` would begin anew: since 1.0 it deletes what it has when the connection breaks.
    """
    part.touch()
    if file.size is not None and part.stat().st_size > file.size:
        part.unlink()
        part.touch()
    with part.open("r+b") as there:
        have = there.seek(0, SEEK_END)
        http_get(url, there, resume_size=have, headers=build_hf_headers(), expected_size=file.size, tqdm_class=bar)


def watched_bar(emit: Emit, before: int, *, total: int) -> type:
    """A progress bar class for `huggingface_hub` that shows nothing and emits an event each 16 MiB."""

    class Watched(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.arrived = int(kwargs.get("initial") or 0)
            self.told = self.arrived
            super().__init__(*args, **(kwargs | {"disable": True}))

        def update(self, n: float | None = 1) -> bool | None:
            self.arrived += int(n or 0)
            if self.arrived - self.told >= STEP_BYTES:
                self.told = self.arrived
                emit(Progress(stage="download", done=before + self.arrived, total=total, unit="bytes"))
            return super().update(n)

    return Watched
