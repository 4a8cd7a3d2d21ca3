"""Random rows for laws of steps, and what holds of every step's result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tunewright.core.ports import Converted, Details, Message, Row, StepResult
from tunewright.data.rows import make_row

WORDS = ("fever", "cough", "heart", "liver", "bank", "loan", "tax", "rent", "who", "when")


@st.composite
def some_rows(draw: Any, *, least: int = 0, most: int = 40) -> list[Row]:
    """Different rows of three labels, three sources and a column `team` that some lack."""
    numbers = draw(st.lists(st.integers(0, 10_000), unique=True, min_size=least, max_size=most))
    return [made(number, draw(st.sampled_from("abc")), draw(st.sampled_from("xxy"))) for number in numbers]


def made(number: int, label: str, source: str) -> Row:
    """A row that depends on its number."""
    words = " ".join(WORDS[number // 10**place % 10] for place in range(1 + number % 4))
    turns: tuple[Message, ...] = (
        {"role": "user", "content": f"{words} {number}"},
        {"role": "assistant", "content": label},
    )
    columns = {"team": "red" if number % 3 else "blue"} if number % 5 else {}
    details = Details(columns={**columns, "score": str(number % 7)})
    return make_row(Converted(turns, label, details=details), source=f"{source}.jsonl", line=number + 1)


def nothing_is_lost(rows: Sequence[Row], done: StepResult) -> None:
    """In + created = out + gone, each with a reason, and no row that was not there."""
    out = done.rows["train"]
    assert len(rows) + sum(done.created.values()) == len(out) + len(done.gone)
    assert all(gone.reason and gone.split == "train" for gone in done.gone)
    assert {row.id for row in out} | {gone.row.id for gone in done.gone} == {row.id for row in rows}


def times_each(rows: Sequence[Row]) -> Counter[str]:
    """How often each row stands there."""
    return Counter(row.id for row in rows)


def check_laws(step: Any, rows: Sequence[Row], *, shuffled: Sequence[Row]) -> StepResult:
    """Nothing is lost, other splits stay, the same again gives the same, and so do the rows in another order."""
    held = {"validation": list(rows[:2]), "test": list(rows[2:3])}
    done = step.apply({"train": list(rows), **held})
    nothing_is_lost(rows, done)
    if step.phase == "training_rows":
        assert {split: done.rows[split] for split in held} == held
    again = step.apply({"train": list(rows), **held})
    assert again.rows == done.rows
    other = step.apply({"train": list(shuffled), **held})
    assert times_each(other.rows["train"]) == times_each(done.rows["train"])
    assert other.created == done.created
    return done
