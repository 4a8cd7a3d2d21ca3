"""The recipes of the templates: good, gated, explained, and honest about what they are not for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.recipe.templates.rows import FOLDERS, NAMES, folder
from tunewright.recipe.check import check_recipe
from tunewright.recipe.gates import GateOptions
from tunewright.recipe.recipe import Recipe

CAREFUL = {"healthcare": "medical advice", "legal": "legal advice", "finance": "financial advice"}
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "start-from-a-template.md"


def limit_of(gate: GateOptions) -> str:
    """The number that a reader looks for in the README."""
    absolute = gate.at_least if gate.at_most is None else gate.at_most
    value = gate.margin if absolute is None else absolute
    if isinstance(value, str):
        return value
    return f"{value:g}" if value or absolute is not None else gate.rule.split("_")[0]


def recipe_of(name: str) -> Recipe:
    return check_recipe(folder(name) / "recipe.yaml")


@pytest.mark.parametrize("name", NAMES)
def test_the_recipe_is_good_and_carries_gates(name: str) -> None:
    recipe = recipe_of(name)
    assert recipe.name == name
    rules = {gate.rule for gate in recipe.gates}
    assert {"at_most", "not_worse_than"} <= rules
    assert rules & {"better_than", "at_least"}
    assert {(gate.metric, gate.suite) for gate in recipe.gates} >= {
        ("loss", "general_text"),
        ("contaminated", "contamination"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_names_every_gate_with_its_limit_in_one_line(name: str) -> None:
    lines = (folder(name) / "README.md").read_text(encoding="utf-8").splitlines()
    unnamed = []
    for gate in recipe_of(name).gates:
        said = (f"`{gate.metric}`", f"`{gate.suite}`", limit_of(gate))
        if not any(all(word in line for word in said) for line in lines):
            unnamed.append(gate)
    assert unnamed == []


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_says_what_it_is_for_and_what_not(name: str) -> None:
    text = (folder(name) / "README.md").read_text(encoding="utf-8")
    assert "tunewright run ." in text
    for heading in ("## The gates", "## What to change first", "## What it must not be used for"):
        assert heading in text
    if name in CAREFUL:
        assert f"**This is not {CAREFUL[name]}" in text
        assert re.search(r"\ba\s(person|lawyer)\b", text)
    assert (folder(name) / "SOURCE.md").exists() == (name == "classification")


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"chat"}))
def test_data_rules_are_written_down_with_their_reasons(name: str) -> None:
    text = (folder(name) / "recipe.yaml").read_text(encoding="utf-8")
    lines = text.split("\ndata:\n")[1].split("\nmethod:\n")[0].splitlines()
    for key in ("steps:", "overlong:", "quarantined_rows:"):
        (line,) = [line for line in lines if line.strip().startswith(key)]
        assert "  # " in line
    data = set(yaml.safe_load(text)["data"])
    assert {"train", "shape", "steps", "overlong", "limits"} <= data
    assert "split" in data or {"validation", "test"} <= data


@pytest.mark.parametrize("name", NAMES)
def test_training_rows_are_held_against_what_is_measured_and_after_every_other_step(name: str) -> None:
    assert recipe_of(name).data.steps[-1].type == "contamination"


@pytest.mark.parametrize("name", sorted(CAREFUL))
def test_where_a_lost_row_does_harm_none_may_be_lost(name: str) -> None:
    data = recipe_of(name).data
    assert (data.limits.quarantined_rows, data.limits.dropped_rows, data.overlong.action) == (0, 0, "refuse")


def test_no_line_is_too_long_to_read_and_every_folder_is_on_the_page() -> None:
    long = [
        f"{each.name}/{file.name}:{number}"
        for each in FOLDERS
        for file in each.iterdir()
        if file.suffix in (".yaml", ".md") and file.name != "policy.md"
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > 160
    ]
    assert long == []
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in NAMES if f"| `{name}` |" not in page] == []
