"""Options of Weights & Biases."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """A run of Weights & Biases; who you are is told by WANDB_API_KEY or `wandb login`."""

    type: Literal["wandb"] = "wandb"
    version: Literal[1] = 1
    project: str = option("tunewright", "The project.", why="one place for the runs of all recipes", min_length=1)
    entity: str | None = option(None, "The team or user.", why="none: that of your login", min_length=1)
    mode: Literal["offline", "online"] = option(
        "offline",
        "offline: files in the run's folder, which `wandb sync` sends; online: sent as the run goes on.",
        why="offline: nothing leaves this machine unless you ask for it",
    )
    url: str | None = option(
        None, "Address of a server of your own; online only.", why="none: the makers' cloud", min_length=1
    )
