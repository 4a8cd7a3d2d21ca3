"""Retention at work: who is asking, on which day, and whether the data set of a recipe may be used."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping

from tunewright.app.project import Place, Project
from tunewright.core.nouns import DatasetVersion
from tunewright.data import retention

USER_VARIABLE = "TUNEWRIGHT_USER"


def user_of(environment: Mapping[str, str]) -> str:
    """Who is at work: what TUNEWRIGHT_USER says, else the system's user name. A statement, not a proof."""
    if environment.get(USER_VARIABLE):
        return environment[USER_VARIABLE]
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def check(place: Place | Project, name: str) -> None:
    """Raise UserError when a data set is deleted, its last day is over, or it is not for whoever is asking."""
    retention.check_use(place.workspace, name, today=place.now()[:10], user=user_of(os.environ))


def check_recipe(project: Project, key: str) -> None:
    """The same for what a recipe would prepare, before anything is read: by its own terms, and by what was made."""
    user = user_of(os.environ)
    retention.check_terms(project.recipe.data.retention, today=project.now()[:10], user=user)
    made = project.workspace.find_record("data", key, DatasetVersion)
    if made is not None:
        retention.refuse_deleted(project.workspace.datasets / made.name)


def settle(project: Project, version: DatasetVersion) -> None:
    """Put the recipe's terms in force for what it prepared, then refuse as `check` does."""
    recipe = project.recipe
    retention.keep_terms(
        project.workspace, version.name, terms=recipe.data.retention, recipe=recipe.name, now=project.now()
    )
    check(project, version.name)
