"""Remote sources in the story: fetched once a project, the same data set offline, nothing secret in any record."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.house.process import TUNEWRIGHT, watched
from tunewright.app import flow
from tunewright.app.project import Project, open_project
from tunewright.core.errors import UserError
from tunewright.core.events import Event, Note, silent

SECRET = "p4ssWord-of-the-test"


def recipe(folder: Path, model: Path, data: str) -> Path:
    with sqlite3.connect(folder / "a.db") as database:
        database.execute("create table if not exists rows (text text, label text)")
        if not database.execute("select count(*) from rows").fetchone()[0]:
            values = [(f"sentence {number} of {word}", word) for number in range(20) for word in ("one", "two")]
            database.executemany("insert into rows values (?, ?)", values)
    (folder / "recipe.yaml").write_text(f"name: fetched\nmodel: {model}\ndata: {data}\n")
    return folder / "recipe.yaml"


def fetches(project: Project) -> int:
    """How often a preparation fetched something."""
    events: list[Event] = []
    flow.prepare(project, events.append)
    return sum(isinstance(event, Note) and "was fetched" in event.text for event in events)


def test_a_project_fetches_once_and_another_as_the_recipe_says(tmp_path: Path, tiny_model_folder: Path) -> None:
    path = recipe(tmp_path, tiny_model_folder, "{train: {path: 'sqlite:///a.db', table: rows, refresh: always}}")
    project = open_project(path)
    assert [fetches(project), fetches(project)] == [1, 0]
    assert fetches(open_project(path)) == 1
    assert fetches(open_project(path).with_copies_as_they_are()) == 0


def test_the_copy_outlives_the_database_where_the_recipe_allows_it(tmp_path: Path, tiny_model_folder: Path) -> None:
    path = recipe(tmp_path, tiny_model_folder, "{train: {path: 'sqlite:///a.db', table: rows, refresh: never}}")
    first = flow.prepare(open_project(path), silent)
    (tmp_path / "a.db").unlink()
    assert flow.prepare(open_project(path), silent).name == first.name
    with pytest.raises(UserError, match=r'no database file "a\.db"'):
        flow.prepare(open_project(path, home=tmp_path / "elsewhere"), silent)


def test_the_command_reads_a_database_and_reaches_for_nothing(tmp_path: Path, tiny_model_folder: Path) -> None:
    path = recipe(tmp_path, tiny_model_folder, "{train: {path: 'sqlite:///a.db', table: rows}}")
    seen = watched([TUNEWRIGHT, "data", path], tmp_path / "watch")
    assert seen.exit_code == 0, seen.out
    assert seen.outbound == () and "sqlalchemy" in seen.modules


def test_a_local_recipe_loads_no_store(tmp_path: Path, tiny_model_folder: Path) -> None:
    path = recipe(tmp_path, tiny_model_folder, "rows.jsonl")
    rows = "".join(f'{{"text": "sentence {n}", "label": "{n % 2}"}}\n' for n in range(40))
    (tmp_path / "rows.jsonl").write_text(rows)
    seen = watched([TUNEWRIGHT, "data", path], tmp_path / "watch")
    assert seen.exit_code == 0, seen.out
    assert seen.outbound == ()
    assert not [name for name in seen.modules if name.startswith(("sqlalchemy", "tunewright.edge.stores"))]


def test_a_password_is_in_no_file_and_no_sentence(
    tmp_path: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    source = "{path: 'postgresql://me:${DB_PASSWORD}@127.0.0.1:1/db', table: rows}"
    path = recipe(tmp_path, tiny_model_folder, f"{{train: {source}}}")
    seen = watched([TUNEWRIGHT, "data", path], tmp_path / "watch")
    assert seen.exit_code == 3 and "127.0.0.1" in seen.out and SECRET not in seen.out
    assert not [each for each in tmp_path.rglob("*") if each.is_file() and SECRET.encode() in each.read_bytes()]
