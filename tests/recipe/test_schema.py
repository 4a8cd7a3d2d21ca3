"""The generated JSON Schema agrees with what the loader takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tunewright.core import catalog
from tunewright.recipe import schema as schemas
from tunewright.recipe.check import check_recipe

TEMPLATES = sorted((schemas.FILE.parent / "templates").glob("*/recipe.yaml"))
GOOD = {"name": "a", "model": "b/c", "data": "d.csv"}


def errors(value: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(schemas.schema()).iter_errors(value)]


def test_the_committed_copy_is_fresh() -> None:
    assert schemas.FILE.read_text(encoding="utf-8") == schemas.text()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.parent.name)
def test_a_template_is_good_for_the_schema_and_for_check(path: Path) -> None:
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    value["training"]["learning_rate"] = float(value["training"]["learning_rate"])  # YAML 1.1 reads 1e-3 as text
    assert errors(value) == []
    assert check_recipe(path).name == path.parent.name


def test_there_are_seven_templates() -> None:
    special = ["customer-support", "finance", "healthcare", "instruction", "legal"]
    assert [path.parent.name for path in TEMPLATES] == ["chat", "classification", *special]


@pytest.mark.parametrize(
    "more",
    [
        {"model": {"name": "x"}},
        {"data": {"train": "x", "overlong": "cut", "limits": {"truncated_rows": "1%"}}},
        {"training": {"checkpoints": {"disk_budget": "2 GB"}}},
        {"method": {"type": "lora", "rank": 4}},
    ],
)
def test_short_forms_and_units_are_good(more: dict[str, Any]) -> None:
    assert errors(GOOD | more) == []


@pytest.mark.parametrize(
    "more",
    [
        {"model": ""},
        {"data": {"train": "x", "overlong": "chop"}},
        {"method": {"type": "lora", "rnk": 4}},
        {"method": "no"},
    ],
)
def test_mistakes_are_not(more: dict[str, Any]) -> None:
    assert errors(GOOD | more) != []


def test_every_reference_leads_somewhere_and_keys_are_described() -> None:
    made = schemas.schema()
    text = json.dumps(made)
    names = {part.split('"')[0] for part in text.split("#/$defs/")[1:]}
    assert names <= set(made["$defs"])
    undescribed = [
        f"{name}.{key}"
        for name, block in made["$defs"].items()
        for key, field in block["properties"].items()
        if "why" not in field
    ]
    assert undescribed == []


def test_it_has_no_address_and_knows_every_part() -> None:
    made = schemas.schema()
    assert made["$schema"] == schemas.DRAFT
    assert "$id" not in made
    assert made["properties"]["method"]["anyOf"][0]["enum"] == list(catalog.names("methods"))
