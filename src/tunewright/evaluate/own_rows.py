"""Reads the examples that ship inside the package: JSON Lines in the folder `examples`, one set a file.

`examples/README.md` says who wrote them and under which licence. N examples.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, TypeVar

from tunewright.core import digest
from tunewright.core.ports import Details, Message, Row

PACKAGE = "tunewright.evaluate"
FOLDER = "examples"
TASKS = "tasks"
DOCUMENT = "document"

Item = TypeVar("Item")


def own_set(name: str) -> list[dict[str, Any]]:
    """The examples of a set such as "bias" or "tasks/opposites", in file order; each a fresh copy.

    Raises LookupError when the package holds no set of that name.
    """
    return [json.loads(line) for line in _lines(name)]


@cache
def _lines(name: str) -> tuple[str, ...]:
    try:
        text = resources.files(PACKAGE).joinpath(FOLDER, f"{name}.jsonl").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise LookupError(f"the package holds no examples called {name}") from error
    return tuple(line for line in text.splitlines() if line)


@cache
def task_names() -> tuple[str, ...]:
    """Names of the multiple-choice tasks, sorted."""
    files = resources.files(PACKAGE).joinpath(FOLDER, TASKS).iterdir()
    return tuple(sorted(file.name.removesuffix(".jsonl") for file in files if file.name.endswith(".jsonl")))


def evenly(items: Sequence[Item], limit: int | None) -> list[Item]:
    """At most `limit` items, taken at equal distances so that every stretch of a set stays in; all of them for None."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[place * len(items) // limit] for place in range(limit)]


def document(text: str, details: Details | None = None) -> Row:
    """A row of plain text."""
    return _row(({"role": DOCUMENT, "content": text},), None, details or Details())


def dialogue(turns: Sequence[Message], details: Details | None = None) -> Row:
    """A row whose last turn is the answer."""
    return _row(tuple(turns), None, details or Details())


def question(prompt: str, details: Details | None = None) -> Row:
    """A row whose answer nobody has given: its last turn is empty."""
    return _row(({"role": "user", "content": prompt}, {"role": "assistant", "content": ""}), None, details or Details())


def choice(context: str, *, answer: str, details: Details) -> Row:
    """A row whose label is one of `details["choices"]`; without a context it is a text that stands alone.

    Raises ValueError where the answer is none of the choices.
    """
    if answer not in details.get("choices", []):
        raise ValueError(f"{answer!r} is none of the choices of {context!r}")
    if not context:
        return _row(({"role": DOCUMENT, "content": answer},), answer, details)
    return _row(({"role": "user", "content": context}, {"role": "assistant", "content": answer}), answer, details)


def _row(messages: tuple[Message, ...], label: str | None, details: Details) -> Row:
    """A row whose id is the digest of all that it says."""
    return Row(digest.of_json([messages, label, details]), messages, label, source=PACKAGE, details=details)
