"""Data sets of the Hugging Face hub: pinned to a commit, files by split, each checked, a broken download resumed.

`hub:owner/name`, or `hub:owner/name/folder` for the files below a folder (a configuration). Addresses and the token
come from the environment as `huggingface_hub` defines them (HF_ENDPOINT, HF_TOKEN).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from huggingface_hub import HfApi, errors, hf_hub_url
from huggingface_hub.errors import HTTPError  # pyright: ignore[reportPrivateImportUsage]: whichever httpx it uses
from huggingface_hub.file_download import http_get
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import build_hf_headers, tqdm

from tunewright.core.errors import OutsideError, UserError
from tunewright.core.hub_sentences import Asked
from tunewright.core.store import Listing, RemoteFile, Wanted
from tunewright.recipe.options.stores.hub import Options

TIMEOUT_S = 20.0
ADDRESS = re.compile(r"hub:(?P<name>[\w.-]+/[\w.-]+)(?:/(?P<below>[\w./-]+?))?/?")
SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval"),
}
"""Words in file names by split, as the hub itself takes them."""


class Work:
    """Fulfils the port Store."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def settled(self, wanted: Wanted) -> bool:
        """A copy is pinned to its commit."""
        return True

    def list(self, wanted: Wanted) -> Listing:
        """The files of the split at a commit: that of the recipe, else the newest."""
        name, below = parsed(wanted)
        with sentences(name):
            info = HfApi(endpoint=endpoint()).dataset_info(
                name, revision=wanted.revision or None, files_metadata=True, timeout=TIMEOUT_S
            )
        commit = str(info.sha or "")
        if not re.fullmatch(r"[0-9a-f]{40}", commit):
            raise OutsideError("the hub gave no commit for this data set.", where=wanted.url, do="Write `revision`.")
        files = [file for file in info.siblings or [] if _is_rows(file.rfilename, below, wanted.endings)]
        chosen = of_split([file.rfilename for file in files], wanted)
        return Listing(tuple(_described(file, name, commit) for file in files if file.rfilename in chosen), commit)

    def fetch(self, wanted: Wanted, file: RemoteFile, *, part: Path, arrived: Callable[[int, str], None]) -> None:
        """A file from where `part` ends; small ones are checked by git's own digest."""
        name, _below = parsed(wanted)
        url = hf_hub_url(name, file.at, repo_type="dataset", revision=wanted.revision, endpoint=endpoint())
        size = file.size if file.size >= 0 else None
        with sentences(name):
            part.touch()
            with part.open("r+b") as there:
                have = there.seek(0, os.SEEK_END)
                if have != size:
                    bar = _bar(arrived)
                    headers = build_hf_headers()
                    http_get(url, there, resume_size=have, headers=headers, expected_size=size, tqdm_class=bar)
        if not file.sha256 and len(file.stamp) == 40 and _git_digest(part) != file.stamp:
            part.unlink()
            raise OutsideError(
                f"{file.shown} arrived damaged: its digest is not the one that the hub lists.",
                do="Run again to fetch it anew; if it happens twice, the hub or a proxy is at fault.",
                retry="safe",
            )


def endpoint() -> str | None:
    """The hub's address as the environment has it now; None: the library's own."""
    return os.environ.get("HF_ENDPOINT") or None


def parsed(wanted: Wanted) -> tuple[str, str]:
    """Name of the data set, and the folder in it. Raises UserError."""
    found = ADDRESS.fullmatch(wanted.url)
    if found is None:
        raise UserError(f'"{wanted.url}" is no data set of the hub.', where="data", do="Write hub:owner/name.")
    return found["name"], found["below"] or ""


def _is_rows(path: str, below: str, endings: Sequence[str]) -> bool:
    """True for files of rows in the folder; `README.md` and other texts beside them are none."""
    inside = not below or path.startswith(f"{below}/") or path == below
    hidden = any(each.startswith(".") for each in path.split("/"))
    ending = PurePosixPath(path).suffix.lstrip(".").lower()
    prose = ending in ("md", "txt") and "parquet" in endings
    return inside and not hidden and ending in endings and not prose and PurePosixPath(path).name not in NO_ROWS


NO_ROWS = ("dataset_infos.json", "dataset_dict.json", "state.json", "config.json")


def of_split(paths: Sequence[str], wanted: Wanted) -> set[str]:
    """The files of a split by the words in their names; all, where no name says a split and none was asked for.

    Raises UserError with what there is.
    """
    words = SPLITS.get(wanted.split, (wanted.split,))
    found = {path for path in paths if _says(path, words)}
    known = {split for split, names in SPLITS.items() if any(_says(path, names) for path in paths)}
    if not found and wanted.any_split and not known:
        found = set(paths)
    if not found:
        there = f"There is: {', '.join(sorted(known))}." if known else "Name its files by hub:owner/name/folder."
        what = f"rows of the split {wanted.split}" if paths else "files of rows"
        raise UserError(f"the data set has no {what}.", where=wanted.url, do=there)
    return found


def _says(path: str, words: Sequence[str]) -> bool:
    said = re.split(r"[^a-z0-9]+", path.lower())
    return any(word.lower() in said or word == path for word in words)


def _described(file: RepoSibling, name: str, commit: str) -> RemoteFile:
    sha256 = file.lfs.sha256 if file.lfs is not None else ""
    shown = f"hub:{name}/{file.rfilename}"
    stamp = sha256 or file.blob_id or f"{commit}/{file.rfilename}"
    size = file.size if file.size is not None else -1
    return RemoteFile(file.rfilename, shown, stamp, size, sha256, at=file.rfilename)


def _git_digest(path: Path) -> str:
    """SHA-1 of "blob", the length and the content (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects)."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _bar(arrived: Callable[[int, str], None]) -> type:
    """A progress bar class for `huggingface_hub` that shows nothing and says what arrived."""

    class Watched(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            arrived(int(kwargs.get("initial") or 0), "bytes")
            super().__init__(*args, **(kwargs | {"disable": True}))

        def update(self, n: float | None = 1) -> bool | None:
            arrived(int(n or 0), "bytes")
            return super().update(n)

    return Watched


@contextmanager
def sentences(name: str) -> Iterator[None]:
    """Turn errors of the hub's library and of the network into UserError or OutsideError."""
    asked = Asked(
        name,
        "data set",
        form="hub:owner/name",
        instead="name a local file",
        where="data",
        where_revision="data",
    )
    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise asked.forbidden() from error
    except errors.HFValidationError as error:
        raise asked.misnamed() from error
    except errors.HfHubHTTPError as error:
        gated, lost = isinstance(error, errors.GatedRepoError), isinstance(error, errors.RevisionNotFoundError)
        raise asked.refused(error.response.status_code, gated=gated, no_revision=lost) from error
    except (HTTPError, errors.FileMetadataError, errors.XetDownloadError, ConnectionError, TimeoutError) as error:
        raise asked.cut_off(error) from error
    except OSError as error:
        if "Consistency check failed" not in str(error):
            raise
        raise asked.cut_off(error) from error
