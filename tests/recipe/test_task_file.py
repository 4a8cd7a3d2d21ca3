"""Task files of lm-eval are read as data: what would run or fetch something is refused in a sentence with its line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from tunewright.core.errors import UserError
from tunewright.recipe.task_file import local_data, read_task_file

PLAIN = """\
task: quiz
dataset_path: json
dataset_kwargs: {data_files: {test: data.jsonl}}
metric_list: [{metric: acc}]
"""


def file(folder: Path, text: str, name: str = "task.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plain_file_is_what_yaml_says(tmp_path: Path) -> None:
    assert read_task_file(file(tmp_path, PLAIN)) == yaml.safe_load(PLAIN)


def test_included_files_lie_under_the_file_and_the_later_over_the_earlier(tmp_path: Path) -> None:
    file(tmp_path, "a: 1\nb: 1\nc: 1\nd: 1\ntask_list: [x]\n", "first.yaml")
    file(tmp_path, "include: ../first.yaml\nb: 2\n", "inside/second.yaml")
    file(tmp_path, "c: 3\n", "third.yaml")
    path = file(tmp_path, "include: [inside/second.yaml, third.yaml]\nd: 4\n")
    assert read_task_file(path) == {"a": 1, "b": 2, "c": 3, "d": 4}


CODE = (
    ("doc_to_text: !function utils.text", "!function utils.text in line 5"),
    ("metric_list: [{metric: !function utils.metric}]", "!function utils.metric in line 5"),
    ("x: &a [*a, !function utils.deep]", "!function utils.deep in line 5"),
    ("x: !!python/name:os.system ''", "python/name:os.system"),
    ("x: !!python/object/apply:os.system ['touch ran']", "python/object/apply:os.system"),
    ("? !function utils.key\n: 1", "!function utils.key"),
    ("class: !function task.Task", "!function task.Task"),
    ("class: task.Task", "`class` in line 5"),
)


@pytest.mark.parametrize(("line", "sentence"), CODE)
def test_code_is_refused_with_its_line(line: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        read_task_file(file(tmp_path, f"{PLAIN}{line}\n"))
    assert "runs Python that came with it" in str(refused.value)
    assert sentence in str(refused.value)


def test_code_in_an_included_file_is_refused_too(tmp_path: Path) -> None:
    file(tmp_path, "doc_to_text: !function utils.text\n", "base.yaml")
    with pytest.raises(UserError, match=r"base\.yaml: this task runs Python"):
        read_task_file(file(tmp_path, f"include: base.yaml\n{PLAIN}"))


def test_a_text_that_speaks_of_functions_is_data(tmp_path: Path) -> None:
    found = read_task_file(file(tmp_path, f'{PLAIN}description: "!function utils.text"\nextra: {{class: 3}}\n'))
    assert (found["description"], found["extra"]) == ("!function utils.text", {"class": 3})


REFUSED = (
    ("", "no mapping"),
    ("- a\n- b\n", "no mapping"),
    ("just words", "no mapping"),
    ("a: [1", "cannot be read"),
    ("a: b: c", "cannot be read"),
    ("include: task.yaml", "includes itself"),
    ("include: absent.yaml", "cannot be read"),
    ("--- \na: 1\n---\nb: 2\n", "cannot be read"),
    (f"{PLAIN}use_prompt: 'promptsource:all'", "`use_prompt` would fetch or run"),
    (f"{PLAIN}unsafe_code: true", "`unsafe_code` would fetch or run"),
    (f"{PLAIN}custom_dataset: abc", "`custom_dataset` would fetch or run"),
    ("metric_list: [{metric: rouge, hf_evaluate: true}]", "rouge would be fetched"),
)


@pytest.mark.parametrize(("text", "sentence"), REFUSED)
def test_what_cannot_be_used_is_said_in_a_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=sentence):
        read_task_file(file(tmp_path, text))


def test_bytes_that_are_no_text_deep_nesting_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes(os.urandom(200) + b"\xff\xfe")
    file(tmp_path, "[" * 5000, "deep.yaml")
    for name in ("bytes.yaml", "deep.yaml", ".", "absent.yaml"):
        with pytest.raises(UserError, match="cannot be used"):
            read_task_file(tmp_path / name)


def test_data_files_become_absolute_whatever_their_form(tmp_path: Path) -> None:
    inside = file(tmp_path, "{}", "data.jsonl"), file(tmp_path, "{}", "deep/more.jsonl")
    task = file(tmp_path, PLAIN)
    forms = {"data.jsonl": "train", str(inside[0]): "train"}
    for name, split in forms.items():
        found = local_data({"task": "t", "dataset_path": "json", "dataset_kwargs": {"data_files": name}}, task)
        assert found == {"data_files": {split: [str(inside[0])]}}
    both = {"data_files": {"test": ["data.jsonl", "deep/more.jsonl"]}, "field": "rows"}
    found = local_data({"task": "t", "dataset_path": "json", "dataset_kwargs": both}, task)
    assert found == {"field": "rows", "data_files": {"test": [str(each) for each in inside]}}


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"task": ["a", "b"], "group": "g"}, "must name one task"),
        ({"group": "g"}, "must name one task"),
        ({"dataset_path": "cais/mmlu"}, "names no local data"),
        ({"dataset_path": None}, "names no local data"),
        ({"dataset_path": "webdataset"}, "names no local data"),
        ({"dataset_kwargs": None}, "names no file"),
        ({"dataset_kwargs": {"data_files": []}}, "names no file"),
        ({"dataset_kwargs": {"data_files": {"test": None}}}, "names no file"),
        ({"dataset_kwargs": {"data_files": "https://example.org/data.jsonl"}}, "is not there"),
        ({"dataset_kwargs": {"data_files": "hf://datasets/a/b.jsonl"}}, "is not there"),
        ({"dataset_kwargs": {"data_files": "absent.jsonl"}}, "is not there"),
        ({"dataset_kwargs": {"data_files": "*.jsonl"}}, "is not there"),
        ({"dataset_kwargs": {"data_files": "empty.jsonl"}}, "is empty"),
        ({"dataset_kwargs": {"data_files": "data.jsonl", "token": "x"}}, "holds token"),
        ({"dataset_kwargs": {"data_files": "data.jsonl", "trust_remote_code": True}}, "holds trust_remote_code"),
        ({"dataset_kwargs": {"data_dir": "."}}, "holds data_dir"),
    ],
)
def test_data_that_are_not_local_are_refused(config: dict[str, object], sentence: str, tmp_path: Path) -> None:
    file(tmp_path, "{}", "data.jsonl")
    file(tmp_path, "", "empty.jsonl")
    whole = {"dataset_path": "json", "dataset_kwargs": {"data_files": "data.jsonl"}}
    whole |= {} if "group" in config else {"task": "t"}
    with pytest.raises(UserError, match=sentence):
        local_data(whole | config, tmp_path / "task.yaml")
