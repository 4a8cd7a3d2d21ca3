"""A data set's files carry their digests, so that a flipped bit is found before it is trained on."""

from __future__ import annotations

import json
from pathlib import Path

from tunewright.core import digest
from tunewright.core.errors import OutsideError
from tunewright.core.workspace import write_json

SEAL = "digests.json"


def seal(folder: Path) -> None:
    """Write the digest of every file in a finished folder."""
    write_json(folder / SEAL, {path.name: digest.of_file(path) for path in sorted(folder.iterdir())})


def digests(folder: Path) -> dict[str, str]:
    """The digest of every file by name, as it was written. Raises OutsideError when the list is damaged."""
    try:
        found = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise damaged(folder / SEAL) from error
    if not isinstance(found, dict):
        raise damaged(folder / SEAL)
    return {str(name): str(value) for name, value in found.items()}


def check_seal(folder: Path) -> None:
    """Compare every file with the digest that was written with it. Raises OutsideError that names the damaged one."""
    for name, wanted in digests(folder).items():
        if not (folder / name).is_file() or digest.of_file(folder / name) != wanted:
            raise damaged(folder / name)


def damaged(path: Path) -> OutsideError:
    """The sentence for a file that is not what was written."""
    return OutsideError(
        "this file is damaged.", where=str(path), do="Delete its folder and run the `data` command again."
    )
