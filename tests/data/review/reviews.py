"""Reviews of small data sets, for tests."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.core.nouns import DatasetVersion
from tunewright.data.dataset import Dataset, open_dataset
from tunewright.data.encode import TrainingChat
from tunewright.data.review.decisions import Decision, Decisions
from tunewright.data.review.queue import Draw
from tunewright.data.review.session import Review

SPLIT = {"validation": 0.0, "test": 0.0}


def questions(count: int) -> list[dict[str, str]]:
    """Rows of a question and an answer."""
    return [{"question": f"Question {n}?", "answer": f"Answer {n}."} for n in range(count)]


def dataset_of(folder: Path, chat: TrainingChat, rows: Sequence[Any], **options: Any) -> tuple[DatasetVersion, Dataset]:
    """Rows prepared, all of them for training."""
    write_jsonl(folder / "rows.jsonl", rows)
    version = prepared(folder, chat, options={"train": {"path": "rows.jsonl"}, "split": SPLIT, **options})
    return version, open_dataset(workspace_of(folder), version)


def review_of(dataset: Dataset, file: Path, *, rows: int = 100, seed: int = 0) -> Review:
    """A review whose clock goes on by a second each time."""
    seconds = itertools.count()
    return Review(
        dataset,
        "train",
        draw=Draw(rows, seed),
        decisions=Decisions(file),
        token="secret",
        clock=lambda: f"2026-01-01T00:{next(seconds) // 60 % 60:02}:00+00:00",
    )


def given(verdict: str, rating: int | None = None, answer: str | None = None) -> dict[str, Any]:
    """What a page sends."""
    return {"verdict": verdict, "rating": rating, "answer": answer}


def decision(rater: str, row: str, verdict: Any = "accept", **more: Any) -> Decision:
    """A decision about a row that no step changed."""
    values = {"rating": None, "answer": None, "origin": row, **more}
    return Decision(rater=rater, row=row, split="train", verdict=verdict, time="t", **values)


def keep(file: Path, *decisions: Decision) -> Decisions:
    """A file with decisions."""
    found = Decisions(file)
    for one in decisions:
        found.keep(one)
    return found
