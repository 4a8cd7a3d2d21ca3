"""The checklist of a data set: what it must be like before a model is trained on it."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Options, Share, option

Action = Literal["warn", "refuse", "off"]
WARN = "a warning: only you know what the rows are for; write refuse where a run must not start"


class RuleOptions(Options):
    """Nine rules and their limits; each one warns, refuses (exit code 1), or is off."""

    enough_rows: Action = option("warn", "Training rows enough for the method.", why=WARN)
    consistent_format: Action = option("warn", "Conversations have one form (roles, system turn).", why=WARN)
    diversity: Action = option("warn", "Prompts and answers differ from one another.", why=WARN)
    balance: Action = option(
        "warn", "No label and no verdict is much commoner than another, and length does not tell what won.", why=WARN
    )
    deduplicated: Action = option("warn", "No training row stands twice.", why=WARN)
    split_sound: Action = option(
        "warn", "Validation and test have rows, none of which is trained on, and no label that is not.", why=WARN
    )
    label_noise: Action = option("warn", "Equal prompts have equal labels.", why=WARN)
    losses: Action = option("warn", "Few of the rows that were read are lost.", why=WARN)
    lengths: Action = option("warn", "Conversations are neither very short nor very long.", why=WARN)
    least_rows: int | None = option(
        None,
        "Fewest training rows.",
        why="none: 1,000 for adapters and 10,000 where every weight trains (guide S3, dataset size guidelines)",
        unit="rows",
        ge=1,
    )
    most_imbalance: float = option(
        10.0,
        "How many times commoner the commonest label may be than the rarest.",
        why="ours: beyond one to ten a model that never says the rarest label is still right nine times of ten",
        ge=1,
    )
    most_lost: Share = option(
        0.2, "Largest share of read rows that may be lost.", why="ours: a fifth is a different data set", unit="share"
    )
