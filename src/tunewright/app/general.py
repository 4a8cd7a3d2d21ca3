"""Rows that stand for what a model should keep: a data set of their own, prepared as any other."""

from __future__ import annotations

from dataclasses import replace

from tunewright.app.project import Project
from tunewright.core import catalog
from tunewright.recipe.recipe import DataOptions


def with_general_rows(project: Project) -> Project | None:
    """A project over the general rows that a recipe names for ewc, None where it names none."""
    recipe = project.recipe
    asked = recipe.training.regularisation
    if not asked.ewc or asked.general_rows is None:
        return None
    data = DataOptions.model_validate(
        {
            "train": asked.general_rows,
            "split": {"validation": 0, "test": 0},
            "steps": [],
            "max_tokens": recipe.data.max_tokens,
        }
    )
    changed = {"data": data, "objective": catalog.options("objectives", "sft")(), "name": f"{recipe.name}-general"}
    return replace(project, recipe=recipe.model_copy(update=changed))
