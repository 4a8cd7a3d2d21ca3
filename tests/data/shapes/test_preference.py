"""Preference pairs in every form that is read: what won, what lost, and the prompt before both; against TRL."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

import pytest
from trl.data_utils import maybe_extract_prompt

from tests.data.builders import every
from tunewright.core import catalog
from tunewright.core.ports import Converted, NothingLearnt, RowProblem


def turn(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


U, WON, LOST = turn("user", "Hi"), turn("assistant", "Hello!"), turn("assistant", "Go away.")
FORMS = [
    {"prompt": "Hi", "chosen": "Hello!", "rejected": "Go away."},
    {"prompt": [U], "chosen": WON, "rejected": LOST},
    {"prompt": [U], "chosen": [WON], "rejected": "Go away."},
    {"prompt": U, "chosen": [WON], "rejected": [LOST]},
    {"chosen": [U, WON], "rejected": [U, LOST]},
    {"prompt": "Hi", "chosen": [U, WON], "rejected": [U, LOST], "messages": [U, WON], "score_chosen": 8.5},
    {"prompt": [U], "chosen": [U, WON], "rejected": [U, LOST]},
    {"chosen": "\n\nHuman: Hi\n\nAssistant: Hello!", "rejected": "\n\nHuman: Hi\n\nAssistant: Go away."},
    {
        "conversations": [{"from": "human", "value": "Hi"}],
        "chosen": {"from": "gpt", "value": "Hello!"},
        "rejected": {"from": "gpt", "value": "Go away."},
    },
]
BAD = [
    ({"prompt": "Hi", "chosen": "Hello!", "rejected": "Hello! \n"}, "no_preference"),
    ({"prompt": [U], "chosen": [WON], "rejected": [{**WON, "weight": 0}]}, "no_preference"),
    ({"chosen": [U, WON], "rejected": [U, WON, U, LOST]}, "no_preference"),
    ({"chosen": [U, WON], "rejected": [turn("user", "Ho"), LOST]}, "no_common_prompt"),
    ({"chosen": [U, WON, U, WON], "rejected": [U, WON, turn("user", "Ho"), LOST]}, "no_common_prompt"),
    ({"chosen": "Hello!", "rejected": "Go away."}, "no_common_prompt"),
    ({"chosen": [WON], "rejected": [LOST]}, "no_common_prompt"),
    ({"prompt": [turn("user", "Ho")], "chosen": [U, WON], "rejected": [U, LOST]}, "no_common_prompt"),
    ({"prompt": [U], "chosen": [WON, U, WON], "rejected": [LOST]}, "several_turns_won"),
    ({"prompt": [U], "chosen": [WON], "rejected": [LOST, U]}, "no_answer_last"),
    ({"prompt": [U, WON], "chosen": [WON], "rejected": []}, "no_turns"),
    ({"prompt": "Hi", "chosen": "Hello!", "rejected": ""}, "empty_text"),
    ({"prompt": "Hi", "chosen": None, "rejected": "x"}, "missing_column"),
    ({"prompt": " ", "chosen": "Hello!", "rejected": "x"}, "empty_text"),
    ({"prompt": 3, "chosen": "Hello!", "rejected": "x"}, "no_turns"),
    ({"prompt": [], "chosen": "Hello!", "rejected": "x"}, "no_turns"),
    ({"prompt": [U], "chosen": [3], "rejected": "x"}, "turn_not_an_object"),
    ({"prompt": [U], "chosen": {"from": "robot", "value": "x"}, "rejected": "x"}, "wrong_role"),
    ({"prompt": [U], "chosen": [turn("assistant", " ")], "rejected": "x"}, "empty_turn"),
    ({"prompt": [turn("system", "s"), U], "system": "t", "chosen": "a", "rejected": "b"}, "two_system_turns"),
    ({"prompt": "Hi", "chosen": "a", "rejected": "b", "tools": [1]}, "wrong_tools"),
    ({"chosen": "Human: Hi\n\nAssistant:", "rejected": "Human: Hi\n\nAssistant: a"}, "empty_turn"),
]


def converted(value: dict[str, Any]) -> Converted:
    return every("shapes")["preference"].convert(value)


@pytest.mark.parametrize("value", FORMS, ids=lambda value: "+".join(value))
def test_every_form_gives_the_same_row_and_is_detected(value: dict[str, Any]) -> None:
    assert converted(value) == Converted((U, WON), rejected=(LOST,))
    assert [name for name, shape in every("shapes").items() if shape.fits(frozenset(value), value)] == ["preference"]


@pytest.mark.parametrize(("value", "reason"), BAD)
def test_a_row_without_a_preference_says_why(value: dict[str, Any], reason: str) -> None:
    with pytest.raises(RowProblem) as caught:
        converted(value)
    assert caught.value.reason == reason and caught.value.detail


def test_what_is_no_pair_is_left_to_the_other_shapes() -> None:
    for value in ({"prompt": "a", "completion": "b"}, {"prompt": "a", "chosen": "b"}, {"chosen": "a", "rejected": "b"}):
        assert not every("shapes")["preference"].fits(frozenset(value), value)


def test_earlier_answers_are_not_trained_and_the_loser_may_take_several_turns() -> None:
    call = turn("assistant", "", tool_calls=[{"type": "function", "function": {"name": "f", "arguments": {}}}])
    tool = {"type": "function", "function": {"name": "f"}}
    prompt = [U, turn("assistant", "Yes?", weight=1), turn("user", "Add.")]
    lost = [call, turn("tool", "3"), LOST]
    found = converted({"prompt": prompt, "chosen": [WON], "rejected": lost, "system": "Be brief.", "tools": [tool]})
    assert found.messages == (
        turn("system", "Be brief."),
        U,
        turn("assistant", "Yes?", weight=0.0),
        turn("user", "Add."),
        WON,
    )
    assert found.rejected == tuple(lost)
    assert found.tools == (tool,)


def test_a_beginning_that_both_answers_share_belongs_to_the_prompt() -> None:
    more = turn("user", "More.")
    value = {"prompt": [U], "chosen": [WON, more, turn("assistant", "a")], "rejected": [WON, more, LOST]}
    found = converted(value)
    assert found.messages == (U, {**WON, "weight": 0.0}, more, turn("assistant", "a"))
    assert found.rejected == (LOST,)


def test_columns_may_be_named() -> None:
    options = catalog.options("shapes", "preference")(prompt="question", chosen="better", rejected="worse")
    shape = catalog.work("shapes", "preference")(options)
    value = {"question": "Hi", "better": "Hello!", "worse": "Go away.", "prompt": 3}
    assert shape.convert(value) == Converted((U, WON), rejected=(LOST,))
    assert shape.fits(frozenset(value), value)


ANSWERS = [{"response": "best", "score": 9}, {"response": "worst", "score": 1}, {"response": "fair", "score": 5}]


def scored(answers: list[Any], **options: Any) -> list[Any]:
    """Winner, loser and margin of each pair out of a list, or the reason why there is none."""
    part = catalog.work("shapes", "preference")(catalog.options("shapes", "preference")(**options))
    return [
        each.reason
        if isinstance(each, RowProblem)
        else (each.messages[-1]["content"], each.rejected[-1]["content"], each.details["margin"])
        for each in part.convert_all({"prompt": "Hi", "completions": answers})
    ]


def test_the_best_answer_is_paired_with_the_worst_or_every_two() -> None:
    assert scored(ANSWERS) == [("best", "worst", 8)]
    assert scored(ANSWERS, pairs="all") == [("best", "worst", 8), ("best", "fair", 4), ("fair", "worst", 4)]
    assert scored([*ANSWERS, {"response": "equal", "score": 9}])[0][0] == "best"


def test_pairs_that_say_nothing_are_named() -> None:
    assert scored(ANSWERS, pairs="all", tie_margin=4) == [("best", "worst", 8), "tie", "tie"]
    assert scored([ANSWERS[0], {"response": "b", "score": 9}]) == ["tie"]
    assert scored(ANSWERS[:1]) == ["one_answer"]
    assert scored([ANSWERS[0], {"response": "b"}]) == ["missing_rating"]
    assert scored([*ANSWERS, {"response": " ", "score": 3}]) == [("best", "worst", 8), "empty_text"]
    assert scored([ANSWERS[0], {"response": "best", "score": 2}]) == ["no_preference"]
    part = every("shapes")["preference"]
    with pytest.raises(RowProblem, match="no_common_prompt: there is no prompt"):
        part.convert_all({"completions": ANSWERS})


def test_scores_and_margins_beside_a_pair_are_kept() -> None:
    pair = {"prompt": "Hi", "chosen": "Hello!", "rejected": "Go away."}
    assert converted({**pair, "score_chosen": "8.5", "score_rejected": 3}).details == {
        "margin": 5.5,
        "scores": [8.5, 3.0],
    }
    assert converted({**pair, "margin": 0}).details == {"margin": 0.0}
    assert converted({**pair, "margin": 2, "score_chosen": 9, "score_rejected": 3}).details["margin"] == 2
    for more, reason in (
        ({"margin": -1}, "wrong_margin"),
        ({"margin": "much"}, "wrong_rating"),
        ({"score_chosen": 1, "score_rejected": 3}, "wrong_margin"),
        ({"score_chosen": 3, "score_rejected": 3.0}, "tie"),
        ({"score_chosen": float("nan"), "score_rejected": 3.0}, "rating_not_finite"),
    ):
        with pytest.raises(RowProblem) as caught:
            converted({**pair, **more})
        assert caught.value.reason == reason and isinstance(caught.value, NothingLearnt) == (reason == "tie")


def random_pair(draw: random.Random) -> dict[str, Any]:
    """A dialogue that goes on in two ways, at times in one or from the first turn on; the prompt at times beside."""
    words = ["yes", "no", "why", "where", "this", "that"]

    def dialogue(turns: int, first: int = 0) -> list[dict[str, Any]]:
        roles = ["user", "assistant"]
        return [turn(roles[number % 2], " ".join(draw.choices(words, k=3))) for number in range(first, first + turns)]

    prompt = dialogue(draw.choice([1, 1, 3, 5]))
    won, lost = (dialogue(draw.choice([1, 1, 1, 3]), first=len(prompt)) for _ in range(2))
    if draw.random() < 0.2:
        lost = deepcopy(won[: draw.choice([1, 3])])
    if draw.random() < 0.1:
        prompt = []
        won, lost = won[1:] or [U], lost[1:] or [turn("user", "other")]
    whole: dict[str, Any] = {"chosen": prompt + won, "rejected": prompt + lost}
    form = draw.random()
    if form < 0.4 or not prompt:
        return whole
    if form < 0.6 and len(prompt) == 1:
        return {"prompt": prompt[0]["content"], **whole}
    return {"prompt": prompt, "chosen": won, "rejected": lost}


def plain(messages: Any) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.items() if name != "weight"} for each in messages]


def test_pairs_are_what_trl_makes_of_them() -> None:
    draw, reasons = random.Random(20261122), dict[str, int]()
    for _ in range(3000):
        value = random_pair(draw)
        theirs = maybe_extract_prompt(deepcopy(value))
        try:
            ours = converted(value)
        except RowProblem as problem:
            reasons[problem.reason] = reasons.get(problem.reason, 0) + 1
            assert not usable(theirs, problem.reason), (value, problem)
            continue
        reasons["read"] = reasons.get("read", 0) + 1
        common = shared(theirs)
        assert plain(ours.messages) == theirs["prompt"] + theirs["chosen"]
        assert plain(ours.messages[:-1]) == theirs["prompt"] + theirs["chosen"][:common]
        assert plain(ours.rejected) == theirs["rejected"][common:]
    assert reasons["read"] > 1000
    assert set(reasons) == {"read", "no_preference", "no_common_prompt", "several_turns_won"}


def shared(pair: dict[str, Any]) -> int:
    """Turns that both answers begin with after TRL's prompt: it looks for them only where there is no prompt column."""
    same = [won == lost for won, lost in zip(pair["chosen"], pair["rejected"], strict=False)]
    return same.index(False) if False in same else len(same)


def usable(pair: dict[str, Any], reason: str) -> bool:
    """Could TRL's reading have been a pair of one answer that won and another that lost?"""
    common = shared(pair)
    won, lost = pair["chosen"][common:], pair["rejected"][common:]
    excuses = {
        "no_preference": not won or not lost,
        "several_turns_won": len(won) > 1,
        "no_common_prompt": not pair["prompt"] or {each["role"] for each in won[:1] + lost[:1]} != {"assistant"},
    }
    return not excuses[reason]
