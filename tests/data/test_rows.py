"""What rows are called and when they are equal."""

from __future__ import annotations

from typing import Any

from tests.data.builders import row
from tunewright.core.ports import Converted, Message, Row
from tunewright.data.rows import conflicting, content_key, make_row, piece, prompt_key, side_key, with_system

TURNS: tuple[Message, ...] = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})


def made(turns: tuple[Message, ...], *, tools: Any = (), rejected: Any = (), details: Any = None) -> Row:
    return make_row(Converted(turns, None, tools, rejected, details or {}), source="", line=0)


def test_ids_know_content_not_place() -> None:
    assert row("a", "b", source="f", line=1).id == row("a", "b", source="g", line=2).id
    assert row("a", "b").id != row("a", "c").id
    reordered = ({"content": "a", "role": "user"}, {"content": "b", "role": "assistant"})
    assert made(TURNS).id == made(reordered).id


def test_equal_content_with_another_weight_is_a_duplicate() -> None:
    weighted = (TURNS[0], {**TURNS[1], "weight": 0.0})
    first, second = (made(turns) for turns in (TURNS, weighted))
    assert first.id != second.id and content_key(first) == content_key(second)


def test_tools_calls_and_reasoning_are_content() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    call = {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    versions = [
        made(TURNS),
        made(TURNS, tools=(tool,)),
        made((TURNS[0], {**TURNS[1], "tool_calls": [call]})),
        made((TURNS[0], {**TURNS[1], "reasoning_content": "c"})),
        made((TURNS[0], {**TURNS[1], "name": "c"})),
    ]
    assert len({row.id for row in versions}) == len(versions)
    assert len({content_key(row) for row in versions}) == len(versions)
    reordered = {"function": {"arguments": {"a": 1}, "name": "f"}, "type": "function"}
    again = made((TURNS[0], {**TURNS[1], "tool_calls": [reordered]}))
    assert (again.id, content_key(again)) == (versions[2].id, content_key(versions[2]))


def test_the_loser_is_content_and_details_are_not() -> None:
    lost = ({"role": "assistant", "content": "c"},)
    plain, pair, other = made(TURNS), made(TURNS, rejected=lost), made(TURNS, rejected=({**lost[0], "content": "d"},))
    assert len({each.id for each in (plain, pair, other)}) == 3
    assert len({content_key(each) for each in (plain, pair, other)}) == 3
    assert len({made(TURNS, tools=({"a": 1},)).id, made(TURNS, tools=({"a": 1},), rejected=lost).id, pair.id}) == 3
    assert content_key(made(TURNS, rejected=({**lost[0], "weight": 0.0},))) == content_key(pair)
    detailed = made(TURNS, rejected=lost, details={"columns": {"region": "north"}})
    assert (detailed.id, content_key(detailed)) == (pair.id, content_key(pair))
    assert detailed != pair


def test_names_that_were_given_before_pairs_and_details_stand() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    found = [
        (each.id, content_key(each).hex(), prompt_key(each).hex())
        for each in (row("a", "b"), made(TURNS, tools=(tool,)))
    ]
    assert found == [
        (
            "fa8468424fc0f9820218d95c35306b41288e217b7b453275908fd8135ec5bd5f",
            "81f51ee2373debf038845dc879ffad7a",
            "246c643e11806da6c4dfdbb6ae55012f",
        ),
        (
            "d96da92bdc4a29ad9e0d44aa576b25fdd2b9075a126060205b4ee12ff4f8c897",
            "df62337bcadef0b27330d7c57552c90d",
            "a8a291cd20132dda03c82121327e381a",
        ),
    ]


def test_pairs_with_one_prompt_stand_on_one_side() -> None:
    losers = [({"role": "assistant", "content": text},) for text in "cd"]
    pairs = [made(TURNS, rejected=lost) for lost in losers]
    assert side_key(pairs[0]) == side_key(pairs[1]) == prompt_key(pairs[0])
    assert side_key(made(TURNS)) == content_key(made(TURNS))


def test_a_system_turn_is_put_before_rows_without() -> None:
    assert with_system(TURNS, None) == TURNS
    assert with_system(TURNS, "s") == ({"role": "system", "content": "s"}, *TURNS)
    assert with_system(with_system(TURNS, "s"), "other") == with_system(TURNS, "s")


def test_pieces_have_ids_of_their_own() -> None:
    assert piece(row("a"), 0) == row("a")
    assert len({piece(row("a"), number).id for number in range(3)}) == 3


def test_conflicts_are_equal_prompts_with_several_labels() -> None:
    rows = [row("a", "x"), row("a", "y"), row("b", "x"), row("b", "x"), row("c")]
    assert conflicting(rows) == rows[:2]
