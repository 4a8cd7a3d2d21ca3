"""The checklist of a prepared data set: written beside it, and refused where the recipe says so."""

from __future__ import annotations

from tunewright.app.project import Project
from tunewright.core.nouns import DatasetVersion
from tunewright.data import checklist


def check(project: Project, version: DatasetVersion) -> None:
    """Judge a data set by `data.rules` for the recipe's method. Raises LimitNotMet for a rule set to refuse."""
    folder = project.workspace.datasets / version.name
    recipe = project.recipe
    found = checklist.findings(
        version, checklist.read_survey(folder), rules=recipe.data.rules, method=recipe.method.type
    )
    checklist.write(folder, found)
    checklist.refuse(found)
