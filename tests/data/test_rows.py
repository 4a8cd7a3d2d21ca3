"""What rows are called and when they are equal."""

from __future__ import annotations

from tests.data.builders import row
from tunewright.data.rows import conflicting, content_key, make_row, piece, with_system

TURNS = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})


def test_ids_know_content_not_place() -> None:
    assert row("a", "b", source="f", line=1).id == row("a", "b", source="g", line=2).id
    assert row("a", "b").id != row("a", "c").id
    reordered = ({"content": "a", "role": "user"}, {"content": "b", "role": "assistant"})
    assert make_row(TURNS, None, source="", line=0).id == make_row(reordered, None, source="", line=0).id


def test_equal_content_with_another_weight_is_a_duplicate() -> None:
    weighted = (TURNS[0], {**TURNS[1], "weight": 0.0})
    first, second = (make_row(turns, None, source="", line=0) for turns in (TURNS, weighted))
    assert first.id != second.id and content_key(first) == content_key(second)


def test_tools_calls_and_reasoning_are_content() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    call = {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    versions = [
        make_row(TURNS, None, source="", line=0),
        make_row(TURNS, None, source="", line=0, tools=(tool,)),
        make_row((TURNS[0], {**TURNS[1], "tool_calls": [call]}), None, source="", line=0),
        make_row((TURNS[0], {**TURNS[1], "reasoning_content": "c"}), None, source="", line=0),
        make_row((TURNS[0], {**TURNS[1], "name": "c"}), None, source="", line=0),
    ]
    assert len({row.id for row in versions}) == len(versions)
    assert len({content_key(row) for row in versions}) == len(versions)
    reordered = {"function": {"arguments": {"a": 1}, "name": "f"}, "type": "function"}
    again = make_row((TURNS[0], {**TURNS[1], "tool_calls": [reordered]}), None, source="", line=0)
    assert (again.id, content_key(again)) == (versions[2].id, content_key(versions[2]))


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
