"""Columns of another schema: renamed, joined, cast, written; what cannot be is set aside with its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data.builders import every, prepared, workspace_of, write_jsonl
from tunewright.core.errors import UserError
from tunewright.data.dataset import open_dataset
from tunewright.data.files import dataset_key
from tunewright.data.mapping import mapped
from tunewright.recipe.map import MapOptions
from tunewright.recipe.recipe import DataOptions
from tunewright.text.chat import ChatFormat


def rows_of(folder: Path, rows: list[Any], **options: Any) -> list[Any]:
    """What the rows become: values, or problems."""
    path = write_jsonl(folder / "rows.jsonl", rows)
    sources, _brought = mapped(every("sources"), MapOptions.model_validate(options), folder=folder)
    return [row.problem or row.value for row in sources["jsonl"].read(path)]


def test_columns_are_renamed(tmp_path: Path) -> None:
    assert rows_of(tmp_path, [{"q": 1, "x": 2}], rename={"q": "question"}) == [{"question": 1, "x": 2}]
    assert rows_of(tmp_path, [{"a": 1, "b": 2}], rename={"a": "b", "b": "a"}) == [{"b": 1, "a": 2}]
    assert rows_of(tmp_path, [{"x": 2}], rename={"q": "question"}) == [{"x": 2}]


def test_a_name_that_is_taken_sets_the_row_aside(tmp_path: Path) -> None:
    (problem,) = rows_of(tmp_path, [{"q": 1, "question": 2}], rename={"q": "question"})
    assert problem == 'map.rename: there is already a column "question"'


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("int", "7", 7),
        ("int", 7.0, 7),
        ("float", "1.5", 1.5),
        ("bool", "Yes", True),
        ("bool", 0, False),
        ("text", 7, "7"),
        ("text", {"b": 1, "a": None}, '{"a": null, "b": 1}'),
        ("json", '[{"role": "user"}]', [{"role": "user"}]),
        ("json", [1], [1]),
    ],
)
def test_values_are_cast(tmp_path: Path, kind: str, value: Any, wanted: Any) -> None:
    assert rows_of(tmp_path, [{"c": value}, {"c": None}, {}], cast={"c": kind}) == [{"c": wanted}, {"c": None}, {}]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "seven"),
        ("int", 7.5),
        ("int", [7]),
        ("float", "nan"),
        ("float", {}),
        ("bool", "perhaps"),
        ("json", "{"),
        ("json", '{"a": 1, "a": 2}'),
        ("json", "1 2"),
        ("json", "[" * 100_000),
    ],
)
def test_a_value_without_such_a_form_sets_the_row_aside(tmp_path: Path, kind: str, value: Any) -> None:
    good, bad = rows_of(tmp_path, [{"x": 1}, {"c": value}], cast={"c": kind})
    assert good == {"x": 1} and bad.startswith(f'map.cast: "c" is no {kind}: ')


def test_templates_write_columns(tmp_path: Path) -> None:
    columns = {
        "prompt": "{{ title }}\n{{ body | upper }}",
        "completion": "{% if n > 1 %}many{% else %}one{% endif %}\n",
    }
    (found,) = rows_of(tmp_path, [{"title": "T", "body": "b", "n": 2}], columns=columns)
    assert found["prompt"] == "T\nB" and found["completion"] == "many\n" and found["title"] == "T"


@pytest.mark.parametrize(
    "template",
    ["{{ nowhere }}", "{{ a.b.c }}", "{{ a + 1 }}", "{{ ''.__class__.__mro__ }}", "{{ range(10 ** 9) | list }}"],
)
def test_a_template_that_fails_sets_the_row_aside(tmp_path: Path, template: str) -> None:
    (problem,) = rows_of(tmp_path, [{"a": "x"}], columns={"text": template})
    assert problem.startswith("map.template: text: ")


def test_a_template_that_cannot_be_read_is_the_recipes_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.map\.columns\.text: this template cannot be read"):
        rows_of(tmp_path, [], columns={"text": "{{ a"})


def test_columns_are_joined_by_a_key(tmp_path: Path) -> None:
    pq.write_table(pa.table({"code": [7, 8], "name": ["seven", "eight"], "more": [1, 2]}), tmp_path / "names.parquet")
    join = {"path": "names.parquet", "on": "id", "key": "code", "columns": ["name"]}
    found = rows_of(tmp_path, [{"id": "7"}, {"id": 8}, {"id": 9}, {}], join=join)
    assert found[:2] == [{"id": "7", "name": "seven"}, {"id": 8, "name": "eight"}]
    assert found[2] == "map.join: nothing in names.parquet has \"id\" '9'" and found[3].startswith("map.join")
    kept = rows_of(tmp_path, [{"id": 9}], join={**join, "unmatched": "keep"})
    assert kept == [{"id": 9}]
    whole = rows_of(tmp_path, [{"id": 7}], join={"path": "names.parquet", "on": "id", "key": "code"})
    assert whole == [{"id": 7, "name": "seven", "more": 1}]


@pytest.mark.parametrize(
    ("rows", "join", "said"),
    [
        ([{"id": 1}, {"id": 1}], {}, "'1' stands twice"),
        ([{"x": 1}], {}, 'has no "id"'),
        ([{"id": 1}], {"columns": ["no"]}, 'no column "no"'),
        ([3], {}, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_joined_is_refused(tmp_path: Path, rows: Any, join: Any, said: str) -> None:
    write_jsonl(tmp_path / "other.jsonl", rows)
    with pytest.raises(UserError, match=said):
        rows_of(tmp_path, [{"id": 1}], join={"path": "other.jsonl", "on": "id", **join})
    with pytest.raises(UserError, match=r'no file is called "no\.jsonl"'):
        rows_of(tmp_path, [{"id": 1}], join={"path": "no.jsonl", "on": "id"})


def test_detection_and_receipt_see_mapped_rows(tmp_path: Path, chat: ChatFormat) -> None:
    rows: list[Any] = [{"q": f"What is {n}?", "a": str(n), "score": str(n)} for n in range(60)]
    rows += [{"q": "Bad?", "a": "b", "score": "high"}, {"a": "c", "score": "1"}]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    options = {
        "train": "rows.jsonl",
        "map": {
            "rename": {"a": "answer"},
            "cast": {"score": "float"},
            "columns": {"question": "Answer briefly. {{ q }}"},
        },
        "keep": ["score"],
    }
    version = prepared(tmp_path, chat, options=options)
    assert version.shape == "question_answer"
    assert version.receipt.rows.quarantined == 2 and version.receipt.rows.kept == 60
    reasons = version.receipt.sources["rows.jsonl"].reasons
    assert reasons["map.cast"] == 1 and reasons["map.template"] == 1
    first = open_dataset(workspace_of(tmp_path), version).split("train").row(0)
    assert first.messages[-2].get("content", "").startswith("Answer briefly. What is")
    assert first.details.get("columns", {})["score"].endswith(".0")
    set_aside = (workspace_of(tmp_path).datasets / version.name / "quarantine.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["line"] for line in set_aside) == [61, 62]


def test_the_key_knows_the_joined_file(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [{"id": 1}])
    options = DataOptions.model_validate({"train": "rows.jsonl", "map": {"join": {"path": "b.jsonl", "on": "id"}}})
    keys = set()
    for name in ("one", "two"):
        write_jsonl(tmp_path / "b.jsonl", [{"id": 1, "name": name}])
        keys.add(dataset_key(options, chat, folder=tmp_path, loss_on="answers"))
    assert len(keys) == 2
