"""Pairs out of stored answers: which way is meant, what there is instead, rows that come twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate.judging.duels import row, write_evaluation
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.evaluate.compare import Measured
from tunewright.evaluate.judging.pairs import read_duel
from tunewright.evaluate.store import write_answers


def measured(way: str, base: list[str], tuned: list[str] | None, *, choices: tuple[float, ...] = ()) -> Measured:
    def of(texts: list[str]) -> list[AnsweredRow]:
        return [AnsweredRow(row(place), text, choices=choices) for place, text in enumerate(texts)]

    return Measured(way, "bare", of(base), of(base), None if tuned is None else of(tuned))


def test_pairs_have_prompt_answers_and_family(tmp_path: Path) -> None:
    duel = read_duel(write_evaluation(tmp_path, 6, families=2))
    assert (duel.way, duel.models, len(duel.pairs), duel.repeated) == ("answers", ("base", "tuned"), 6, 0)
    pair = next(one for one in duel.pairs if one.row == "row0003")
    assert pair.prompt == ({"role": "user", "content": "Question 3?"},)
    assert pair.answers == ("I am base, row 3.", "I am tuned, row 3.")
    assert pair.family == "f1"
    assert [duel.side(winner) for winner in ("base", "tuned", "tie")] == [0, 1, None]


def test_the_first_way_in_which_both_wrote_is_meant(tmp_path: Path) -> None:
    ways = [
        measured("heldout", ["", ""], ["", ""]),
        measured("ranked", ["yes", "no"], ["no", "yes"], choices=(-1.0, -2.0)),
        measured("spoken", ["a", "b"], ["c", "d"]),
        measured("later", ["e", "f"], ["g", "h"]),
    ]
    write_answers(tmp_path, ways)
    assert read_duel(tmp_path).way == "spoken"
    assert read_duel(tmp_path, way="later").pairs[0].answers in (("e", "g"), ("f", "h"))
    for way, sentence in [("ranked", "neither model wrote"), ("nothing", "There is: heldout, ranked, spoken, later")]:
        with pytest.raises(UserError, match=sentence):
            read_duel(tmp_path, way=way)


def test_rows_that_come_twice_stand_once(tmp_path: Path) -> None:
    def of(model: str) -> list[AnsweredRow]:
        return [AnsweredRow(row(number), f"{model} {number}") for number in (0, 1, 1, 0, 2)]

    write_answers(tmp_path, [Measured("answers", "bare", of("base"), of("base"), of("tuned"))])
    duel = read_duel(tmp_path)
    assert sorted(pair.row for pair in duel.pairs) == ["row0000", "row0001", "row0002"]
    assert duel.repeated == 2


@pytest.mark.parametrize(
    ("ways", "models", "sentence"),
    [
        (None, ("base", "tuned"), "no answers are stored here"),
        ([], ("base", "tuned"), "holds no answer"),
        ([measured("answers", [], [])], ("base", "tuned"), "holds no answer"),
        ([measured("answers", ["a"], None)], ("base", "tuned"), "tuned gave no answers here.*base, base_same_prompt"),
        ([measured("answers", ["a"], ["b"])], ("base", "base"), "cannot be compared with itself"),
        ([measured("answers", ["a"], ["b"])], ("base", "gpt"), "gpt gave no answers"),
        ([measured("answers", ["", ""], ["", ""])], ("base", "tuned"), "neither model wrote"),
    ],
)
def test_nothing_to_judge_is_one_sentence(tmp_path: Path, ways, models, sentence: str) -> None:
    if ways is not None:
        write_answers(tmp_path, ways)
    with pytest.raises(UserError, match=sentence):
        read_duel(tmp_path, models=models)
