"""Recipes as files, for tests of the room recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunewright.core.errors import Problem, UserError
from tunewright.recipe.load import load_recipe

GOOD = "name: task\nmodel: builtin:smollm2-135m-instruct\ndata: rows.jsonl\n"


def write(folder: Path, text: str) -> Path:
    """A recipe file with a data file beside it."""
    (folder / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n', encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_bytes(text.encode("utf-8"))
    return path


def problems(path: Path, *, sets: Sequence[str] = (), environment: dict[str, str] | None = None) -> list[Problem]:
    """What `load_recipe` finds wrong; an empty list when nothing is."""
    try:
        load_recipe(path, sets=sets, environment=environment or {})
    except UserError as error:
        return list(error.problems)
    return []


def sentences(folder: Path, text: str, *, sets: Sequence[str] = ()) -> list[str]:
    """Sentences about a recipe's text, the folder's name left out."""
    found = problems(write(folder, text), sets=sets)
    return [problem.sentence().replace(f"{folder}/", "") for problem in found]
