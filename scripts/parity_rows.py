"""Random answered rows with everything that a scorer can ask for, for `scorer_parity.py` and its tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Details, Message, Row

_SAID = """
the of a heart lung pumps blood Blood, artery vein. Is it? 3.5 12,000 état naïve 心臓 can't well-known (see) U.S. & 50%
İstanbul ß "quoted" it's no yes; and* or_ <tag> <<title>> Section 2 [name] P.S. ok! … A B C x y z
"""
WORDS = tuple(_SAID.split())
FORMS = ("prose", "lines", "json", "list", "marks", "empty")
SCHEMAS: tuple[dict[str, Any], ...] = (
    {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "minimum": 2}}},
    {"type": "object", "additionalProperties": False, "properties": {"a": {}, "b": {"type": "array"}}},
    {"type": "object", "patternProperties": {"^a": {"type": "integer"}}, "additionalProperties": {"type": "array"}},
    {"type": "object", "properties": {"b": {"type": "array", "uniqueItems": True, "maxItems": 3}}},
    {"anyOf": [{"type": "array"}, {"properties": {"c": {"type": "string", "pattern": "^[a-m]"}}, "required": ["c"]}]},
    {"$defs": {"n": {"type": "number", "multipleOf": 0.5}}, "properties": {"a": {"$ref": "#/$defs/n"}}},
)


@dataclass(frozen=True)
class Drawn:
    """Random rows and their labels."""

    rows: list[AnsweredRow]
    labels: tuple[str, ...]
    seed: int


def drawn(seed: int, *, rows: int | None = None) -> Drawn:
    """Random rows, 1 to 200 of them unless said otherwise; the same for the same seed."""
    random = np.random.default_rng(seed)
    labels = tuple(f"label {number}" for number in range(int(random.integers(1, 9))))
    count = int(random.integers(1, 200)) if rows is None else rows
    return Drawn([_row(random, labels, place) for place in range(count)], labels, seed)


def _row(random: np.random.Generator, labels: tuple[str, ...], place: int) -> AnsweredRow:
    label = str(random.choice(labels))
    said = [label, *labels, "something else", None][int(random.integers(0, len(labels) + 3))]
    target = text(random, 1, 30)
    answer = edited(random, target) if random.random() < 0.7 else shaped(random)
    logs = tuple((-random.exponential(size=int(random.integers(1, 30)))).tolist())
    turns: tuple[Message, ...] = (
        {"role": "user", "content": text(random, 3, 20)},
        {"role": "assistant", "content": target},
    )
    return AnsweredRow(
        Row(f"{place}", turns, label=label, details=_details(random, len(logs))),
        answer,
        said,
        logs,
        tuple((random.random(len(logs)) < 0.5).tolist()),
        tuple(random.random(len(logs)).tolist()) if place % 2 else (),
        choices=tuple(random.normal(-5, 3, len(labels) if place % 2 else 2).tolist()),
        finish=str(random.choice(["stop", "length"])),
        seconds=float(random.exponential()),
        first_token_s=float(random.exponential()) / 10,
        bytes=int(random.integers(1, 200)),
    )


def _details(random: np.random.Generator, tokens: int) -> Details:
    return Details(
        references=[text(random, 1, 30) for _ in range(int(random.integers(0, 3)))],
        context=text(random, 5, 60),
        schema=SCHEMAS[int(random.integers(0, len(SCHEMAS)))],
        rules=[{"rule": "punctuation:no_comma"}, {"rule": "keywords:existence", "keywords": ["heart"]}],
        attribute=str(random.choice(["x", "y", "z"])),
        harmful=bool(random.random() < 0.5),
        log_probabilities=(-random.exponential(size=tokens)).tolist(),
    )


def text(random: np.random.Generator, least: int, most: int) -> str:
    """Some words, with punctuation, digits and letters of other scripts among them."""
    return " ".join(str(word) for word in random.choice(WORDS, int(random.integers(least, most + 1))))


def edited(random: np.random.Generator, target: str) -> str:
    """A text with a few words left out, put in or changed."""
    words = [word for word in target.split() if random.random() > 0.2]
    for _ in range(int(random.integers(0, 5))):
        words.insert(int(random.integers(0, len(words) + 1)), str(random.choice(WORDS)))
    return " ".join(words)


def shaped(random: np.random.Generator) -> str:
    """A text in one of several forms: lines, JSON, a list, marks of Markdown, nothing."""
    form = FORMS[int(random.integers(0, len(FORMS)))]
    if form == "json":
        value = {key: _json(random) for key in "abc" if random.random() < 0.6}
        return json.dumps(value) + str(random.choice(["", "", ",", " NaN"]))
    parts = [text(random, 1, 9) for _ in range(int(random.integers(1, 6)))]
    joined = {"prose": " ", "lines": "\n", "list": "\n* ", "marks": str(random.choice(["\n\n", " *** ", "******"]))}
    if form == "empty":
        return str(random.choice(["", " ", "\n"]))
    done = joined[form].join(parts)
    return f"*{done}*" if form == "marks" else done


def _json(random: np.random.Generator) -> Any:
    values: list[Any] = [1, 2.5, 7, True, None, "abc", "xyz", [1, 1.0], [1, True], [{"a": 1}, {"a": 2}], {}]
    return values[int(random.integers(0, len(values)))]
