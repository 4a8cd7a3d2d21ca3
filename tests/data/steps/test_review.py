"""Decisions of people become changes of rows with a reason; none is lost in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.builders import parts_of, write_jsonl
from tests.data.review.reviews import SPLIT, decision, keep
from tunewright.core.events import Note
from tunewright.core.nouns import DatasetVersion
from tunewright.core.workspace import Workspace
from tunewright.data.context import Context, parents_of
from tunewright.data.dataset import Dataset, open_dataset
from tunewright.data.prepare import Inputs, dataset_key, prepare
from tunewright.recipe.recipe import DataOptions
from tunewright.text.chat import ChatFormat


def made(
    folder: Path, chat: ChatFormat, *steps: Any, events: list[Any] | None = None, **more: Any
) -> tuple[DatasetVersion, Dataset]:
    """The stage as the flow carries it out, with what steps may ask for."""
    options = {"train": {"path": "rows.jsonl"}, "split": SPLIT, "steps": list(steps), **more}
    checked = DataOptions.model_validate(options)
    parts = parts_of(checked)
    emit = (events if events is not None else []).append
    context = Context(folder=folder, cache=folder / "cache", today="2026-01-01", chat=chat, emit=emit)
    key = dataset_key(checked, chat, folder=folder, loss_on="answers", parents=parents_of(parts.steps, context))
    inputs = Inputs(chat, folder, "answers", key, "2026-01-01T00:00:00Z", context=context)
    workspace = Workspace(folder / "workspace")
    version = prepare(checked, parts, inputs=inputs, workspace=workspace, emit=emit)
    return version, open_dataset(workspace, version)


def rows_of(dataset: Dataset) -> dict[str, Any]:
    """Training rows by their question."""
    split = dataset.split("train")
    rows = [split.row(index) for index in range(len(split))]
    return {row.messages[0].get("content", ""): row for row in rows}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [{"question": f"Question {n}?  ", "answer": f"Answer {n}.\u200b"} for n in range(12)]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    return tmp_path


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("order", [["clean", "review"], ["review", "clean"], ["review"]])
def test_decisions_about_rows_are_carried_out_wherever_the_step_stands(
    folder: Path, chat: ChatFormat, order: list[str], workers: int
) -> None:
    _, dataset = made(folder, chat, "clean")
    seen = rows_of(dataset)
    keep(
        folder / "review.jsonl",
        *(
            decision("Ann", row.id, verdict, origin=row.details.get("before", row.id), **more)
            for row, verdict, more in [
                (seen["Question 1?"], "reject", {}),
                (seen["Question 2?"], "accept", {"rating": 1}),
                (seen["Question 3?"], "accept", {"rating": 2, "answer": "Three."}),
                (seen["Question 4?"], "accept", {"rating": 5}),
            ]
        ),
    )
    version, after = made(folder, chat, *order, workers=workers)
    rows = version.receipt.rows
    assert rows.dropped == {"review.rejected": 1, "review.rating": 1}
    assert rows.changed["review.edited"] == 1
    assert (rows.in_, rows.kept) == (12, 10)
    edited = next(row for row in rows_of(after).values() if row.target == "Three.")
    assert "review.edited" in edited.details["changes"]
    assert edited.details["before"] == seen["Question 3?"].details["before"]
    report = json.loads((after.folder / "report-review.json").read_text())
    assert (report["reviewed"], report["met"], report["missing"]) == (4, 4, 0)
    assert report["people"]["rating"] == pytest.approx((1 + 2 + 5) / 3)


def test_a_second_review_finds_the_rows_that_the_first_one_edited(folder: Path, chat: ChatFormat) -> None:
    _, dataset = made(folder, chat, "clean")
    row = rows_of(dataset)["Question 3?"]
    file = folder / "review.jsonl"
    keep(file, decision("Ann", row.id, origin=row.details["before"], answer="Three."))
    _, dataset = made(folder, chat, "clean", "review")
    edited = rows_of(dataset)["Question 3?"]
    assert edited.id != row.id
    keep(file, decision("Bo", edited.id, "reject", origin=edited.details["before"]))
    version, _ = made(folder, chat, "clean", {"review": {"on_disagreement": "drop"}})
    assert version.receipt.rows.dropped == {"review.rejected": 1}


def test_a_decision_about_a_row_that_is_gone_is_said(folder: Path, chat: ChatFormat) -> None:
    keep(folder / "review.jsonl", decision("Ann", "f" * 64, "reject"), decision("Ann", "e" * 64, "skip"))
    with (folder / "review.jsonl").open("a") as lines:
        lines.write('{"event": "deci')
    events: list[Any] = []
    version, dataset = made(folder, chat, "review", events=events)
    notes = [event.text for event in events if isinstance(event, Note)]
    assert any("1 reviewed rows are not among the rows" in text for text in notes)
    assert any("1 lines of review.jsonl cannot be read" in text for text in notes)
    report = json.loads((dataset.folder / "report-review.json").read_text())
    assert (report["missing"], report["missing_rows"], report["broken_lines"]) == (1, ["f" * 64], 1)
    assert version.receipt.rows.kept == 12


def test_without_decisions_the_rows_stay_and_it_is_said(folder: Path, chat: ChatFormat) -> None:
    events: list[Any] = []
    plain, _ = made(folder, chat)
    version, _ = made(folder, chat, "review", events=events)
    assert version.name == plain.name
    assert any("nobody has decided" in event.text for event in events if isinstance(event, Note))


def test_a_new_decision_makes_a_new_key_and_the_same_ones_the_same(folder: Path, chat: ChatFormat) -> None:
    first, dataset = made(folder, chat, "review")
    row = next(iter(rows_of(dataset).values()))
    keep(folder / "review.jsonl", decision("Ann", row.id, "reject"))
    second, _ = made(folder, chat, "review")
    third, _ = made(folder, chat, "review")
    assert first.key != second.key == third.key
    assert first.name != second.name == third.name


def test_an_edited_answer_of_a_labelled_row_is_its_label_too(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(8)])
    _, dataset = made(tmp_path, chat)
    row = rows_of(dataset)["text 2"]
    keep(tmp_path / "review.jsonl", decision("Ann", row.id, answer="b"))
    version, after = made(tmp_path, chat, "review")
    assert rows_of(after)["text 2"].label == "b"
    assert version.receipt.labels["train"] == {"a": 3, "b": 5}


def test_an_edit_into_the_answer_that_lost_leaves_no_pair(tmp_path: Path, chat: ChatFormat) -> None:
    pairs = [{"prompt": f"Question {n}?", "chosen": "good", "rejected": f"bad {n}"} for n in range(4)]
    write_jsonl(tmp_path / "rows.jsonl", pairs)
    _, dataset = made(tmp_path, chat)
    row = rows_of(dataset)["Question 2?"]
    keep(tmp_path / "review.jsonl", decision("Ann", row.id, answer="bad 2"))
    version, _ = made(tmp_path, chat, "review")
    assert version.receipt.rows.dropped == {"review.same_as_rejected": 1}
