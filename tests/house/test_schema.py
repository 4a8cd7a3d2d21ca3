"""The committed JSON Schema of recipes is the one that the option classes make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.house.tree import SRC
from tunewright.recipe.recipe import Recipe
from tunewright.recipe.schema import schema

COMMITTED = SRC / "recipe" / "schema.json"


def stale(committed: Path, made: dict[str, Any]) -> list[str]:
    """Top-level names and definitions that differ between a file and what the classes make."""
    found = json.loads(committed.read_text(encoding="utf-8"))
    return sorted(name for name in found.keys() | made.keys() if found.get(name) != made.get(name))


def test_the_schema_is_fresh() -> None:
    assert stale(COMMITTED, schema()) == [], (
        "python -m tunewright.app.cli.main schema > src/tunewright/recipe/schema.json"
    )


def test_a_changed_schema_is_found(tmp_path: Path) -> None:
    made = schema()
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(made | {"title": "another"}))
    assert stale(path, made) == ["title"]


def test_the_schema_is_one_and_refuses_unknown_keys() -> None:
    made = schema()
    Draft202012Validator.check_schema(made)
    judge = Draft202012Validator(made)
    good = {"name": "a", "model": "builtin:smollm2-135m-instruct", "data": "rows.jsonl"}
    assert Recipe.model_validate(good)
    assert [error.message for error in judge.iter_errors(good)] == []
    assert list(judge.iter_errors(good | {"trainnig": {}})) != []
    assert list(judge.iter_errors(good | {"training": {"epochs": "many"}})) != []
