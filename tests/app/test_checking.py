"""The checklist in the order of work: judged after every preparation, for the recipe's method."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.app.test_flow import project_of, recipe, stages
from tunewright.app import flow
from tunewright.app.cli.verbs.data import command
from tunewright.core.errors import LimitNotMet
from tunewright.core.events import Event, StageSkipped, silent
from tunewright.core.nouns import Run
from tunewright.data import checklist

__all__ = ["recipe"]


def test_findings_lie_beside_the_rows_and_are_for_the_method(recipe: Path) -> None:
    project = project_of(recipe)
    version = flow.prepare(project, silent)
    folder = project.workspace.datasets / version.name
    limits = {each.name: each.limit for each in checklist.read(folder)}
    assert limits["enough_rows"] == 1000
    again = flow.prepare(project_of(recipe, "method=full"), silent)
    assert again.name == version.name
    assert {each.name: each.limit for each in checklist.read(folder)}["enough_rows"] == 10_000


def test_a_rule_that_refuses_ends_the_run_before_training(recipe: Path) -> None:
    flow.prepare(project_of(recipe), silent)
    project = project_of(recipe, "data.rules.enough_rows=refuse")
    seen: list[Event] = []
    with pytest.raises(LimitNotMet, match=r"data\.rules\.enough_rows: 48 training rows; 1,000 are advised"):
        flow.run(project, seen.append)
    assert stages(seen, StageSkipped) == ["data"]  # rules change no row, and are judged all the same
    assert project.workspace.records("runs", Run) == []
    flow.prepare(project_of(recipe, "data.rules.enough_rows=refuse", "data.rules.least_rows=40"), silent)


def test_the_verb_shows_what_is_not_met(recipe: Path) -> None:
    asked = [str(recipe), "--home", str(recipe.parent / "home"), "--quiet"]
    told = CliRunner().invoke(command, asked)
    assert told.exit_code == 0
    assert "rules met" in told.stdout and "48 training rows; 1,000 are advised" in told.stdout
    document = json.loads(CliRunner().invoke(command, [*asked, "--json"]).stdout)
    assert {each["name"] for each in document["checklist"]} >= {"enough_rows", "balance", "split_sound"}
