"""Reads a package file in place: only members that were asked for by name, nothing unpacked, nothing run.

A member is read whole into memory, at most `LARGEST_MEMBER_BYTES` of it, whatever the archive says about its size.
"""

from __future__ import annotations

import csv
import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from tunewright.core import digest
from tunewright.data.sources.jsonl import parse
from tunewright.evaluate.archives.package import Archive, ArchiveSet, Record
from tunewright.evaluate.suite import NotMeasured

LARGEST_MEMBER_BYTES = 64 * 2**20
"""Six times the largest member that a known set has: a file of bombs is refused before it fills the memory."""
ZIPS = (".whl", ".zip")
TARS = (".tar.gz", ".tgz", ".tar")
BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, EOFError, OSError, ValueError, OverflowError,
    RuntimeError,
)  # fmt: skip
"""What the standard library raises for an archive that is damaged, encrypted or of a form that it does not know."""


class Opened(Protocol):
    """A package file that is open for reading."""

    def member(self, name: str) -> IO[bytes]:
        """One member as a stream. Raises KeyError where there is none of that name that is a plain file."""
        ...


class _Zip:
    """A wheel or another zip file."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file

    def member(self, name: str) -> IO[bytes]:
        if self._file.getinfo(name).is_dir():
            raise KeyError(name)
        return self._file.open(name)


class _Tar:
    """A source archive. Links are no members: they may point anywhere."""

    def __init__(self, file: tarfile.TarFile) -> None:
        self._file = file

    def member(self, name: str) -> IO[bytes]:
        found = self._file.getmember(name)
        stream = self._file.extractfile(found) if found.isreg() else None
        if stream is None:
            raise KeyError(name)
        return stream


def check_digest(folder: Path, archive: Archive) -> Path:
    """The package file in its folder, once its SHA-256 is the catalogue's. Raises NotMeasured with what to do."""
    path = folder / archive.file
    again = f"fetch it again with: tunewright suites fetch {archive.name}"
    if not path.is_file():
        raise NotMeasured(f"the archive {archive.name} is not in {folder}; {again}")
    if digest.of_file(path) != archive.sha256:
        raise NotMeasured(f"{path} is not the file that the catalogue knows: its SHA-256 is another one; {again}")
    return path


def records(path: Path, found: ArchiveSet) -> Iterator[Record]:
    """What a set's members hold, in order: JSON Lines and CSV by row, text by line, JSON and XML whole.

    Raises NotMeasured where the file is no archive, lacks a member, or a member cannot be read.
    """
    with opened(path) as package:
        for name in found.members:
            yield from _records(name, read_member(package, name, where=path))


@contextmanager
def opened(path: Path) -> Generator[Opened]:
    """A package file. Raises NotMeasured when it is neither a zip nor a tar file."""
    try:
        if path.name.endswith(ZIPS):
            with zipfile.ZipFile(path) as file:
                yield _Zip(file)
            return
        if path.name.endswith(TARS):
            with tarfile.open(path) as file:
                yield _Tar(file)
            return
    except BROKEN as error:
        raise NotMeasured(f"{path} cannot be read as an archive: {error}") from error
    raise NotMeasured(f"{path} is neither a zip nor a tar file by its name")


def read_member(package: Opened, name: str, *, where: Path) -> bytes:
    """The bytes of one member. Raises NotMeasured for a path that leaves the archive, a missing or a huge member."""
    if not is_inside(name):
        raise NotMeasured(f"{name!r} is no path inside {where}")
    try:
        with package.member(name) as stream:
            content = stream.read(LARGEST_MEMBER_BYTES + 1)
    except (KeyError, *BROKEN) as error:
        raise NotMeasured(f"{where} holds no member {name} that can be read") from error
    if len(content) > LARGEST_MEMBER_BYTES:
        raise NotMeasured(f"{name} in {where} is larger than {LARGEST_MEMBER_BYTES:,} bytes")
    return content


def is_inside(name: str) -> bool:
    """True for a relative path without steps upwards, as archives write them."""
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\\" not in name and "\0" not in name


def _records(name: str, content: bytes) -> Iterator[Record]:
    if name.endswith(".jsonl"):
        yield from _json_lines(name, content)
        return
    try:
        text = content.decode("utf-8-sig")
        if name.endswith(".csv"):
            yield from _table(name, text)
        elif name.endswith(".json"):
            yield Record(name, 1, json.loads(text))
        elif name.endswith(".txt"):
            yield from _lines(name, text)
        else:
            yield Record(name, 1, text)
    except (ValueError, csv.Error, RecursionError) as error:
        raise NotMeasured(f"{name} cannot be read: {error}") from error


def _json_lines(name: str, content: bytes) -> Iterator[Record]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        row = parse(number, line)
        if row.value is None:
            raise NotMeasured(f"line {number} of {name} cannot be read: {row.problem}")
        yield Record(name, number, row.value)


def _table(name: str, text: str) -> Iterator[Record]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    for row in reader:
        yield Record(name, reader.line_num, row)


def _lines(name: str, text: str) -> Iterator[Record]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield Record(name, number, line.strip())
