"""Options of TensorBoard's event files."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Event files that `tensorboard --logdir` shows."""

    type: Literal["tensorboard"] = "tensorboard"
    version: Literal[1] = 1
    folder: str | None = option(
        None,
        "A folder for the files of many runs, each in a folder of its own; relative to the workspace.",
        why="none: `tensorboard/` in the run's folder, so that a run stays together",
        min_length=1,
    )
