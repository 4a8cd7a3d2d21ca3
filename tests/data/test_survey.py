"""What is counted over the rows of a data set for its checklist."""

from __future__ import annotations

from dataclasses import replace

from tests.data.builders import row
from tunewright.core.ports import Message, Row
from tunewright.data.survey import SAMPLE, form, survey


def talk(*roles: str) -> Row:
    turns: list[Message] = [{"role": role, "content": f"{role} {place}"} for place, role in enumerate(roles)]
    return replace(row("a"), messages=tuple(turns))


def test_what_stands_twice_and_what_leaks() -> None:
    train = [row("a"), row("a", line=2), row("b"), row("c")]
    found = survey({"train": train, "validation": [row("b", line=9), row("d")], "test": [row("e")]})
    assert (found.train, found.repeated, found.prompts) == (4, 1, 3)
    assert found.leaked == {"validation": 1, "test": 0}
    assert (found.sampled, found.documents) == (4, False)


def test_forms_of_conversations() -> None:
    assert (
        form(talk("user", "assistant")) == form(talk("user", "assistant", "user", "assistant")) == "(user assistant)+"
    )
    assert form(talk("system", "user", "assistant")) == "system (user assistant)+"
    assert form(talk("user", "user", "assistant")) == "user assistant"
    assert form(replace(talk("user", "assistant"), tools=({"name": "f"},))) == "(user assistant)+ tools"
    assert form(talk("document")) == "document"


def test_answers_of_rows_without_labels() -> None:
    found = survey({"train": [row("a"), row("b"), row("c", "x")]})
    assert (found.unlabelled, found.answers) == (2, 1)  # both say yes


def test_text_is_looked_at_in_an_even_sample() -> None:
    found = survey({"train": [row(f"text {number}") for number in range(2 * SAMPLE)]})
    assert (found.train, found.sampled, found.prompts) == (2 * SAMPLE, SAMPLE, 2 * SAMPLE)


def test_a_sample_reaches_the_last_rows_of_a_set_that_is_little_larger() -> None:
    rows = [row(f"text {number}") for number in range(SAMPLE)]
    rows += [row(f"more {number}", "x") for number in range(SAMPLE // 2)]
    found = survey({"train": rows})
    assert found.sampled == SAMPLE
    assert abs(found.unlabelled - SAMPLE * 2 // 3) <= 1


def test_no_rows() -> None:
    found = survey({"train": [], "test": []})
    assert (found.train, found.sampled, found.repeated, found.documents) == (0, 0, 0, False)
