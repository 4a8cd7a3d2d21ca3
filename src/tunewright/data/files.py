"""Which files a recipe names: globs, formats, digests; and the key that decides whether data must be prepared again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewright.core import catalog, digest
from tunewright.core.errors import UserError
from tunewright.core.ports import Chat
from tunewright.data.rows import SPLITS
from tunewright.recipe import files as named
from tunewright.recipe.recipe import DataOptions, SourceOptions

PREPARE_VERSION = 4
"""Raised when the same rows and options give another result."""


@dataclass(frozen=True)
class SourceFile:
    """One file: `name` is its path relative to the recipe, with forward slashes; `type` is a source's name or auto."""

    path: Path
    name: str
    digest: str
    type: str


def dataset_key(options: DataOptions, chat: Chat, *, folder: Path, loss_on: str, parents: Sequence[str] = ()) -> str:
    """Digest of all that the prepared data depend on: files, options, tokenizer, template, and what steps use besides.

    Raises UserError when a file is missing.
    """
    files = find_files(options, folder=folder)
    named = {split: [[file.name, file.digest] for file in group] for split, group in files.items()}
    dumped = options.model_dump(mode="json", exclude={"workers"})  # as many as there are, the rows are the same
    return digest.of_json([PREPARE_VERSION, dumped, named, chat.digest, loss_on, *parents])


def find_files(options: DataOptions, *, folder: Path) -> dict[str, list[SourceFile]]:
    """Files by split, in the order in which their rows stand: by content, so that names of files change nothing.

    Raises UserError when a path or glob has no file, or one cannot be read.
    """
    given: dict[str, SourceOptions | None] = {split: getattr(options, split) for split in SPLITS}
    return {
        split: sorted(source_files(source, folder, split=split), key=lambda file: (file.digest, file.name))
        for split, source in given.items()
        if source is not None
    }


def source_files(source: SourceOptions, folder: Path, *, split: str) -> list[SourceFile]:
    """The files of one split with their digests."""
    where = f"data.{split}.path"
    return [describe(path, folder, kind=source.type, where=where) for path in matches(source, folder, split=split)]


def matches(source: SourceOptions, folder: Path, *, split: str) -> list[Path]:
    """Files of a path or glob."""
    files = named.matches(source.path, folder)
    if not files:
        raise UserError(named.absence(source.path, folder), where=f"data.{split}.path", do=named.WRITE_A_FILE)
    return sorted(files)


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
    if file.type == "auto":
        what = f"the format of {file.name} is not known by its ending."
        raise UserError(what, where="data", do=f"Write the source as a mapping with `path` and `type: {names[0]}`.")
    raise UserError(f'no source is called "{file.type}".', where="data", do=catalog.nearest(file.type, names))
