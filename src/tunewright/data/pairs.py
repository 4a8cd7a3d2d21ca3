"""Two conversations of a preference pair: where they part, and what stands before."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from tunewright.core.ports import Message, RowProblem
from tunewright.data.columns import required_text
from tunewright.data.shapes.sharegpt import to_message
from tunewright.data.turns import to_turn

Turns = tuple[Message, ...]
NO_COMMON_PROMPT = "no_common_prompt"
NO_PREFERENCE = "no_preference"
SEVERAL_TURNS = "several_turns_won"
SPEAKERS = {"Human": "user", "Assistant": "assistant"}
_SPEAKER = re.compile(r"(?:^|\n\n)(Human|Assistant):")


def part(chosen: Turns, rejected: Turns) -> tuple[Turns, Turns, Turns]:
    """The common beginning, the answer that won, and the turns that lost; each side keeps one turn at least.

    Raises RowProblem: nothing is common, both sides say the same, they part at a turn that is no answer, or the
    winning side has several turns after the beginning (a row ends with one answer).
    """
    same = [_same(won, lost) for won, lost in zip(chosen, rejected, strict=False)]
    if all(same):
        what = "is how the other begins" if len(chosen) != len(rejected) else "says what the other says"
        raise RowProblem(NO_PREFERENCE, f"one side {what}")
    at = same.index(False)
    if not at:
        raise RowProblem(NO_COMMON_PROMPT, "the two sides differ from their first turn on")
    if {chosen[at].get("role"), rejected[at].get("role")} != {"assistant"}:
        raise RowProblem(NO_COMMON_PROMPT, f"the two sides part at turn {at + 1}, which is not the assistant's on both")
    if len(chosen) > at + 1:
        raise RowProblem(SEVERAL_TURNS, f"the winning side has {len(chosen) - at} turns after the common beginning")
    return chosen[:at], chosen[at:], rejected[at:]


def follows(turns: Turns, prompt: Turns) -> bool:
    """True when a conversation begins with the prompt and goes on."""
    return len(turns) > len(prompt) and all(_same(*both) for both in zip(turns, prompt, strict=False))


def _same(one: Message, other: Message) -> bool:
    return _said(one) == _said(other)


def _said(turn: Message) -> dict[str, Any]:
    """A turn without its weight and the white space around its text: neither makes a preference."""
    return {**turn, "content": turn.get("content", "").strip(), "weight": None}


def to_turns(given: Any, column: str) -> Turns:
    """Turns out of a list of them, or out of one; with `role` and `content`, or `from` and `value`.

    Raises RowProblem.
    """
    if isinstance(given, dict):
        given = [given]
    if not isinstance(given, list) or not given:
        raise RowProblem("no_turns", f'"{column}" is neither a text nor a turn nor a list of turns')
    turns = cast("list[Any]", given)
    return tuple(_to_turn(turn, number) for number, turn in enumerate(turns, start=1))


def _to_turn(turn: Any, number: int) -> Message:
    return to_message(turn, number) if isinstance(turn, dict) and "from" in turn else to_turn(turn, number)


def to_prompt(value: Mapping[str, Any], columns: Sequence[str]) -> Turns:
    """Turns of the first of some columns that is there: a text is the user's turn. None where there is no column.

    Raises RowProblem.
    """
    for column in columns:
        given = value.get(column)
        if isinstance(given, str):
            return ({"role": "user", "content": required_text(value, column)},)
        if given is not None:
            return to_turns(given, column)
    return ()


def untrained(turn: Message) -> Message:
    """A turn of a prompt: an answer in it is not what is learned."""
    return {**turn, "weight": 0.0} if turn.get("role") == "assistant" else turn


def is_dialogue(text: str) -> bool:
    """True for a dialogue as HH-RLHF writes it: `Human:` and `Assistant:`, an empty line before each."""
    found = _SPEAKER.findall(text.strip())
    return text.strip().startswith("Human:") and "Assistant" in found


def to_dialogue(text: str) -> Turns:
    """Turns of such a dialogue, white space around each taken off. Raises RowProblem for an empty turn."""
    _before, *pieces = _SPEAKER.split(text.strip())
    pairs = zip(pieces[::2], pieces[1::2], strict=True)
    turns = [{"role": SPEAKERS[speaker], "content": said.strip()} for speaker, said in pairs]
    return tuple(to_turn(turn, number) for number, turn in enumerate(turns, start=1))
