"""Two evaluations to put side by side: answers written by hand, with what a record of them would say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.evaluate.fakes import scorers
from tunewright.core.answers import AnsweredRow
from tunewright.core.nouns import Comparison, Evaluation
from tunewright.core.ports import Details, Row
from tunewright.evaluate.compare import Measured
from tunewright.evaluate.pairing import Side
from tunewright.evaluate.side_by_side import SideBySide, Wanted, put_side_by_side

EMPTY = Comparison(base=None, base_same_prompt=None, tuned=None, n=0)


def row(number: int, *, label: str | None = None, target: str = "true", **details: Any) -> Row:
    """A row of two turns."""
    turns = ({"role": "user", "content": f"Question {number}?"}, {"role": "assistant", "content": label or target})
    return Row(f"row{number:04}", turns, label, "rows.jsonl", number, details=Details(**details))


def said(answers: Mapping[int, str], **details: Any) -> list[AnsweredRow]:
    """Written answers to rows by number."""
    return [AnsweredRow(row(number, **details), text, finish="stop") for number, text in answers.items()]


def labelled(answers: Mapping[int, tuple[str, str | None]]) -> list[AnsweredRow]:
    """Labels that were predicted: by row its own label and the predicted one."""
    return [
        AnsweredRow(row(number, label=label), predicted or "", predicted, finish="stop")
        for number, (label, predicted) in answers.items()
    ]


def side(
    ways: Mapping[str, tuple[Sequence[str], list[AnsweredRow]]],
    *,
    labels: tuple[str, ...] = (),
    trained: frozenset[str] | None = frozenset(),
    **keys: Any,
) -> Side:
    """One evaluation: of each way its metrics and the tuned model's answers. The base said "base" to everything."""
    answers = [
        Measured(way, "bare", base := [AnsweredRow(one.row, "base", finish="stop") for one in rows], base, rows)
        for way, (_, rows) in ways.items()
    ]
    suites = {way: dict.fromkeys(metrics, EMPTY) for way, (metrics, _) in ways.items()}
    found = {"name": "n", "key": "k", "model": "m", "dataset": "d", "split": "test"} | keys
    return Side(Evaluation(**found, suites=suites, labels=labels), answers, trained)


def compared(a: Side, b: Side, *metrics: str, most: int = 10) -> SideBySide:
    """Side by side, with every metric of the catalog at hand."""
    return put_side_by_side(a, b, scorers=scorers(), wanted=Wanted(metrics, most))
