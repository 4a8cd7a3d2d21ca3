"""The table methods x objectives: every cell trains, packs, saves, loads, resumes bit-equal and generates.

The default run walks the columns sft and dpo, which between them pack rows and pairs with shared prompts, measure a
reference and generate; `make test-slow` walks the rest, and `scripts/methods_table.py` writes down what it finds.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.train.table import METHODS, ROWS, walk, write_rows
from tunewright.core import catalog

FIRST = ("sft", "dpo")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> Path:
    """One recipe and one workspace for all cells."""
    return write_rows(tmp_path_factory.mktemp("table"), tiny_model_folder)


def test_every_method_and_every_objective_has_its_line() -> None:
    assert {name.split(",")[0] for name in METHODS} == set(catalog.names("methods"))
    assert set(ROWS) == set(catalog.names("objectives"))


@pytest.mark.parametrize("objective", FIRST)
@pytest.mark.parametrize("method", METHODS)
def test_the_first_columns(table: Path, method: str, objective: str) -> None:
    assert walk(table, (method, objective)).model.trained_parameters > 0


@pytest.mark.slow
@pytest.mark.parametrize("objective", [name for name in ROWS if name not in FIRST])
@pytest.mark.parametrize("method", METHODS)
def test_every_other_column(table: Path, method: str, objective: str) -> None:
    assert walk(table, (method, objective)).model.trained_parameters > 0
