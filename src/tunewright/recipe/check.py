"""Every mistake of a recipe that can be found without loading a model: its keys, its values, its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tunewright.core import catalog
from tunewright.core.errors import UserError
from tunewright.recipe import agree, files
from tunewright.recipe.draft import read_draft
from tunewright.recipe.load import in_order
from tunewright.recipe.mistakes import validate
from tunewright.recipe.recipe import Recipe


def check_recipe(path: Path, *, sets: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Recipe:
    """The recipe of a file or folder, when nothing is wrong with it nor with the files that it names.

    Raises UserError with every mistake, in file order.
    """
    draft = read_draft(path, sets=sets, environment=environment)
    recipe = validate(draft)
    taken = {problem.where for problem in draft.problems}
    looked = [*files.problems(draft, catalog.names), *agree.problems(draft)]
    draft.problems += [found for found in looked if found.where not in taken]
    if recipe is None or draft.problems:
        raise UserError.many(in_order(draft.problems))
    return recipe
