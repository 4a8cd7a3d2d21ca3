"""Which files a recipe names: globs, formats, digests; and the key that decides whether data must be prepared again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tunewright.core import catalog, digest
from tunewright.core.errors import UserError
from tunewright.core.ports import Chat
from tunewright.data.fetch import Fetched
from tunewright.data.rows import SPLITS
from tunewright.recipe import files as named
from tunewright.recipe import remote
from tunewright.recipe.map import MapOptions
from tunewright.recipe.recipe import DataOptions
from tunewright.recipe.sources import SourceOptions, sources_of

LOCAL = Fetched()
"""Where only local files are read."""
PREPARE_VERSION = 5
"""Raised when the same rows and options give another result."""


@dataclass(frozen=True)
class SourceFile:
    """One file: `name` is its path relative to the recipe, with forward slashes; `type` is a source's name or auto.

    Of a remote source `name` is its address, and `path` the copy; a source that the recipe names is called so.
    `weight`: what the loss of its rows is multiplied by.
    """

    path: Path
    name: str
    digest: str
    type: str
    weight: float = 1.0


def dataset_key(
    options: DataOptions,
    chat: Chat,
    *,
    folder: Path,
    loss_on: str,
    parents: Sequence[str] = (),
    fetched: Fetched = LOCAL,
) -> str:
    """Digest of all that the prepared data depend on: files, options, tokenizer, template, and what steps use besides.

    Raises UserError when a file is missing.
    """
    files = find_files(options, folder=folder, fetched=fetched)
    named = {split: [[file.name, file.digest] for file in group] for split, group in files.items()}
    dumped = options.model_dump(mode="json", exclude={"workers", "retention", "rules"})  # rows are the same
    for split in SPLITS:  # when a copy was made is nothing to the rows
        sources = dumped[split] if isinstance(dumped[split], list) else [dumped[split]]
        for source in filter(None, sources):
            del source["refresh"]
    joined = join_digest(options.map, folder)
    return digest.of_json([PREPARE_VERSION, dumped, named, chat.digest, loss_on, *joined, *parents])


def find_files(options: DataOptions, *, folder: Path, fetched: Fetched = LOCAL) -> dict[str, list[SourceFile]]:
    """Files by split, in the order in which their rows stand: by content, so that names of files change nothing.

    Raises UserError when a path or glob has no file, or one cannot be read.
    """
    found: dict[str, list[SourceFile]] = {}
    for split in SPLITS:
        if getattr(options, split) is not None:
            sources = sources_of(getattr(options, split))
            files = [file for source in sources for file in source_files(source, folder, split=split, fetched=fetched)]
            found[split] = sorted(files, key=lambda file: (file.digest, file.name))
    return found


def source_files(source: SourceOptions, folder: Path, *, split: str, fetched: Fetched = LOCAL) -> list[SourceFile]:
    """The files of one source with their digests."""
    if remote.store_of(source.path) is not None:
        copy = fetched.of(source, split)
        files = [SourceFile(copy.path(each), each["shown"], each["sha256"], source.type) for each in copy.files]
    else:
        where = f"data.{split}.path"
        files = [describe(path, folder, kind=source.type, where=where) for path in matches(source, folder, split=split)]
    return [replace(file, name=_called(source, file, alone=len(files) == 1), weight=source.weight) for file in files]


def _called(source: SourceOptions, file: SourceFile, *, alone: bool) -> str:
    """The name of a source's only file is the source's, that of one of several stands behind it."""
    if source.name is None:
        return file.name
    return source.name if alone else f"{source.name}/{file.name}"


def matches(source: SourceOptions, folder: Path, *, split: str) -> list[Path]:
    """Files of a path, glob or folder."""
    files = named.matches(source.path, folder, kind=source.type)
    if not files:
        raise UserError(named.absence(source.path, folder), where=f"data.{split}.path", do=named.WRITE_A_FILE)
    return sorted(files)


def join_digest(options: MapOptions | None, folder: Path) -> list[str]:
    """Digest of the file that columns are joined from, where there is one. Raises UserError."""
    if options is None or options.join is None:
        return []
    return [join_file(options, folder).digest]


def join_file(options: MapOptions, folder: Path) -> SourceFile:
    """The file that columns are joined from. Raises UserError when there is none, or several."""
    where = "data.map.join.path"
    assert options.join is not None
    found = named.matches(options.join.path, folder, kind=options.join.type)
    if len(found) != 1:
        what = named.absence(options.join.path, folder) if not found else f"{len(found):,} files are meant by this."
        raise UserError(what, where=where, do="Name one local file.")
    return describe(found[0], folder, kind=options.join.type, where=where)


def describe(path: Path, folder: Path, *, kind: str, where: str) -> SourceFile:
    """A file with its digest."""
    try:
        content = digest.of_file(path)
    except OSError as error:
        raise UserError(
            f"{os.path.normpath(path)} cannot be read: {error.strerror}.",
            where=where,
            do="Give yourself the right to read it.",
        ) from error
    return SourceFile(path, Path(os.path.relpath(path, folder)).as_posix(), content, kind)


def source_type(file: SourceFile, known: Iterable[str]) -> str:
    """The name of the source that reads a file. Raises UserError when its ending says nothing."""
    names = sorted(known)
    ending = file.path.suffix.lstrip(".").lower()
    wanted = named.ENDINGS.get(ending, ending) if file.type == "auto" else file.type
    if wanted in names:
        return wanted
    if file.type == "auto" and ending in named.PACKED:
        raise UserError(f"{file.name} is packed.", where="data", do="Unpack it, and name what was in it.")
    if file.type == "auto":
        what = f"the format of {file.name} is not known by its ending."
        do = f"Write the source as a mapping with `path` and `type`, one of: {', '.join(names)}."
        raise UserError(what, where="data", do=do)
    raise UserError(f'no source is called "{file.type}".', where="data", do=catalog.nearest(file.type, names))
