"""Texts that are no recipe: each is one clear sentence, and none takes long."""

from __future__ import annotations

import time

import pytest

from tunewright.core.errors import UserError
from tunewright.recipe.document import Reader, walk


def refusal(text: str) -> str:
    with pytest.raises(UserError) as caught:
        Reader("f.yaml").read(text)
    return str(caught.value)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdef", "bcdefg")
)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (BOMB, "f.yaml:4: more than 20000 values"),
        ("a: &a [*a]", 'f.yaml:1: the alias "*a" points to nothing that is complete'),
        ("a: *b", 'f.yaml:1: the alias "*b" points to nothing'),
        ("a: 1\nb: !!python/object/apply:os.system [x]", 'f.yaml:2: the tag "python/object/apply:os.system"'),
        ("a: !own x", 'f.yaml:1: the tag "!own" is not used'),
        ("a: 1\n---\nb: 2", "f.yaml:2: a second document begins"),
        ("? [a]\n: b", "f.yaml:1: a key must be a word"),
        ("a: 'x", "f.yaml:1: this is not YAML"),
        ("a:\n\t- b", "f.yaml:2: this is not YAML"),
        ("a: 1\nb: \x00", "f.yaml:2: a character here may not stand"),
        ("a: \ud800", "f.yaml:1: a character here may not stand"),
        ("[" * 100_000, "f.yaml:1: brackets are nested more than 32 deep"),
        ("{a: " * 100_000, "f.yaml:1: brackets are nested more than 32 deep"),
        ("? " * 100_000, "f.yaml:1:"),
    ],
)
def test_each_is_one_sentence_with_its_line_and_quick(text: str, start: str) -> None:
    began = time.monotonic()
    assert refusal(text).startswith(start)
    assert time.monotonic() - began < 2


def test_lines_are_those_of_keys_and_entries() -> None:
    tree = Reader("f").read("a: 1\nb:\n  - x\n  - y: 2\n")
    assert tree is not None
    assert tree.key_lines == {"a": 1, "b": 2}
    assert {path: node.line for path, node in walk(tree)} == {("a",): 1, ("b", 0): 3, ("b", 1, "y"): 4}


def test_duplicate_keys_are_noted_and_the_first_stands() -> None:
    reader = Reader("f.yaml")
    tree = reader.read("a: 1\nb: 2\na: 3\n")
    assert tree is not None
    assert [problem.sentence() for problem in reader.problems] == [
        'f.yaml:3: the key "a" stands here a second time; the first is on line 1. Remove one of them.'
    ]
    assert {path: node.value for path, node in walk(tree)} == {("a",): 1, ("b",): 2}


def test_an_alias_is_its_anchor() -> None:
    tree = Reader("f").read("a: &x {k: [1, no]}\nb: *x\n")
    assert tree is not None
    assert {path: node.value for path, node in walk(tree) if path[0] == "b"} == {("b", "k", 0): 1, ("b", "k", 1): "no"}


def test_quoted_scalars_are_text() -> None:
    tree = Reader("f").read("a: '1'\nb: \"true\"\nc: |\n  5\nd: ! 5\n")
    assert tree is not None
    assert [node.value for _path, node in walk(tree)] == ["1", "true", "5\n", "5"]
