"""What `check` finds beyond types: files, formats, models, metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.drafts import GOOD, write
from tunewright.core.errors import UserError
from tunewright.models import builtin
from tunewright.recipe.check import check_recipe
from tunewright.recipe.files import BUILTIN, BUILTINS


def found(folder: Path, text: str) -> list[str]:
    path = write(folder, text)
    try:
        check_recipe(path, environment={})
    except UserError as error:
        return [problem.sentence().replace(f"{folder}/", "") for problem in error.problems]
    return []


def recipe(data: str, rest: str = "") -> str:
    return f"name: a\nmodel: builtin:smollm2-135m-instruct\ndata:\n  {data}\n{rest}"


def test_a_good_recipe_is_returned(tmp_path: Path) -> None:
    assert check_recipe(write(tmp_path, GOOD)).name == "task"


@pytest.mark.parametrize("name", ["rows.jsonl", "*.jsonl", "**/*.jsonl", "./rows.jsonl", "[r]ows.jsonl"])
def test_files_and_globs_are_seen_from_the_recipe(tmp_path: Path, name: str) -> None:
    assert found(tmp_path, recipe(f"train: '{name}'")) == []
    assert found(tmp_path, recipe(f"train: '{tmp_path / name}'")) == []


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("train: no.jsonl", '4: data.train: no file is called "no.jsonl" here.'),
        ("train: {path: '*.csv'}", '4: data.train.path: no file is called "*.csv" here.'),
        ("train: '.'", '4: data.train: "." is a folder without a text file'),
        (
            "train: recipe.yaml",
            '4: data.train: the ending ".yaml" does not say the format. '
            "Add `type`, one of: arrow, csv, json, jsonl, parquet, text, tsv.",
        ),
        (
            "train: {path: rows.jsonl, type: jsnl}",
            '4: data.train.type: no source is called "jsnl". Did you mean "jsonl"?',
        ),
        ("train: rows.jsonl\n  test: t.csv", '5: data.test: no file is called "t.csv" here.'),
        ('train: {path: "a\\0b"}', "4: data.train.path: no file is called"),
        ("train: '~nobody-here/x.csv'", "4: data.train: no file is called"),
        (f"train: {'x' * 3000}", "4: data.train: no file is called"),
    ],
)
def test_a_source_that_cannot_be_read(tmp_path: Path, data: str, sentence: str) -> None:
    sentences = found(tmp_path, recipe(data))
    assert len(sentences) == 1
    assert sentences[0].startswith(f"recipe.yaml:{sentence}")


def test_a_type_makes_any_ending_good(tmp_path: Path) -> None:
    assert found(tmp_path, recipe("train: {path: recipe.yaml, type: csv}")) == []


@pytest.mark.parametrize(("name", "good"), [("a/b", True), ("./m", False), ("m.gguf", False), ("smollm2", False)])
def test_a_model_is_a_hub_name_or_there(tmp_path: Path, name: str, good: bool) -> None:
    assert (found(tmp_path, f"name: a\nmodel: {name}\ndata: rows.jsonl\n") == []) is good


MODELS = [
    ("builtin:smollm2-135m-instrct", 'no built-in model is called "smollm2-135m-instrct". Did you mean'),
    ("'builtin:'", 'no built-in model is called "".'),
    ("whole", ""),
    ("no/config", 'the folder "no/config" is no model: there is no config.json in it.'),
    ("no/weights", 'the folder "no/weights" is no model: there is no .safetensors file in it.'),
    ("good.gguf", ""),
    ("bad.gguf", '"bad.gguf" is not a GGUF file.'),
    ("rows.jsonl", '"rows.jsonl" is no model: a model is a folder or a .gguf file.'),
]


@pytest.mark.parametrize(("name", "what"), MODELS, ids=[name for name, _what in MODELS])
def test_what_a_look_at_a_model_shows(tmp_path: Path, name: str, what: str) -> None:
    for file in (
        "whole/config.json",
        "whole/model.safetensors",
        "no/config/model.safetensors",
        "no/weights/config.json",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "good.gguf").write_bytes(b"GGUF\3")
    (tmp_path / "bad.gguf").write_bytes(b"gguf\3")
    found_here = found(tmp_path, f"name: a\nmodel: {name}\ndata: rows.jsonl\n")
    assert len(found_here) == bool(what)
    assert all(sentence.startswith(f"recipe.yaml:2: model: {what}") for sentence in found_here)


def test_the_built_in_models_are_known_here() -> None:
    assert sorted(BUILTINS) == sorted(builtin.BUILTINS)
    assert builtin.PREFIX == BUILTIN


def test_metrics_are_known(tmp_path: Path) -> None:
    text = GOOD + "evaluate:\n  suites:\n    - type: labels\n      scorers: [f1, acuracy]\n"
    assert found(tmp_path, text) == [
        'recipe.yaml:7: evaluate.suites.0.scorers.1: no scorer is called "acuracy". Did you mean "accuracy"?'
    ]


def test_files_are_looked_for_even_when_keys_are_wrong(tmp_path: Path) -> None:
    text = "name: a\nmodel: ./no\ndata:\n  train: no.jsonl\n  shap: chat\n"
    assert [sentence.split(": ")[1] for sentence in found(tmp_path, text)] == ["model", "data.train", "data.shap"]
