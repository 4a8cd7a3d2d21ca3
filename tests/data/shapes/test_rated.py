"""Rated answers in every form that is read, and what is said of those that are none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.builders import every
from tunewright.core import catalog
from tunewright.core.ports import Converted, Details, RowProblem

U: Any = {"role": "user", "content": "Hi"}
A: Any = {"role": "assistant", "content": "Hello!"}
GOOD = Converted((U, A), details=Details(rating=1.0, desirable=True))
FORMS = [
    {"prompt": "Hi", "completion": "Hello!", "label": True},
    {"prompt": [U], "completion": [A], "label": True},
    {"prompt": "Hi", "completion": "Hello!", "label": "true"},
    {"prompt": "Hi", "response": "Hello!", "desirable": 1},
    {"prompt": "Hi", "completion": A, "rating": "up"},
    {"messages": [U, A], "label": True},
    {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello!"}], "kto_tag": True},
]
LISTS = [
    {
        "instruction": "Hi",
        "completions": [
            {"response": "Hello!", "overall_score": 8.5, "model": "a"},
            {"response": "Go away.", "overall_score": 2, "model": "b"},
        ],
    },
    {"prompt": "Hi", "completions": [{"text": "Hello!", "score": "8.5"}, {"content": "Go away.", "score": 2}]},
    {"prompt": [U], "responses": ["Hello!", "Go away."], "scores": [8.5, 2]},
    {"prompt": "Hi", "answers": [{**A, "rating": 8.5}, {"role": "assistant", "content": "Go away.", "rating": 2}]},
]
BAD = [
    ({"prompt": "Hi", "completion": "Hello!"}, "missing_rating"),
    ({"prompt": "Hi", "completion": "Hello!", "rating": None}, "missing_rating"),
    ({"prompt": "Hi", "completion": "Hello!", "rating": "great"}, "wrong_rating"),
    ({"prompt": "Hi", "rating": 3}, "missing_column"),
    ({"completion": "Hello!", "rating": 3}, "missing_column"),
    ({"prompt": "Hi", "completion": " ", "rating": 3}, "empty_text"),
    ({"prompt": "Hi", "completion": [U], "rating": 3}, "wrong_role"),
    ({"prompt": [A], "completion": "a", "rating": 3}, "no_user_first"),
    ({"messages": [U], "label": True}, "no_answer_last"),
    ({"messages": [U, A, U], "label": True}, "no_answer_last"),
    ({"prompt": "Hi", "completions": [], "rating": 3}, "missing_column"),
    ({"prompt": "Hi", "responses": ["a"], "scores": [1, 2]}, "no_answers"),
]


def shape(**options: Any) -> Any:
    return catalog.work("shapes", "rated")(catalog.options("shapes", "rated")(**options))


def detected(value: dict[str, Any]) -> list[str]:
    return [name for name, each in every("shapes").items() if each.fits(frozenset(value), value)]


@pytest.mark.parametrize("value", FORMS, ids=lambda value: "+".join(value))
def test_every_form_of_one_answer_is_read_and_detected(value: dict[str, Any]) -> None:
    assert shape().convert(value) == GOOD
    assert shape().convert_all(value) == [GOOD]
    assert detected(value) == ["rated"]


@pytest.mark.parametrize("value", LISTS, ids=lambda value: "+".join(value))
def test_a_list_of_answers_gives_a_row_for_each(value: dict[str, Any]) -> None:
    found = shape().convert_all(value)
    assert [row.messages for row in found] == [(U, A), (U, {**A, "content": "Go away."})]
    assert [row.details for row in found] == [{"rating": 8.5}, {"rating": 2.0}]
    assert [row.details.get("desirable") for row in shape(least=1, most=10).convert_all(value)] == [True, False]
    assert detected(value) == ["rated"]


@pytest.mark.parametrize(("value", "reason"), BAD)
def test_a_row_that_is_not_rated_says_why(value: dict[str, Any], reason: str) -> None:
    with pytest.raises(RowProblem) as caught:
        shape().convert(value)
    assert caught.value.reason == reason and caught.value.detail


def test_one_bad_answer_of_a_list_leaves_the_others() -> None:
    answers = [{"response": "a", "score": 3}, {"response": "", "score": 3}, {"response": "c", "score": 9}, 4]
    found = shape(least=1, most=5).convert_all({"prompt": "Hi", "completions": answers})
    assert [getattr(each, "reason", "") for each in found] == ["", "empty_text", "rating_out_of_range", "no_turns"]


def test_columns_can_be_named_and_a_wrong_name_is_not_replaced_by_another() -> None:
    named = shape(prompt="ask", completion="say", rating="helpfulness", least=0, most=4)
    row = named.convert({"ask": "Hi", "say": "Hello!", "helpfulness": 3, "rating": 1, "system": "Be kind."})
    assert row.details == {"rating": 3.0, "desirable": True}
    assert [turn["role"] for turn in row.messages] == ["system", "user", "assistant"]
    with pytest.raises(RowProblem, match=r'missing_rating: there is no "helpfulness"'):
        named.convert({"ask": "Hi", "say": "Hello!", "rating": 1})


def test_earlier_answers_are_not_what_is_rated() -> None:
    call = {"type": "function", "function": {"name": "look", "arguments": {}}}
    turns = [U, {**A, "tool_calls": [call]}, {"role": "tool", "content": "x"}]
    row = shape().convert({"prompt": [U, A, U], "completion": [*turns[1:], A], "label": False, "tools": []})
    assert [turn.get("weight") for turn in row.messages if turn["role"] == "assistant"] == [0.0, 0.0, None]


def test_what_is_not_rated_is_left_to_the_other_shapes() -> None:
    assert detected({"prompt": "p", "completion": "c", "label": "billing"}) == ["prompt_completion"]
    assert detected({"prompt": "p", "completion": "c"}) == ["prompt_completion"]
    assert detected({"messages": [U, A], "label": "billing"}) == ["chat"]
    assert detected({"prompt": "p", "chosen": "a", "rejected": "b", "score": 3}) == ["preference"]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["role", "content", "score", "rating", "response", "from", "value"]), inner, max_size=3
    ),
    max_leaves=8,
)  # fmt: skip
COLUMNS = st.sampled_from(["prompt", "completion", "rating", "label", "completions", "scores", "messages", "chosen"])


@given(st.dictionaries(COLUMNS | st.sampled_from(["rejected", "margin", "score_chosen", "score_rejected"]), JSON))
def test_any_row_is_read_or_says_why(value: dict[str, Any]) -> None:
    for name in ("rated", "prompts", "preference"):
        part = every("shapes")[name]
        part.fits(frozenset(value), value)
        try:
            found = part.convert_all(value) if name != "prompts" else [part.convert(value)]
        except RowProblem as problem:
            assert problem.reason.isidentifier()
            continue
        assert found
        for each in found:
            if isinstance(each, RowProblem):
                assert each.reason.isidentifier()
            elif name == "prompts":
                assert each.messages[-1]["role"] in ("user", "tool")
            else:
                assert each.messages[-1]["role"] == "assistant"
                assert bool(each.rejected) == (name == "preference")
