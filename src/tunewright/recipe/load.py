"""A recipe file as a Recipe, or every mistake in it as one sentence with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tunewright.core.errors import Problem, UserError
from tunewright.recipe.draft import read_draft
from tunewright.recipe.mistakes import validate
from tunewright.recipe.recipe import Recipe


def load_recipe(path: Path, *, sets: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Recipe:
    """The recipe in a file, or in `recipe.yaml` of a folder, with `sets` ("training.epochs=2") put over it.

    `environment` is read only where the recipe says `${NAME}`; None means the process's own.
    Raises UserError with every mistake found, in file order.
    """
    draft = read_draft(path, sets=sets, environment=environment)
    recipe = validate(draft)
    if recipe is None or draft.problems:
        raise UserError.many(in_order(draft.problems))
    return recipe


def in_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Problems by line, each once; those of `--set` last."""
    return tuple(sorted(dict.fromkeys(problems), key=_line))


def _line(problem: Problem) -> int:
    found = re.search(r":(\d+)(?::|$)", problem.where)
    return int(found.group(1)) if found and not problem.where.startswith("--set") else 1 << 30
