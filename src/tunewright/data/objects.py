"""Files that data sets share: equal content lies on the disk once.

`datasets/.objects/<sha256>` and the files of data sets are hard links to one file: a data set is read as if it were
alone, and deleting one takes nothing from another. Where a file system has no links, each keeps its copy.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from pathlib import Path

from tunewright.core import digest
from tunewright.data.seal import digests

OBJECTS = ".objects"
SHARED = frozenset({".parquet", ".safetensors"})
"""What is large; the rest is a few kilobytes, and some of it is rewritten."""


def share(folder: Path, *, objects: Path) -> int:
    """Make the files of a sealed folder one with equal files of other data sets; returns the bytes that this saved."""
    sweep(objects)
    return sum(_shared(folder / name, objects / found) for name, found in digests(folder).items() if _large(name))


def sweep(objects: Path) -> int:
    """Delete what no data set needs any longer; returns the bytes that became free."""
    freed = 0
    for path in sorted(objects.iterdir()) if objects.is_dir() else ():
        state = path.stat()
        if state.st_nlink == 1:
            path.unlink(missing_ok=True)
            freed += state.st_size
    return freed


def stored_bytes(folders: Iterable[Path]) -> tuple[int, int]:
    """Bytes of all files of some folders as they are read, and as they lie on the disk, where shared ones count once.

    Shared with `.objects` alone does not count twice: that is the other name of the same file.
    """
    states = [path.stat() for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    once = {(state.st_dev, state.st_ino): state.st_size for state in states}
    return sum(state.st_size for state in states), sum(once.values())


def _large(name: str) -> bool:
    return Path(name).suffix in SHARED


def _shared(file: Path, stored: Path) -> int:
    """Link one file to the stored one, or store it where there is none that is whole."""
    if stored.is_file() and digest.of_file(stored) == stored.name:
        return file.stat().st_size if _linked(stored, file) else 0
    stored.parent.mkdir(exist_ok=True)
    _linked(file, stored)
    return 0


def _linked(whole: Path, place: Path) -> bool:
    """Give a whole file a second name in one step; False where the file system cannot."""
    temporary = place.with_name(f".{place.name[:24]}.{uuid.uuid4().hex}")
    try:
        os.link(whole, temporary)
    except OSError:
        return False
    temporary.replace(place)
    temporary.unlink(missing_ok=True)  # two names of one file: the rename does nothing
    return True
