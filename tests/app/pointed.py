"""What `evaluate` is pointed at in tests: a file of rows, and a server whose models are right, wrong, or half so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.evaluate.judging.scripted import Say, answer
from tunewright.app.targets import Answer, Asked, evaluate
from tunewright.core.errors import TunewrightError
from tunewright.core.events import Event, silent

SUITE = "file:path=test.jsonl,max_new_tokens=4"
WAY = "file_test"
ROWS = [{"prompt": f"case {number}?", "completion": "right"} for number in range(12)]


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def asked(
    *names: str, suites: tuple[str, ...] = (SUITE,), emit: Callable[[Event], None] = silent, **keys: Any
) -> list[Answer]:
    home = keys.pop("home", Path.cwd() / "home")
    return evaluate(Asked(names, suites, home=home, **keys), emit)


def by_name(body: dict[str, Any], _number: int) -> Say:
    """The model `good` is right, `half` is right on even cases, any other wrong."""
    case = int("".join(filter(str.isdigit, body["messages"][-1]["content"])))
    right = body["model"] == "good" or (body["model"] == "half" and case % 2 == 0)
    return answer("right" if right else "wrong")


def one_sentence(error: TunewrightError, *, exit_code: int) -> None:
    """One problem with what to do, in one line."""
    (problem,) = error.problems
    assert error.exit_code == exit_code
    assert problem.what and problem.do
    assert "\n" not in problem.sentence()
    assert len(problem.sentence()) < 700
