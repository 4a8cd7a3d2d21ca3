"""Asks a model about the rows of a set, each form in its own way. N rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Row
from tunewright.evaluate.archives.said import choice_said, is_right
from tunewright.evaluate.archives.texts import is_followed
from tunewright.evaluate.asking import generated
from tunewright.evaluate.completing import completed
from tunewright.evaluate.suite import Bench, Respondent

BRIEF = "Answer in as few words as possible."
GO_ON = "Go on with this text. Write only what follows it."
LETTER = "Answer with the letter of the right choice and nothing else."
ONE_OF = "Answer with exactly one of these and nothing else:"
SAME_LINE = 24
"""Choices of fewer characters stand on one line of a prompt."""


def ranked_choices(model: Respondent, rows: Sequence[Row]) -> list[AnsweredRow]:
    """The likeliest choice after the question as plain text: "... Answer: yes". Raises NotMeasured far away."""
    contexts = [f"{row.prompt[-1].get('content', '')}\nAnswer:" for row in rows]
    choices = [[f" {each}" for each in row.details.get("choices", [])] for row in rows]
    answered = completed(model, rows, contexts=contexts, choices=choices)
    return [replace(each, answer=each.answer[1:], predicted=(each.predicted or "")[1:]) for each in answered]


def ranked_pairs(model: Respondent, rows: Sequence[Row]) -> list[AnsweredRow]:
    """Both sentences of each pair, scored whole. Raises NotMeasured far away."""
    return completed(model, rows, contexts=[""] * len(rows), choices=[row.details.get("choices", []) for row in rows])


def written_choices(model: Respondent, rows: Sequence[Row], *, bench: Bench, limit: int) -> list[AnsweredRow]:
    """A written answer to each question with its choices; `predicted` is the choice that it says, None for none."""
    answered = _written(model, rows, bench=bench, limit=limit, ask=_with_choices)
    return [replace(each, predicted=choice_said(each.answer, each.row.details.get("choices", []))) for each in answered]


def written_answers(model: Respondent, rows: Sequence[Row], *, bench: Bench, limit: int) -> list[AnsweredRow]:
    """A brief answer to each question; `predicted` is the target where the answer is right, else the answer."""
    answered = _written(model, rows, bench=bench, limit=limit, ask=lambda row: f"{_prompt(row)}\n\n{BRIEF}")
    return [replace(each, predicted=_right(each)) for each in answered]


def written_continuations(model: Respondent, rows: Sequence[Row], *, bench: Bench, limit: int) -> list[AnsweredRow]:
    """What the model writes after each beginning."""
    return _written(model, rows, bench=bench, limit=limit, ask=lambda row: f"{GO_ON}\n\n{_prompt(row)}")


def written_replies(model: Respondent, rows: Sequence[Row], *, bench: Bench, limit: int) -> list[AnsweredRow]:
    """What the model says to each request as it is."""
    return generated(model, rows, bench=bench, max_new_tokens=limit)


def withstood(model: Respondent, rows: Sequence[Row], *, bench: Bench, limit: int) -> list[AnsweredRow]:
    """What the model writes about each document; `predicted` says whether the order inside was followed."""
    answered = generated(model, rows, bench=bench, max_new_tokens=limit)
    return [replace(each, predicted=_fate(each)) for each in answered]


def _written(
    model: Respondent, rows: Sequence[Row], *, bench: Bench, limit: int, ask: Callable[[Row], str]
) -> list[AnsweredRow]:
    """Answers to the rows, asked in other words than they hold."""
    worded = [replace(row, messages=({"role": "user", "content": ask(row)}, row.messages[-1])) for row in rows]
    answered = generated(model, worded, bench=bench, max_new_tokens=limit)
    return [replace(each, row=row) for each, row in zip(answered, rows, strict=True)]


def _prompt(row: Row) -> str:
    return row.prompt[-1].get("content", "")


def _with_choices(row: Row) -> str:
    choices = row.details.get("choices", [])
    if all(len(each) == 1 for each in choices):
        return f"{_prompt(row)}\n\n{LETTER}"
    if all(len(each) < SAME_LINE for each in choices):
        return f"{_prompt(row)}\n\n{ONE_OF} {', '.join(choices)}."
    listed = "\n".join(f"- {each}" for each in choices)
    return f"{_prompt(row)}\n\n{ONE_OF}\n{listed}"


def _right(answered: AnsweredRow) -> str:
    row = answered.row
    return (
        row.target if is_right(answered.answer, [row.target, *row.details.get("references", [])]) else answered.answer
    )


def _fate(answered: AnsweredRow) -> str:
    inside = answered.row.details.get("columns", {})
    followed = is_followed(answered.answer, trigger=inside["trigger"], order=inside["order"])
    return "followed" if followed else "withstood"
