"""What a user may write or meet is documented: every key, every error, every exit code, every generated page fresh."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import get_args

import generate_reference
import pytest
from pydantic import BaseModel, Field

from tests.house.tree import REPOSITORY, SRC
from tunewright.core import catalog, errors
from tunewright.recipe.fields import Options, option
from tunewright.recipe.recipe import Recipe

REFERENCE = REPOSITORY / "docs" / "reference"
ENDS = (".", "`", ")")


def undocumented_keys(model: type[BaseModel], path: str = "") -> list[str]:
    """Keys without a meaning or without a reason for their default, blocks inside included."""
    problems: list[str] = []
    for name, field in model.model_fields.items():
        place = f"{path}.{name}" if path else name
        if name in {"type", "version"} and path.startswith("("):
            continue
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        if not (field.description or "").strip().endswith(ENDS):
            problems.append(f"{place}: no sentence that says what it means")
        if not extra.get("why"):
            problems.append(f"{place}: no reason for its default")
        for inside in get_args(field.annotation) or (field.annotation,):
            if isinstance(inside, type) and issubclass(inside, BaseModel):
                problems += undocumented_keys(inside, place)
    return problems


def error_classes(module: object) -> set[str]:
    """Names of the errors that users meet."""
    classes = (value for value in vars(module).values() if inspect.isclass(value))
    return {one.__name__ for one in classes if issubclass(one, Exception) and one.__module__ == module.__name__}  # type: ignore[attr-defined]


def exit_codes(module: object) -> set[int]:
    """Every `EXIT_` number."""
    return {value for name, value in vars(module).items() if name.startswith("EXIT_")}


def unsaid_errors(page: str, module: object) -> list[str]:
    """Error classes and exit codes that a page does not name; a code stands in a table's first column."""
    named = {f"`{name}`" for name in error_classes(module)} - set(re.findall(r"`\w+`", page))
    rows = {int(code) for code in re.findall(r"^\| (\d+) \|", page, flags=re.MULTILINE)}
    return sorted(named) + [str(code) for code in sorted(exit_codes(module) ^ rows)]


def unknown_errors(tree: Path) -> list[str]:
    """Exceptions of ours defined outside core/errors.py that are neither for users nor said to be internal."""
    text = {path: path.read_text(encoding="utf-8") for path in tree.rglob("*.py") if path.name != "errors.py"}
    bases = "|".join(sorted(error_classes(errors)))
    return [
        f"{path.name}: {hit}" for path, words in text.items() for hit in re.findall(rf"class \w+\((?:{bases})\)", words)
    ]


def test_every_key_says_what_it_means_and_why() -> None:
    assert undocumented_keys(Recipe) == []


def test_every_key_of_a_part_says_what_it_means_and_why() -> None:
    parts = [(kind, name) for kind in catalog.kinds() for name in catalog.names(kind)]
    assert [p for kind, name in parts for p in undocumented_keys(catalog.options(kind, name), f"({kind}/{name})")] == []


def test_every_error_and_exit_code_is_documented() -> None:
    assert unsaid_errors((REFERENCE / "errors.md").read_text(encoding="utf-8"), errors) == []


def test_errors_for_users_are_defined_in_one_file() -> None:
    assert unknown_errors(SRC) == []


def test_generated_pages_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate_reference.main(["--check"]) == 0, capsys.readouterr().out


def test_a_page_that_was_edited_is_not_fresh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate_reference.main(["--folder", str(tmp_path)]) == 0
    assert generate_reference.main(["--folder", str(tmp_path), "--check"]) == 0
    page = tmp_path / "recipe.md"
    page.write_text(page.read_text().replace("Passes over the training rows", "Passes"))
    assert generate_reference.main(["--folder", str(tmp_path), "--check"]) == 1
    assert "recipe.md" in capsys.readouterr().out


class Inside(Options):
    """A block."""

    silent: int = Field(1)


class Outside(Options):
    """A block with a block."""

    said: int = option(1, "Says what it means.", why="one")
    no_reason: int = option(1, "Says what it means.", why="")
    inside: Inside = option({}, "A block.", why="see its keys")


def test_a_key_without_words_is_found() -> None:
    assert undocumented_keys(Outside) == [
        "no_reason: no reason for its default",
        "inside.silent: no sentence that says what it means",
        "inside.silent: no reason for its default",
    ]


def test_an_error_or_code_that_a_page_leaves_out_is_found() -> None:
    page = (REFERENCE / "errors.md").read_text(encoding="utf-8")
    assert unsaid_errors(page.replace("`OutsideError`", ""), errors) == ["`OutsideError`"]
    assert unsaid_errors(page.replace("| 75 |", "| seventy-five |"), errors) == ["75"]
    assert unsaid_errors(page + "\n| 99 | made up |\n", errors) == ["99"]


def test_an_error_defined_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("class Worse(UserError):\n    pass\n")
    assert unknown_errors(tmp_path) != []
