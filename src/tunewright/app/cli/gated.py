"""Ends a verb with exit code 1 when a gate of the recipe is not met, after its results were shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from tunewright.app.cli.late import Late
from tunewright.core.errors import EXIT_GATE, LimitNotMet

gates = Late("tunewright.evaluate.gates")


def refuse(judged: Sequence[tuple[Any, Any]], *, as_json: bool) -> None:
    """Raise LimitNotMet with every gate that is not met; `judged` holds verdicts with their evaluations.

    With `as_json` the document that was written says which: the command ends with 1 and writes no second one.
    """
    problems = tuple(problem for verdict, evaluation in judged for problem in gates.problems(verdict, evaluation))
    if problems and as_json:
        raise click.exceptions.Exit(EXIT_GATE)
    if problems:
        error = LimitNotMet(problems[0].what, where=problems[0].where, do=problems[0].do)
        error.problems = problems
        raise error
