"""The port of stores: where remote sources lie, and what a fetch is told of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True)
class Wanted:
    """What is fetched from a remote source: its address, and what the recipe says of it.

    `folder`: what local addresses are relative to. `endings`: of the files that are taken where the address is a
    folder. `split` and `any_split`: of a hub data set, and whether one without splits is taken whole.
    """

    url: str
    folder: Path
    endings: tuple[str, ...] = ()
    query: str = ""
    table: str = ""
    split: str = ""
    any_split: bool = False
    revision: str = ""
    storage: Mapping[str, Any] = field(default_factory=dict[str, Any])


class RemoteFile(NamedTuple):
    """A file of a store: `name` is its place in the copy, `shown` its address for people.

    `stamp` changes when the content does; empty where the store tells nothing. `size` in bytes and `sha256` are -1 and
    empty where they are unknown. `at`: what the store itself calls it.
    """

    name: str
    shown: str
    stamp: str = ""
    size: int = -1
    sha256: str = ""
    at: str = ""


class Listing(NamedTuple):
    """The files of a remote source, and the revision that they belong to, where there is one."""

    files: tuple[RemoteFile, ...]
    revision: str = ""


class Store(Protocol):
    """Where remote sources lie. What is fetched is a file from then on; memory does not grow with it.

    Raises UserError for what the recipe says wrongly, OutsideError where the world fails; neither shows a secret.
    """

    def settled(self, wanted: Wanted) -> bool:
        """True when a copy stays as it is until it is asked for anew, so that the store need not be asked."""
        ...

    def list(self, wanted: Wanted) -> Listing:
        """The files behind an address, at least one."""
        ...

    def fetch(self, wanted: Wanted, file: RemoteFile, *, part: Path, arrived: Callable[[int, str], None]) -> None:
        """Write a file to `part`, going on where it ends when it is there; `arrived` is told how much of what there is.

        `wanted` has the revision of the listing.
        """
        ...
