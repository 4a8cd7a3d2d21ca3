"""A GGUF file becomes a safetensors folder in the workspace cache, once, in a child process, so no torch here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import Emit, Note
from tunewright.core.workspace import Workspace, new_folder
from tunewright.models.cache import drop_leftovers, file_digest, waiting_lock
from tunewright.models.weights import tensors_digest, weight_files

VERSION = 2
"""Raised when the conversion's result changes, so that old folders are not taken for new ones."""
MAGIC = b"GGUF"
NOT_WANTED = 2
"""Exit status of the child when the file itself is the mistake; standard error is then one sentence."""


def converted(gguf: Path, workspace: Workspace, *, emit: Emit, tensors: str | None = None) -> Path:
    """The folder made from a GGUF file: bf16 safetensors, config, tokenizer, chat template.

    `tensors` is the digest that the result must have, where it is known. Two processes at once make one folder.
    Raises UserError for a file that is no usable GGUF, OutsideError when the conversion fails or gives other tensors.
    """
    with gguf.open("rb") as file:
        if file.read(4) != MAGIC:
            raise UserError(
                "this is not a GGUF file.", where=str(gguf), do="Give a whole .gguf file or a model folder."
            )
    target = workspace.cache / "models" / f"{file_digest(gguf, workspace)}-{VERSION}"
    if target.is_dir():
        return target
    with waiting_lock(target, emit=emit):
        if not target.is_dir():
            drop_leftovers(target)
            emit(Note(text=f"Converting {gguf.name} to safetensors, once (about 20 seconds)."))
            with new_folder(target) as folder:
                _run_child(gguf, folder)
                _check(folder, gguf, tensors)
    return target


def _run_child(gguf: Path, folder: Path) -> None:
    command = [sys.executable, "-P", "-m", "tunewright.models.convert", str(gguf), str(folder)]
    quiet = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **quiet}, check=False)
    last = (done.stderr.strip().splitlines() or ["it left no message"])[-1]
    if done.returncode == NOT_WANTED:
        raise UserError(last, where=str(gguf), do="Use another file, or the original model folder.")
    if done.returncode != 0:
        raise OutsideError(
            f"the conversion to safetensors stopped with status {done.returncode}: {last}",
            where=str(gguf),
            do="Check free memory and disk (about six times the file), then run again.",
            retry="safe",
        )


def _check(folder: Path, gguf: Path, tensors: str | None) -> None:
    found = tensors_digest(weight_files(folder))
    if tensors is not None and found != tensors:
        raise OutsideError(
            f"the conversion gave other weights than expected (digest {found[:12]}, expected {tensors[:12]}).",
            where=str(gguf),
            do="Install the versions of torch, transformers and gguf that constraints.txt names.",
        )
