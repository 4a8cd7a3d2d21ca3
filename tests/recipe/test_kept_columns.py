"""A column that is looked at and not kept is found before any row is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.drafts import write
from tunewright.core.errors import UserError
from tunewright.recipe import kept_columns
from tunewright.recipe.check import check_recipe
from tunewright.recipe.draft import read_draft

HEAD = "name: task\nmodel: a/b\ndata:\n  train: rows.jsonl\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("  split: {by: patient}\n", 'recipe.yaml:5: data.split.by: the column "patient" is not kept with the rows.'),
        ("  keep: [x]\n  split: {time: day}\n", 'data.split.time: the column "day"'),
        ("  steps: [{balance: {by: team}}]\n", 'data.steps.0.by: the column "team"'),
        ("  steps:\n    - deduplicate\n    - {type: order, by: column, column: hard}\n", 'column: the column "hard"'),
    ],
)
def test_a_column_that_is_not_kept_is_said(tmp_path: Path, text: str, sentence: str) -> None:
    found = [problem.sentence() for problem in kept_columns.problems(read_draft(write(tmp_path, HEAD + text)))]
    assert len(found) == 1 and sentence in found[0]


@pytest.mark.parametrize(
    "text",
    [
        "  keep: [patient]\n  split: {by: patient}\n",
        "  steps: [balance, {mix: {by: source}}, {sample: {stratify: label}}, {weight: }]\n",
        "  keep: [w]\n  steps: [{weight: {column: w}}]\n",
    ],
)
def test_what_is_kept_or_no_column_is_fine(tmp_path: Path, text: str) -> None:
    assert list(kept_columns.problems(read_draft(write(tmp_path, HEAD + text)))) == []


def test_checking_a_recipe_says_it(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "a", "label": "b"}\n', encoding="utf-8")
    path = write(tmp_path, HEAD + "  split: {by: patient}\n")
    with pytest.raises(UserError, match='the column "patient" is not kept'):
        check_recipe(path)
