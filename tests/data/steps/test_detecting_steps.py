"""Laws of the steps that look at texts: nothing is lost, order changes nothing, rows that stay are as they were."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.steps.random_rows import nothing_is_lost, some_rows
from tunewright.core import catalog
from tunewright.core.ports import Converted, Message, Row
from tunewright.data.carry import carry
from tunewright.data.rows import make_row

PIECES = st.sampled_from(
    [
        "the parcel is late", "no no no no no no", "das Paket kommt spät", "\n\n", "# ", "you complete idiot", "<b>",
        "http://a.example", "。请退回包裹", "12 13", "...", "\ufffd", "and then it was sent back to the shop",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=12).map(" ".join)
STEPS = {
    "language": [{}, {"allowed": ["en"], "unsure": "drop"}, {"allowed": ["de"], "look_at": "each_turn", "column": ""}],
    "toxicity": [{}, {"action": "mark"}, {"scorer": "lexicon", "look_at": "everything", "threshold": 0.3}],
    "quality": [{}, {"rules": ["gopher", "c4", "fineweb"]}, {"rules": "none", "least": 0.7, "keep_score": True}],
}  # fmt: skip
EVERY = [(name, options) for name, some in STEPS.items() for options in some]


def made(name: str, options: dict[str, Any]) -> Any:
    """A step by its name."""
    return catalog.work("steps", name)(catalog.options("steps", name).model_validate(options))


@st.composite
def talks(draw: Any) -> list[Row]:
    """Rows of random pieces of text."""
    rows: list[Row] = []
    for line, (asked, answered) in enumerate(draw(st.lists(st.tuples(TEXTS, TEXTS), max_size=12)), start=1):
        turns: tuple[Message, ...] = (
            {"role": "user", "content": f"{line} {asked}"},
            {"role": "assistant", "content": answered},
        )
        rows.append(make_row(Converted(turns), source="f", line=line))
    return rows


@pytest.mark.parametrize(("name", "options"), EVERY)
@settings(deadline=None, max_examples=25)
@given(talks())
def test_laws_on_talks(name: str, options: dict[str, Any], rows: list[Row]) -> None:
    step = made(name, options)
    done = step.apply({"train": rows})
    nothing_is_lost(rows, done)
    other = step.apply({"train": rows[::-1]})
    assert (other.rows["train"][::-1], other.gone[::-1]) == (done.rows["train"], done.gone)
    assert {gone.reason.partition(".")[0] for gone in done.gone} <= {name}
    before = {row.id: row for row in rows}
    assert all(
        (row.messages, row.label) == (before[row.id].messages, before[row.id].label) for row in done.rows["train"]
    )


@pytest.mark.parametrize(("name", "options"), EVERY)
@settings(deadline=None, max_examples=10)
@given(some_rows())
def test_columns_of_the_user_stay(name: str, options: dict[str, Any], rows: list[Row]) -> None:
    kept = {row.id: row for row in rows}
    for row in made(name, options).apply({"train": rows}).rows["train"]:
        old, new = (each.details.get("columns", {}) for each in (kept[row.id], row))
        assert {column: new[column] for column in old} == old


@settings(deadline=None, max_examples=20)
@given(talks())
def test_together_they_say_why_for_every_row_that_goes(rows: list[Row]) -> None:
    steps = [made(name, options) for name, options in EVERY]
    lines = carry(rows, steps)
    assert [line.parent for line in lines] == list(range(len(rows)))
    assert all(line.reason for line in lines if line.state == "gone")
    assert all(not line.changes for line in lines)
