"""Where two conversations part, and dialogues as HH-RLHF writes them."""

from __future__ import annotations

import random

import pytest

from tunewright.core.ports import Message, RowProblem
from tunewright.data.pairs import follows, is_dialogue, part, to_dialogue, to_turns

NAMES = {"user": "Human", "assistant": "Assistant"}


def said(role: str, text: str) -> Message:
    return {"role": role, "content": text}


def test_a_dialogue_as_text_comes_back_as_turns() -> None:
    draw = random.Random(5)
    for _ in range(200):
        turns = [
            said(
                draw.choice(["user", "assistant"]) if number else "user", f"a{number}\n\nHe said: Human {draw.random()}"
            )
            for number in range(draw.randint(1, 6))
        ]
        turns.append(said("assistant", "Assistant: is a word, too"))
        text = "".join(f"\n\n{NAMES[turn.get('role', '')]}: {turn.get('content', '')}" for turn in turns)
        assert is_dialogue(text)
        assert list(to_dialogue(text)) == turns


@pytest.mark.parametrize(
    "text", ["", "Human", "Human: alone", "Assistant: first\n\nHuman: x", "a\n\nHuman: b\n\nAssistant: c"]
)
def test_other_texts_are_no_dialogue(text: str) -> None:
    assert not is_dialogue(text)


def test_sides_part_at_the_first_turn_that_differs() -> None:
    common = (said("user", "a"), said("assistant", "b"), said("user", "c"))
    won, lost = (said("assistant", "d"),), (said("assistant", "e"), said("user", "f"), said("assistant", "g"))
    assert part(common + won, common + lost) == (common, won, lost)
    with pytest.raises(RowProblem, match="several_turns_won"):
        part(common + lost, common + won)
    with pytest.raises(RowProblem, match="no_preference: one side is how the other begins"):
        part(common + won, common)


def test_white_space_and_weights_make_no_difference() -> None:
    turns = (said("user", "a"), said("assistant", "b"))
    assert follows((said("user", " a\n"), said("assistant", "b")), turns[:1])
    assert not follows(turns, turns)
    with pytest.raises(RowProblem, match="no_preference: one side says what the other says"):
        part(turns, (turns[0], {**turns[1], "weight": 0.0}))


def test_one_turn_is_a_list_of_one() -> None:
    assert to_turns({"from": "gpt", "value": "a"}, "chosen") == to_turns([said("assistant", "a")], "chosen")
    with pytest.raises(RowProblem, match='"chosen" is neither'):
        to_turns(None, "chosen")
