"""Sources in a recipe: one or several, local or remote, and what `check` says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.recipe.drafts import write
from tunewright.core.errors import UserError
from tunewright.recipe import remote
from tunewright.recipe.check import check_recipe
from tunewright.recipe.draft import read_draft
from tunewright.recipe.recipe import DataOptions, Recipe
from tunewright.recipe.screen import surely_good
from tunewright.recipe.sources import SourceOptions, sources_of

SECRET = "p4ss:Word/@?#x"


def checked(folder: Path, data: str, environment: dict[str, str] | None = None) -> Recipe:
    (folder / "rows.jsonl").write_text("{}\n")
    return check_recipe(write(folder, f"name: a\nmodel: b/c\ndata: {data}\n"), environment=environment or {})


@pytest.mark.parametrize(
    "data",
    [
        "{train: [rows.jsonl, {path: rows.jsonl, name: more, weight: 2}]}",
        "{train: 'hub:owner/name', test: rows.jsonl}",
        "{train: {path: 's3://bucket/*.jsonl', storage: {anon: true, client_kwargs: {region_name: x}}}}",
        "{train: {path: 'sqlite:///a.db', table: rows}}",
        "{train: {path: 'postgresql+psycopg://me@host/db', query: select 1, refresh: always}}",
        "{train: rows.jsonl, map: {rename: {a: b}, cast: {b: int}, columns: {c: '{{ b }}'}}}",
        "{train: rows.jsonl, map: {join: {path: rows.jsonl, on: id}}}",
    ],
)
def test_good_sources(tmp_path: Path, data: str) -> None:
    recipe = checked(tmp_path, data)
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("{train: []}", "a list of sources names at least one"),
        ("{train: [rows.jsonl, no.jsonl]}", r'data\.train\.1: no file is called "no\.jsonl"'),
        ("{train: [{path: rows.jsonl, name: a}, {path: rows.jsonl, name: a}]}", "the same name"),
        ("{train: [{path: rows.jsonl, tipe: csv}]}", 'no key "tipe".*Did you mean "type"'),
        ("{train: 'ftp://x/a.jsonl'}", r'begin with "ftp://".*s3://'),
        ("'sqlite:///a.db'", "either `query` or `table`"),
        ("{train: {path: 'sqlite:///a.db', table: a, query: b}}", "either `query` or `table`"),
        ("{train: {path: rows.jsonl, table: a}}", "`table` belongs to databases"),
        ("{train: {path: rows.jsonl, revision: '" + "a" * 40 + "'}}", "`revision` belongs to hub data sets"),
        ("{train: {path: 'hub:a/b', storage: {anon: true}}}", "`storage` belongs to stores"),
        ("{train: {path: rows.jsonl, weight: 0}}", "weight"),
        ("{train: rows.jsonl, map: {cast: {a: number}}}", "text.*int.*float"),
        ("{train: rows.jsonl, map: {join: {path: no.csv, on: a}}}", 'no file is called "no.csv"'),
        ("{train: rows.jsonl, map: {join: {path: 's3://b/a.csv', on: a}}}", "come from a local file"),
    ],
)
def test_mistakes_are_said_and_the_screen_does_not_pass_them(tmp_path: Path, data: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        checked(tmp_path, data)
    assert not surely_good(read_draft(tmp_path, environment={}))


def test_a_list_of_local_files_passes_the_screen(tmp_path: Path) -> None:
    checked(tmp_path, "{train: [rows.jsonl, {path: rows.jsonl, type: jsonl}]}")
    assert surely_good(read_draft(tmp_path, environment={}))


def test_a_password_from_the_environment_stays_out_of_every_text(tmp_path: Path) -> None:
    data = "{train: {path: 'postgresql://me:${PW}@host/db', table: t}}"
    recipe = checked(tmp_path, data, {"PW": SECRET})
    assert isinstance(recipe.data.train, SourceOptions) and SECRET in recipe.data.train.path
    assert SECRET not in recipe.model_dump_json() and SECRET not in repr(recipe) and "Word" not in str(recipe.data)
    with pytest.raises(UserError) as caught:
        checked(tmp_path, "{train: {path: 'postgresql://me:${PW}@host/db'}}", {"PW": SECRET})
    assert "Word" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "kept", "shown"),
    [
        ("postgresql://me:p@ss@host:5/db", "postgresql://me@host:5/db", "postgresql://host:5/db"),
        ("postgresql://host/db?sslmode=on&password=x", "postgresql://host/db?sslmode=on", "postgresql://host/db"),
        ("sqlite:///a/b.db", "sqlite:///a/b.db", "sqlite:///a/b.db"),
        ("https://me:pw@host/a?x=1&X-Amz-Signature=abc", "https://me@host/a?x=1", "https://host/a"),
        ("abfs://rows@account/a.csv", "abfs://rows@account/a.csv", "abfs://rows@account/a.csv"),
        ("s3://bucket/a@b.jsonl", "s3://bucket/a@b.jsonl", "s3://bucket/a@b.jsonl"),
        ("hub:owner/name", "hub:owner/name", "hub:owner/name"),
    ],
)
def test_addresses_without_secrets(path: str, kept: str, shown: str) -> None:
    assert remote.without_secrets(path) == kept
    assert remote.shown(path) == shown


@pytest.mark.parametrize(
    ("path", "store"),
    [
        ("a.jsonl", None),
        ("/a/b.jsonl", None),
        ("C:\\rows.jsonl", None),
        ("hub:a/b", "hub"),
        ("s3://b/a", "files"),
        ("HTTPS://b/a", "files"),
        ("postgresql+psycopg://h/d", "sql"),
        ("mysql://h/d", ""),
        ("simplecache::s3://b/a", None),
    ],
)
def test_which_store_reads_an_address(path: str, store: str | None) -> None:
    assert remote.store_of(path) == store


def test_secret_storage_options_are_found() -> None:
    secret: Any = {"key": "abcd1", "secret": "abcd2", "account_key": "abcd3", "sas_token": "abcd4", "password": "abcd5"}
    secret |= {"connection_string": "abcd6", "aws_session_token": "abcd7"}
    assert remote.harmless({**secret, "anon": False, "endpoint_url": "x"}) == {"anon": False, "endpoint_url": "x"}
    assert set(remote.secrets("", secret)) == set(secret.values())


def test_one_source_is_a_tuple_of_one() -> None:
    options = DataOptions(train="a.jsonl", test=["b.jsonl", "c.jsonl"])  # type: ignore[arg-type]
    assert [each.path for each in sources_of(options.train)] == ["a.jsonl"]
    assert [each.path for each in sources_of(options.test)] == ["b.jsonl", "c.jsonl"] and not sources_of(None)
