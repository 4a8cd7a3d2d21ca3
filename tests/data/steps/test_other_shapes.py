"""Every step over pairs, rated answers and prompts alone: nothing is lost, and what rows are worth stays with them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.data.builders import every
from tunewright.core import catalog
from tunewright.core.errors import UserError
from tunewright.core.ports import Row
from tunewright.data.rows import make_row
from tunewright.data.shelf import wholes

SECRET = "anna.schmidt@example.org"
WORDS = ("fever", "cough", "heart", "liver", "bank", "loan", "tax", "rent")


def values(shape: str) -> list[dict[str, Any]]:
    """Twelve rows as a file holds them; one names an address wherever a text may stand."""
    asked = [f"What of {WORDS[n % 8]} and {WORDS[n % 7]} in the year {1900 + n}?" for n in range(12)]
    asked[5] += f" Write to {SECRET}."
    said = [f"It was the {WORDS[n % 5]} that mattered most then, number {n}." for n in range(12)]
    said[5] += f" My address is {SECRET}."
    if shape == "prompts":
        return [{"prompt": prompt, "reference": answer} for prompt, answer in zip(asked, said, strict=True)]
    if shape == "rated":
        pairs = enumerate(zip(asked, said, strict=True))
        return [{"prompt": prompt, "completion": answer, "rating": n % 5} for n, (prompt, answer) in pairs]
    lost = [f"Nobody knows. {answer}" for answer in said]
    return [
        {"prompt": prompt, "chosen": won, "rejected": worse, "score_chosen": 5, "score_rejected": 1}
        for prompt, won, worse in zip(asked, said, lost, strict=True)
    ]


def rows(shape: str) -> list[Row]:
    converted = [every("shapes")[shape].convert(value) for value in values(shape)]
    return [make_row(found, source="f.jsonl", line=line) for line, found in enumerate(converted, start=1)]


@pytest.mark.parametrize("shape", ["preference", "rated", "prompts"])
@pytest.mark.parametrize("step", catalog.names("steps"))
def test_a_step_takes_rows_of_every_shape(step: str, shape: str) -> None:
    given = rows(shape)
    part = every("steps")[step]
    if step == "balance":
        with pytest.raises(UserError, match="the rows have no labels"):
            part.apply({"train": list(given), "validation": [], "test": []})
        return
    done = part.apply({"train": list(given), "validation": [], "test": []})
    out = list(wholes(done.rows["train"]))
    assert len(given) + sum(done.created.values()) == len(out) + len(done.gone)
    worth = {row.line: {name: row.details.get(name) for name in ("rating", "margin", "references")} for row in given}
    for row in (row for row in out if "mark" not in row.details):
        assert {name: row.details.get(name) for name in worth[row.line]} == worth[row.line] or step == "personal_data"
        assert bool(row.rejected) == (shape == "preference")
        assert row.messages[-1].get("role") == ("user" if shape == "prompts" else "assistant")


@pytest.mark.parametrize("shape", ["preference", "rated", "prompts"])
def test_personal_data_is_removed_wherever_it_stands(shape: str) -> None:
    given = rows(shape)
    assert SECRET in repr(given[5])
    out = every("steps")["personal_data"].apply({"train": given}).rows["train"]
    assert SECRET not in repr(list(wholes(out))) and len(out) == len(given)
    kept = next(iter(wholes([out[5]])))
    assert kept.details.get("rating") == given[5].details.get("rating")
    if shape == "preference":
        assert kept.rejected != given[5].rejected and kept.details.get("scores") == [5.0, 1.0]


@pytest.mark.parametrize("shape", ["preference", "rated"])
def test_answers_to_one_long_prompt_are_no_near_duplicates(shape: str) -> None:
    prompt = " ".join(f"word{n}" for n in range(200))
    found = [
        {"prompt": prompt, "completion": answer, "rating": n, "chosen": "Perhaps.", "rejected": answer}
        for n, answer in enumerate(["Yes.", "No.", "Never."])
    ]
    converted = [every("shapes")[shape].convert(value) for value in found]
    given = [make_row(each, source="f", line=line) for line, each in enumerate(converted, start=1)]
    step = every("steps")["near_duplicates"]
    assert step.apply({"train": given, "validation": [], "test": []}).gone == []
    twin = {**found[0], "prompt": f"{prompt} word"}  # another prompt, almost the same, and the same rating
    again = make_row(every("shapes")[shape].convert(twin), source="f", line=4)
    assert len(step.apply({"train": [given[0], again], "validation": [], "test": []}).gone) == 1


def test_two_ratings_of_almost_one_text_both_stay() -> None:
    prompt = " ".join(f"word{n}" for n in range(200))
    values = [{"prompt": prompt + more, "completion": "Yes.", "rating": n} for n, more in enumerate(("", " word"))]
    found = [every("shapes")["rated"].convert(value) for value in values]
    given = [make_row(each, source="f", line=line) for line, each in enumerate(found, start=1)]
    done = every("steps")["near_duplicates"].apply({"train": given, "validation": [], "test": []})
    assert done.gone == [] and done.report is not None and done.report["pairs_with_other_labels"] == 1
