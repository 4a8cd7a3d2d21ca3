"""The examples that ship with the package: they can be read, are whole, and no example stands there twice."""

from __future__ import annotations

import json
from collections import Counter
from importlib import resources
from typing import Any

import pytest

from tunewright.core.ports import Details
from tunewright.evaluate.own_rows import choice, dialogue, document, evenly, own_set, question, task_names

SETS = ["general_text", "general_dialogue", "general_prompts", "instructions", "bias", "safety"]
EVERY = [*SETS, *(f"tasks/{name}" for name in task_names())]
each_set = pytest.mark.parametrize("name", EVERY)


def texts(value: Any) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for each in inside for text in texts(each)]


def test_every_file_of_the_folder_is_read_by_a_suite() -> None:
    folder = resources.files("tunewright.evaluate").joinpath("examples")
    here = {file.name for file in folder.iterdir()} - {"tasks", "README.md"}
    assert here == {f"{name}.jsonl" for name in SETS}
    assert {file.name for file in folder.joinpath("tasks").iterdir()} == {f"{name}.jsonl" for name in task_names()}


@each_set
def test_a_set_is_ascii_with_one_example_a_line(name: str) -> None:
    file = resources.files("tunewright.evaluate").joinpath("examples", f"{name}.jsonl")
    content = file.read_bytes()
    assert content.isascii()
    assert content.endswith(b"\n")
    assert b"\r" not in content
    assert [json.loads(line) for line in content.decode().splitlines()] == own_set(name)


@each_set
def test_no_example_stands_twice(name: str) -> None:
    seen = Counter(json.dumps(example, sort_keys=True).casefold() for example in own_set(name))
    assert [text for text, count in seen.items() if count > 1] == []


@each_set
def test_texts_are_tidy(name: str) -> None:
    """Nothing empty but a task's context, no doubled spaces, nothing around a text, no control characters."""
    for example in own_set(name):
        for text in texts({key: value for key, value in example.items() if (key, value) != ("context", "")}):
            assert text
            assert text == text.strip()
            assert "  " not in text
            assert all(letter.isprintable() or letter == "\n" for letter in text)


def test_the_licence_is_said() -> None:
    words = resources.files("tunewright.evaluate").joinpath("examples", "README.md").read_text(encoding="utf-8")
    assert "written for Tunewright" in words
    assert "Apache License 2.0" in words
    counts = {name: len(own_set(name)) for name in SETS if name != "safety"}
    assert [name for name, count in counts.items() if f"| `{name}.jsonl` | {count} " not in words] == []


def test_an_example_that_was_changed_leaves_the_set_as_it_was() -> None:
    first = own_set("bias")
    first[0]["attribute"] = "changed"
    assert own_set("bias")[0]["attribute"] != "changed"


@pytest.mark.parametrize("name", ["nothing", "", "../scorers/loss", "tasks"])
def test_a_set_that_is_not_there_is_a_lookup_error(name: str) -> None:
    with pytest.raises(LookupError, match="holds no examples called"):
        own_set(name)


@pytest.mark.parametrize(("count", "limit", "kept"), [(5, None, 5), (5, 9, 5), (5, 5, 5), (5, 2, 2), (0, 3, 0)])
def test_evenly_keeps_the_order_and_no_more_than_the_limit(count: int, limit: int | None, kept: int) -> None:
    found = evenly(range(count), limit)
    assert len(set(found)) == kept
    assert found == sorted(found)


def test_evenly_takes_from_every_stretch() -> None:
    assert evenly(list("aaabbbccc"), 3) == ["a", "b", "c"]
    assert evenly(range(100), 4) == [0, 25, 50, 75]


def test_rows_are_named_by_all_that_they_say() -> None:
    one, other = question("a"), question("a", Details(harmful=True))
    assert one.id != other.id
    assert one.id == question("a").id
    assert (one.prompt[0].get("content"), one.target) == ("a", "")
    assert document("text").messages[0].get("role") == "document"
    assert dialogue(({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})).target == "b"


def test_a_choice_has_its_answer_among_the_choices() -> None:
    row = choice("a", answer="b", details=Details(choices=["b", "c"]))
    assert (row.label, row.target, row.prompt[0].get("content")) == ("b", "b", "a")
    assert choice("", answer="b", details=Details(choices=["b", "c"])).prompt == ()
    with pytest.raises(ValueError, match="none of the choices"):
        choice("a", answer="d", details=Details(choices=["b", "c"]))
