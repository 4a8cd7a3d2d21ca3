"""Detection of the shape by the first rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.builders import every, write_jsonl
from tunewright.core.errors import UserError
from tunewright.data.files import SourceFile
from tunewright.data.shape import choose_shape


def detected(path: Path, rows: list[Any]) -> str:
    file = SourceFile(write_jsonl(path / "f.jsonl", rows), "f.jsonl", "", "auto")
    return choose_shape(every("shapes"), every("sources"), files=[file])[0]


def test_some_bad_rows_do_not_mislead(tmp_path: Path) -> None:
    rows = [3, {"x": 1}, *[{"prompt": "p", "completion": "c"}] * 3]
    assert detected(tmp_path, rows) == "prompt_completion"


def test_several_fitting_shapes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"labelled, prompt_completion.*data\.shape"):
        detected(tmp_path, [{"prompt": "p", "completion": "c", "text": "t", "label": "l"}])


def test_no_fitting_shape_shows_the_columns(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"columns body, kind.*alpaca, chat"):
        detected(tmp_path, [{"body": "p", "kind": "c"}])


def test_no_readable_row_shows_the_first_problem(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 1: not_an_object"):
        detected(tmp_path, [[], 3])


def test_a_problem_that_is_a_question_has_one_mark(tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_bytes('{"prompt": "p"}\n'.encode("utf-16"))
    with pytest.raises(UserError, match=r"is the file UTF-16\? Mend"):
        choose_shape(every("shapes"), every("sources"), files=[SourceFile(tmp_path / "f.jsonl", "f.jsonl", "", "auto")])


def test_a_chosen_shape_is_not_questioned(tmp_path: Path) -> None:
    only = {"chat": every("shapes")["chat"]}
    file = SourceFile(write_jsonl(tmp_path / "f.jsonl", [{"x": 1}]), "f.jsonl", "", "auto")
    assert choose_shape(only, every("sources"), files=[file])[0] == "chat"
