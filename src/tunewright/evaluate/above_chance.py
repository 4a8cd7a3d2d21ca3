"""Which tasks a model can do at all: a task at chance can be forgotten by nobody, so it counts for nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from scipy.stats import binomtest

from tunewright.core.answers import AnsweredRow

CONFIDENCE = 0.95


def counted_tasks(base_rows: Sequence[AnsweredRow]) -> tuple[set[str], dict[str, str]]:
    """The tasks that count, and for each of the others a sentence that says why it does not.

    A task is `details["attribute"]` of its rows. It counts where the lower bound of the base model's share of right
    answers is above chance: the exact two-sided 95 % interval (Clopper and Pearson, Biometrika 26, 1934). Chance is the
    mean of 1 / number of choices over its rows. Rows without a task or without choices are passed over.
    """
    tasks: dict[str, list[AnsweredRow]] = defaultdict(list)
    for row in base_rows:
        if "attribute" in row.row.details and row.row.details.get("choices"):
            tasks[row.row.details["attribute"]].append(row)
    verdicts = {task: _verdict(task, rows) for task, rows in sorted(tasks.items())}
    dropped = {task: why for task, why in verdicts.items() if why}
    return set(tasks) - set(dropped), dropped


def _verdict(task: str, rows: Sequence[AnsweredRow]) -> str:
    """Why a task does not count; empty where it does."""
    right = sum(row.predicted is not None and row.predicted == row.row.label for row in rows)
    chance = sum(1 / len(row.row.details.get("choices", ())) for row in rows) / len(rows)
    low = float(binomtest(right, len(rows)).proportion_ci(CONFIDENCE, method="exact").low)
    if low > chance:
        return ""
    return (
        f"{task} does not count: the base model answers {right} of {len(rows)} right, and the lower bound of that "
        f"share ({low:.1%}) is not above chance ({chance:.1%})."
    )
