"""The weights of the best validation, kept beside the checkpoints until the run ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tunewright.core.workspace import new_folder


class BestStore:
    """`best/step-00000040/`: what the method saves. Older ones stay until a checkpoint knows the newer one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, step: int) -> Path:
        """Where the weights of a step lie, or would."""
        return self.folder / f"step-{step:08d}"

    def save(self, step: int, write_model: Callable[[Path], None]) -> None:
        """Keep the weights of a step. Raises OutsideError when the disk is full."""
        shutil.rmtree(self.path(step), ignore_errors=True)  # of a broken try, perhaps with other ranks' rounding
        with new_folder(self.path(step)) as temporary:
            write_model(temporary)

    def forget_but(self, step: int) -> None:
        """Let go of all but one; call it when a checkpoint that names `step` is safe."""
        for path in self.folder.glob("step-*"):
            if path != self.path(step):
                shutil.rmtree(path)
