"""Ends a verb with exit code 1 when a gate of the recipe is not met, after its results were shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunewright.app.cli.late import Late
from tunewright.core.errors import LimitNotMet

gates = Late("tunewright.evaluate.gates")


def refuse(judged: Sequence[tuple[Any, Any]]) -> None:
    """Raise LimitNotMet with every gate that is not met; `judged` holds verdicts with their evaluations."""
    problems = tuple(problem for verdict, evaluation in judged for problem in gates.problems(verdict, evaluation))
    if problems:
        error = LimitNotMet(problems[0].what, where=problems[0].where, do=problems[0].do)
        error.problems = problems
        raise error
