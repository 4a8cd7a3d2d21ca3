"""What a judge is told and how its verdict is read."""

from __future__ import annotations

import pytest

from tunewright.evaluate.judging.pairs import Pair
from tunewright.evaluate.judging.prompt import judge_identity, question, question_key, read_verdict

PAIR = Pair("r", ({"role": "system", "content": "S"}, {"role": "user", "content": "Q {mark}?"}), ("A {x}", "B"))


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("VERDICT: first", "first"),
        ("It is shorter.\n\nVERDICT: second\n\n", "second"),
        ("It is shorter.\n  **Verdict:** Tie.", "tie"),
        ("**VERDICT: first**", "first"),
        ("<think>VERDICT: first\n</think>\nVERDICT: second", "second"),
        ("<think>\nVERDICT: first", None),
        ("VERDICT: first VERDICT: second", None),
        ("VERDICT: tie\nVERDICT: tie", None),
        ("VERDICT: first\nbecause", None),
        ("VERDICT: none", None),
        ("VERDICT:", None),
        ("first", None),
        ("", None),
        ("My VERDICT: first", None),
    ],
)
def test_a_verdict_is_read_strictly(answer: str, verdict: str | None) -> None:
    assert read_verdict(answer) == verdict


def test_a_question_holds_everything_between_marks_that_answers_cannot_know() -> None:
    first, second = question(PAIR, 0), question(PAIR, 1, rubric=" Be {kind}. ")
    text = first.messages[1].get("content", "")
    assert text.index("A {x}") < text.index("B")
    assert "[system]\nS\n\n[user]\nQ {mark}?" in text
    mark = text[1 : text.index(" ")]
    assert mark in first.messages[0].get("content", "")
    assert text.count(mark) == 6
    assert "Above all, judge by this: Be {kind}." in second.messages[0].get("content", "")
    assert "Above all" not in first.messages[0].get("content", "")
    assert second.messages[1].get("content", "").index("B\n") < second.messages[1].get("content", "").index("A {x}")
    other = question(Pair("r", PAIR.prompt, ("A", "C")), 0).messages[1].get("content", "")
    assert mark not in other


def test_keys_tell_judges_pairs_and_orders_apart() -> None:
    plain = {"rubric": "", "max_new_tokens": 5}
    judges = [
        judge_identity("u", "m", **plain),
        judge_identity("u", "n", **plain),
        judge_identity("v", "m", **plain),
        judge_identity("u", "m", rubric="r", max_new_tokens=5),
        judge_identity("u", "m", rubric="", max_new_tokens=6),
    ]
    pairs = [PAIR, Pair("r", PAIR.prompt, ("B", "A {x}")), Pair("r", PAIR.prompt[1:], PAIR.answers)]
    keys = {question_key(judge, pair, order=order) for judge in judges for pair in pairs for order in (0, 1)}
    assert len(keys) == 5 * 3 * 2
    same = Pair("another row", PAIR.prompt, PAIR.answers, "another family")
    assert question_key(judges[0], same, order=0) == question_key(judges[0], PAIR, order=0)
