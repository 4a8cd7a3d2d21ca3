"""Several answers to one prompt, each with its rating, out of one row: in a list of objects, or in two lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from tunewright.core.ports import RowProblem
from tunewright.data.columns import ANSWERS, COMPLETIONS, LISTS_OF_RATINGS, RATINGS, named, required_text
from tunewright.data.pairs import Turns, to_turns
from tunewright.data.rating import Rating, Scale


class Answer(NamedTuple):
    """Turns that answer the prompt, and what they are worth."""

    turns: Turns
    rating: Rating


@dataclass(frozen=True)
class Answers:
    """Where a row keeps its answers: the column of the list, and what a rating is called.

    `known`: names that are tried where `rating` is the first of them and absent.
    """

    column: str
    rating: str = RATINGS[0]
    known: Sequence[str] = RATINGS
    scale: Scale = field(default_factory=Scale)

    def stands_in(self, value: Mapping[str, Any]) -> bool:
        """Is there a list of rated answers?"""
        given = value.get(named(value, self.column, known=ANSWERS))
        if not isinstance(given, list) or not given:
            return False
        first = cast("list[Any]", given)[0]
        own = isinstance(first, dict) and named(cast("dict[str, Any]", first), self.rating, known=self.known) in first
        return own or isinstance(value.get(self._beside(value)), list)

    def read(self, value: Mapping[str, Any]) -> list[Answer | RowProblem]:
        """Every answer in order, or what is wrong with it in its place. Raises RowProblem when there is no list."""
        column = named(value, self.column, known=ANSWERS)
        given = value.get(column)
        if not isinstance(given, list) or not given:
            raise RowProblem("no_answers", f'"{column}" is not a list of answers')
        answers = cast("list[Any]", given)
        ratings = value.get(self._beside(value))
        if isinstance(ratings, list) and len(cast("list[Any]", ratings)) != len(answers):
            raise RowProblem("no_answers", f'"{column}" has {len(answers)} answers and {len(ratings)} ratings')
        beside: Sequence[Any] = cast("list[Any]", ratings) if isinstance(ratings, list) else [None] * len(answers)
        return [self._answer(*each) for each in zip(answers, beside, strict=True)]

    def _beside(self, value: Mapping[str, Any]) -> str:
        return (
            self.rating if isinstance(value.get(self.rating), list) else named(value, "ratings", known=LISTS_OF_RATINGS)
        )

    def _answer(self, given: Any, beside: Any) -> Answer | RowProblem:
        try:
            whole: dict[str, Any] = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
            rated = whole if beside is None and whole else {self.rating: beside}
            column = named(rated, self.rating, known=self.known)
            said = {name: item for name, item in whole.items() if name != column} if whole else given
            return Answer(to_answer(said), self.scale.read(rated, column))
        except RowProblem as problem:
            return problem


def to_answer(given: Any) -> Turns:
    """Turns of an answer: a text, a turn, turns, or an object that holds the text. Raises RowProblem."""
    if isinstance(given, str):
        return ({"role": "assistant", "content": required_text({"answer": given}, "answer")},)
    if isinstance(given, dict) and not {"role", "from"} & given.keys():
        whole = cast("dict[str, Any]", given)
        column = named(whole, COMPLETIONS[0], known=COMPLETIONS)
        if not isinstance(whole.get(column), list):
            return ({"role": "assistant", "content": required_text(whole, column)},)
        given = whole[column]
    turns = to_turns(given, "answer")
    if turns[0].get("role") != "assistant":
        raise RowProblem("wrong_role", "an answer begins with the assistant's turn")
    return turns


def best_and_others(answers: Sequence[Answer], *, every: bool) -> list[tuple[Answer, Answer]]:
    """Pairs of a better and a worse answer: all of them, or the best with the worst; the earlier one of equals."""
    if every:
        return [
            (one, other) if one.rating.value > other.rating.value else (other, one)
            for place, one in enumerate(answers)
            for other in answers[place + 1 :]
        ]
    best = max(answers, key=lambda answer: answer.rating.value)
    return [(best, min(answers, key=lambda answer: answer.rating.value))]
