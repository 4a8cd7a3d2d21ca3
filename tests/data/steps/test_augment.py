"""The step `augment` without a model: what is copied, how, and what never changes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.data.builders import prepared, row, workspace_of, write_jsonl
from tunewright.core.events import Event
from tunewright.core.ports import Converted, Details, Message, Row
from tunewright.data.context import Context
from tunewright.data.dataset import open_dataset
from tunewright.data.rows import content_key, make_row
from tunewright.data.steps.augment import Work
from tunewright.recipe.options.steps.augment import Options
from tunewright.text.chat import ChatFormat

QUESTIONS = [f"Could you tell me quickly how big the problem number {n} is, please?" for n in range(60)]


def work(**keys: Any) -> Work:
    return Work(Options.model_validate(keys))


def train(count: int = 60) -> list[Row]:
    return [row(text, "abc"[n % 3], line=n) for n, text in enumerate(QUESTIONS[:count])]


def made(step: Work, rows: list[Row]) -> list[Row]:
    return step.apply({"train": rows}).rows["train"][len(rows) :]


def test_copies_say_how_and_of_which_row() -> None:
    given = {"train": train(), "validation": [row("v")], "test": [row("t")]}
    done = work(share=0.5, synonyms=True, templates=["Question: {text} Thanks!"]).apply(given)
    new = done.rows["train"][60:]
    assert len(new) == 30 and done.rows["train"][:60] == given["train"] and done.gone == []
    assert {split: done.rows[split] for split in ("validation", "test")} == {
        split: given[split] for split in ("validation", "test")
    }
    kinds = {"typos", "case", "spacing", "punctuation", "synonyms", "template"}
    assert set(done.created) == {f"augment.{kind}" for kind in kinds} and sum(done.created.values()) == 30
    by_id = {each.id: each for each in given["train"]}
    for each in new:
        parent = by_id[each.details.get("original", "")]
        assert (each.messages[-1], each.label, each.source, each.line) == (
            parent.messages[-1], parent.label, parent.source, parent.line)  # fmt: skip
        assert each.details.get("mark") == f"augment.{each.details.get('variant')}"
        assert each.details.get("family") == parent.id and each.id != parent.id
        assert each.messages[0] != parent.messages[0]
    assert done.report is not None and done.report["created"] == done.created


def test_a_number_of_copies_and_none() -> None:
    assert len(made(work(share=7), train())) == 7
    assert made(work(share=0), train()) == []
    assert made(work(noise=[]), train()) == []
    assert len(made(work(share=1.0), train())) == 60


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(30)), seed=st.integers(0, 99), share=st.floats(0, 1))
def test_the_order_of_rows_changes_nothing(order: list[int], seed: int, share: float) -> None:
    rows, step = train(30), work(seed=seed, share=share, synonyms=True)
    one, two = made(step, rows), made(step, [rows[place] for place in order])
    assert sorted(each.id for each in one) == sorted(each.id for each in two)
    assert made(step, rows) == one


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=4), most=st.integers(1, 5))
def test_balanced_labels_have_as_many_rows_as_the_largest(sizes: list[int], most: int) -> None:
    rows = [
        row(f"{QUESTIONS[n]} {label}", label) for label, size in zip("abcd", sizes, strict=False) for n in range(size)
    ]
    done = work(balance="label", most_copies=most, synonyms=True).apply({"train": rows})
    assert done.report is not None
    found, short = Counter(each.label for each in done.rows["train"]), done.report["short"]
    for label, size in zip("abcd", sizes, strict=False):
        wanted = min(max(sizes), size * (1 + most))
        assert size <= found[label] <= wanted
        assert found[label] == wanted or done.report["not_changed"]
        assert short.get(label, 0) == max(0, max(sizes) - size * (1 + most))


def test_other_turns_and_planted_rows_stay() -> None:
    turns: tuple[Message, ...] = (
        {"role": "system", "content": "Be very kind and helpful."},
        {"role": "user", "content": "Could you begin with a quick overview?"},
        {"role": "assistant", "content": "Certainly, here is a quick overview."},
        {"role": "user", "content": "And several large examples?"},
        {"role": "assistant", "content": "Large examples follow quickly."},
    )
    talk = make_row(Converted(turns), source="t", line=1)
    canary = replace(row("planted"), details=Details(mark="canary"))
    document = make_row(Converted(({"role": "document", "content": "some text"},)), source="d", line=1)
    for seed in range(20):
        new = made(work(share=1.0, seed=seed, synonyms=True), [talk, canary, document])
        assert len(new) == 1
        assert [new[0].messages[at] for at in (0, 2, 4)] == [turns[at] for at in (0, 2, 4)]


def test_plain_text_is_not_copied_and_a_note_says_so(tmp_path: Path, chat: ChatFormat) -> None:
    seen: list[Event] = []
    document = make_row(Converted(({"role": "document", "content": "some text"},)), source="d", line=1)
    step = work(share=1.0)
    step.bind(Context(tmp_path, tmp_path, "2026-01-01", chat, emit=seen.append))
    assert step.apply({"train": [document]}).created == {}
    assert "no row has a user turn" in str(seen)


def test_no_copy_is_a_row_that_stands_somewhere() -> None:
    """The only change that is left would make the test row."""
    rows = {"train": [row("hello there")], "validation": [], "test": [row("Q: hello there")]}
    assert work(noise=[], templates=["Q: {text}"], share=1.0).apply(rows).created == {}
    rows["test"] = []
    assert work(noise=[], templates=["Q: {text}"], share=1.0).apply(rows).created == {"augment.template": 1}
    new = made(work(share=1.0), [*train(20), *train(20)])
    assert len({content_key(each) for each in new}) == len(new)


@pytest.mark.parametrize(
    "wrong",
    [
        {"templates": ["no place"]},
        {"noise": ["rain"]},
        {"share": -1},
        {"most_copies": 0},
        {"written": {"prompt": "no place"}},
        {"written": {"task": "synthesis", "prompt": "only {text}"}},
        {"written": {"rows": 0}},
    ],
)
def test_what_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(wrong)


def test_from_the_recipe_to_the_prepared_rows(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [{"text": text, "label": "abc"[n % 3]} for n, text in enumerate(QUESTIONS)])
    version = prepared(
        tmp_path, chat, options={"train": "rows.jsonl", "steps": ["deduplicate", {"augment": {"share": 0.5}}]}
    )
    receipt = version.receipt
    assert receipt.rows.balanced() and sum(receipt.rows.created.values()) == receipt.splits["train"] - 48 == 24
    assert all(reason.startswith("augment.") for reason in receipt.rows.created)
    assert receipt.sources["rows.jsonl"].rows.created == receipt.rows.created
    samples = json.loads((workspace_of(tmp_path).datasets / version.name / "samples.json").read_text())
    assert (
        set(samples) >= set(receipt.rows.created) and "problem number" in samples["augment.typos"][0]["before"].lower()
    )
    dataset = open_dataset(workspace_of(tmp_path), version)
    marks = {
        split: sum(1 for at in range(len(dataset.split(split))) if dataset.split(split).row(at).details.get("mark"))
        for split in ("train", "validation", "test")
    }
    assert marks == {"train": 24, "validation": 0, "test": 0}
