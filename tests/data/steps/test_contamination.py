"""The step `contamination`: training rows that hold a measured row go, are marked, or end the work."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.builders import prepared, row, workspace_of, write_jsonl
from tests.data.test_held import rows
from tunewright.core.errors import LimitNotMet
from tunewright.core.events import Event, Note
from tunewright.core.ports import Row
from tunewright.data.context import Context
from tunewright.data.dataset import open_dataset
from tunewright.data.steps.contamination import Work
from tunewright.recipe.options.steps.contamination import Options
from tunewright.text.chat import ChatFormat


def context(folder: Path, chat: ChatFormat, measured: Mapping[str, list[Row]], events: list[Event]) -> Context:
    return Context(folder, folder, "2026-01-01", chat, measured=lambda: measured, emit=events.append)


def work(**keys: Any) -> Work:
    return Work(Options.model_validate(keys))


def test_rows_of_suites_and_of_both_splits_go(tmp_path: Path, chat: ChatFormat) -> None:
    draw = random.Random(1)
    suite, validation, test, train = (rows(20, draw) for _ in range(4))
    given = {"train": [*train, suite[2], validation[3], test[4]], "validation": validation, "test": test}
    seen: list[Event] = []
    step = work()
    step.bind(context(tmp_path, chat, {"general": suite, "bias": rows(5, draw)}, seen))
    done = step.apply(given)
    assert done.rows == {"train": train, "validation": validation, "test": test}
    assert [(gone.row, gone.fate, gone.reason, gone.of) for gone in done.gone] == [
        (each, "dropped", "contamination.exact", each.id) for each in (suite[2], validation[3], test[4])
    ]
    (note,) = [event.text for event in seen if isinstance(event, Note)]
    assert "general (20 rows): 1" in note and "bias (5 rows): 0" in note and "test (20 rows): 1" in note
    assert done.report is not None
    assert done.report["exact"] == 3 and done.report["near"] == 0 and len(done.report["examples"]) == 3
    assert done.report["against"]["validation"] == {"rows": 20, "held_by": 1}
    json.dumps(done.report)


def test_only_what_is_named_is_compared(tmp_path: Path, chat: ChatFormat) -> None:
    draw = random.Random(2)
    suite, test = rows(9, draw), rows(9, draw)
    step = work(against=["suites"])
    step.bind(context(tmp_path, chat, {"general": suite}, []))
    assert [gone.row for gone in step.apply({"train": [suite[0], test[0]], "test": test}).gone] == [suite[0]]
    step = work(against=["test"])
    step.bind(context(tmp_path, chat, {"general": suite}, []))
    assert [gone.row for gone in step.apply({"train": [suite[0], test[0]], "test": test}).gone] == [test[0]]
    assert step.parents(context(tmp_path, chat, {"general": suite}, [])) == []


def test_another_suite_is_another_data_set(tmp_path: Path, chat: ChatFormat) -> None:
    one, two = (rows(5, random.Random(seed)) for seed in (1, 2))
    keys = [work().parents(context(tmp_path, chat, measured, [])) for measured in
            ({"a": one}, {"a": one[::-1]}, {"a": two}, {"b": one}, {})]  # fmt: skip
    assert keys[0] == keys[1]
    assert len({json.dumps(key) for key in keys}) == 4


def test_a_marked_row_stays_and_says_why(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "train.jsonl", [{"text": f"case {n} of the {n}", "label": "ab"[n % 2]} for n in range(20)])
    write_jsonl(tmp_path / "test.jsonl", [{"text": "Case 3 of the 3!", "label": "b"}])
    options = {"train": "train.jsonl", "test": "test.jsonl", "split": {"validation": 0},
               "steps": [{"contamination": {"action": "mark"}}]}  # fmt: skip
    version = prepared(tmp_path, chat, options=options)
    assert version.receipt.rows.kept == 21 and version.receipt.rows.changed == {"contamination.exact": 1}
    split = open_dataset(workspace_of(tmp_path), version).split("train")
    marked = [split.row(at) for at in range(len(split)) if split.row(at).details.get("changes")]
    assert [(each.line, each.details.get("changes")) for each in marked] == [(4, ["contamination.exact"])]


def test_the_files_that_the_split_divides_are_looked_at_after_it(tmp_path: Path, chat: ChatFormat) -> None:
    """A file with each question twice, in other punctuation: whatever the split does, no test row was trained on."""
    draw = random.Random(5)
    asked = [f"{each.messages[0].get('content')}" for each in rows(40, draw)]
    lines = [{"text": text + ending, "label": "ab"[n % 2]} for n, text in enumerate(asked) for ending in ("", "?")]
    write_jsonl(tmp_path / "rows.jsonl", lines)
    options = {"train": "rows.jsonl", "split": {"validation": 0.2, "test": 0.2}, "steps": ["contamination"]}
    version = prepared(tmp_path, chat, options=options)
    dropped = version.receipt.rows.dropped["contamination.exact"]
    assert version.receipt.rows.balanced() and 5 < dropped < 40
    assert version.receipt.splits == {"train": 48 - dropped, "validation": 16, "test": 16}
    report = json.loads((workspace_of(tmp_path).datasets / version.name / "report-contamination.json").read_text())
    assert report["exact"] == dropped


def test_a_refusal_says_which_row_and_what_to_do() -> None:
    draw = random.Random(6)
    test = rows(5, draw)
    train = [*rows(3, draw), row(test[0].messages[0].get("content") or "", source="train.jsonl", line=17)]
    with pytest.raises(LimitNotMet, match=r"1 training rows hold .*\(test 1\).*train\.jsonl:17.*action: drop"):
        work(action="refuse").apply({"train": train, "test": test})
    assert work(action="refuse").apply({"train": train[:3], "test": test}).gone == []


def test_without_anything_to_compare_with_a_note_says_so(tmp_path: Path, chat: ChatFormat) -> None:
    seen: list[Event] = []
    step = work(against=["suites"])
    step.bind(context(tmp_path, chat, {}, seen))
    given = {"train": rows(3, random.Random(7))}
    assert step.apply(given).rows == given
    assert "nothing to compare with" in str(seen)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), action=st.sampled_from(["drop", "mark"]), share=st.floats(0.3, 1))
def test_no_row_is_lost_and_a_second_time_finds_no_copy(seed: int, action: str, share: float) -> None:
    draw = random.Random(seed)
    some = rows(30, draw, words=draw.randint(1, 20))
    given = {split: draw.choices(some, k=draw.randint(0, 15)) for split in ("train", "validation", "test")}
    step = work(action=action, share=share)
    done = step.apply(given)
    assert {split: done.rows[split] for split in ("validation", "test")} == {
        split: given[split] for split in ("validation", "test")
    }
    assert len(done.rows["train"]) + len(done.gone) == len(given["train"]) and done.created == {}
    assert sorted([row.id for row in done.rows["train"]] + [gone.row.id for gone in done.gone]) == sorted(
        row.id for row in given["train"]
    )
    if action == "drop":
        assert not [gone for gone in step.apply(done.rows).gone if gone.reason == "contamination.exact"]
