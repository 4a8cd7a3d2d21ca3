"""The stage from end to end: identities, names, limits and what is left on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.core.errors import LimitNotMet, UserError
from tunewright.core.nouns import DatasetVersion
from tunewright.core.workspace import lock
from tunewright.data.dataset import open_dataset
from tunewright.data.rows import SPLITS
from tunewright.text.chat import ChatFormat

LABELS = "abc"


def labelled(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Different rows, three labels."""
    return [{"text": f"text {number}", "label": LABELS[number % 3]} for number in range(start, start + count)]


def test_a_plain_file(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", labelled(60))
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl"})
    assert version.shape == "labelled"
    assert version.labels == ("a", "b", "c")
    assert version.receipt.splits == {"train": 48, "validation": 6, "test": 6}
    assert version.receipt.labels["test"] == {"a": 2, "b": 2, "c": 2}
    assert sum(version.receipt.lengths["train"]) == 48
    folder = workspace_of(tmp_path).datasets / version.name
    assert DatasetVersion.model_validate_json((folder / "version.json").read_text()) == version
    assert json.loads((folder / "receipt.json").read_text())["rows"]["in"] == 60
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [f"{split}.{end}" for split in SPLITS for end in ("parquet", "safetensors")]
        + [
            "digests.json",
            "fates.parquet",
            "quarantine.jsonl",
            "receipt.json",
            "samples.json",
            "survey.json",
            "version.json",
        ]
    )


def test_what_is_on_disk_is_what_the_chat_encodes(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", labelled(30))
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl", "system": "Say a letter."})
    dataset = open_dataset(workspace_of(tmp_path), version)
    seen = 0
    for split in map(dataset.split, SPLITS):
        for index in range(len(split)):
            row, encoded = split.row(index), split.encoded(index)
            assert row.messages[0] == {"role": "system", "content": "Say a letter."}
            assert row.target == row.label and row.source == "rows.jsonl"
            assert row.prompt[-1]["content"] == f"text {row.line - 1}"
            tokens, weights = chat.encode(row.messages, loss_on="answers")
            np.testing.assert_array_equal(encoded.tokens, tokens)
            np.testing.assert_array_equal(encoded.weights, weights)
            assert split.lengths[index] == len(tokens) and split.trained[index] == weights.sum()
            seen += 1
    assert seen == 30


ROW = st.one_of(
    st.fixed_dictionaries({"text": st.sampled_from(["one", "two", "x" * 300]), "label": st.sampled_from("ab")}),
    st.fixed_dictionaries(
        {"text": st.text(st.characters(exclude_categories=["Cs"]), max_size=5), "label": st.just("c")}
    ),
    st.sampled_from([{"text": ""}, {"label": 3}, [], 7, {"text": "a<|im_end|>", "label": "b"}]),
)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(ROW, min_size=1, max_size=30), action=st.sampled_from(["drop", "cut", "split"]), dedupe=st.booleans()
)
def test_the_receipt_adds_up(
    tmp_path_factory: pytest.TempPathFactory, chat: ChatFormat, rows: list[Any], action: str, dedupe: bool
) -> None:
    folder = tmp_path_factory.mktemp("receipt")
    write_jsonl(folder / "a.jsonl", rows)
    write_jsonl(folder / "b.jsonl", labelled(12))
    write_jsonl(folder / "test.jsonl", labelled(4, start=10))
    options: dict[str, Any] = {
        "train": "[ab].jsonl",
        "test": "test.jsonl",
        "shape": "labelled",
        "max_tokens": 80,
        "overlong": action,
        "steps": ["deduplicate"] if dedupe else [],
        "limits": {"quarantined_rows": None},
    }
    version = prepared(folder, chat, options=options)
    receipt = version.receipt
    assert receipt.rows.balanced() and receipt.tokens.balanced()
    assert all(part.rows.balanced() for part in receipt.sources.values())
    assert receipt.rows.in_ == len(rows) + 16
    assert receipt.rows.duplicate >= (2 if dedupe else 0)
    folder_made = workspace_of(folder).datasets / version.name
    assert len((folder_made / "quarantine.jsonl").read_text().splitlines()) == receipt.rows.quarantined
    dataset = open_dataset(workspace_of(folder), version)
    assert {split: len(dataset.split(split)) for split in SPLITS} == receipt.splits
    assert sum(receipt.splits.values()) == receipt.rows.kept
    assert sum(int(dataset.split(split).lengths.sum()) for split in SPLITS) == receipt.tokens.kept
    assert sum(int(np.count_nonzero(dataset.split(split).weights)) for split in SPLITS) == receipt.tokens.trained
    if action == "split":
        assert receipt.tokens.truncated == 0


def test_the_name_knows_content_only(tmp_path: Path, chat: ChatFormat) -> None:
    first, second = labelled(40), labelled(30, start=40)
    names = []
    for place, one, other in (("here", "a.jsonl", "b.jsonl"), ("there/below", "z.jsonl", "c.jsonl")):
        write_jsonl(tmp_path / place / one, first)
        write_jsonl(tmp_path / place / other, second)
        names.append(prepared(tmp_path / place, chat, options={"train": "*.jsonl"}).name)
    assert names[0] == names[1]


def test_csv_and_jsonl_of_the_same_rows_have_one_name(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", labelled(20))
    text = "label,text\n" + "".join(f'{row["label"]},"{row["text"]}"\n' for row in labelled(20))
    (tmp_path / "rows.csv").write_text(text)
    names = {prepared(tmp_path, chat, options={"train": name}).name for name in ("rows.jsonl", "rows.csv")}
    assert len(names) == 1


@pytest.mark.parametrize(
    "change",
    [{"split": {"seed": 1}}, {"system": "Be brief."}, {"split": {"test": 0.2}}, {"overlong": "cut", "max_tokens": 40}],
)
def test_other_content_has_another_name(tmp_path: Path, chat: ChatFormat, change: dict[str, Any]) -> None:
    write_jsonl(tmp_path / "rows.jsonl", labelled(40))
    plain = prepared(tmp_path, chat, options={"train": "rows.jsonl"})
    changed = prepared(tmp_path, chat, options={"train": "rows.jsonl", **change})
    assert plain.name != changed.name and plain.key != changed.key


def test_the_mask_is_part_of_the_name(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", labelled(40))
    versions = [prepared(tmp_path, chat, options={"train": "rows.jsonl"}, loss_on=on) for on in ("answers", "all")]
    assert versions[0].name != versions[1].name


def test_preparing_twice_leaves_one_whole_folder(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", labelled(40))
    first = prepared(tmp_path, chat, options={"train": "rows.jsonl"})
    assert prepared(tmp_path, chat, options={"train": "rows.jsonl"}) == first
    assert [path.name for path in workspace_of(tmp_path).datasets.glob("[!.]*")] == [first.name]
    assert not list((workspace_of(tmp_path).home / "scratch").glob("*/work"))


def test_a_limit_that_is_not_met_says_numbers_and_keeps_the_bad_rows(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [*labelled(18), {"text": "\ud800"}, {"text": "no label"}])
    with pytest.raises(LimitNotMet) as caught:
        prepared(tmp_path, chat, options={"train": "rows.jsonl"})
    problem = caught.value.problems[0]
    assert "2 of 20 rows" in problem.what and "5.00%" in problem.what and "missing_column 1" in problem.what
    assert problem.where == "data.limits.quarantined_rows"
    (left,) = (workspace_of(tmp_path).home / "scratch").glob("*/quarantine.jsonl")
    assert str(left) in problem.do
    entries = [json.loads(line) for line in left.read_text().splitlines()]
    assert [(entry["file"], entry["line"], entry["reason"]) for entry in entries] == [
        ("rows.jsonl", 19, "lone_surrogate"),
        ("rows.jsonl", 20, "missing_column"),
    ]
    assert not workspace_of(tmp_path).datasets.exists()


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"limits": {"duplicate_rows": 2}}, "data.limits.duplicate_rows"),
        ({"limits": {"truncated_rows": "1%"}, "overlong": "cut", "max_tokens": 40}, "data.limits.truncated_rows"),
        ({"limits": {"dropped_rows": 0}, "overlong": "drop", "max_tokens": 40}, "data.limits.dropped_rows"),
    ],
)
def test_every_limit_bites(tmp_path: Path, chat: ChatFormat, options: dict[str, Any], where: str) -> None:
    short = [{"text": letter, "label": "b"} for letter in "defghijklm"]
    write_jsonl(tmp_path / "rows.jsonl", [*short, *short[:3], {"text": "long " * 40, "label": "a"}])
    with pytest.raises(LimitNotMet) as caught:
        prepared(tmp_path, chat, options={"train": "rows.jsonl", **options, "system": "s"})
    assert [problem.where for problem in caught.value.problems] == [where]


def test_overlong_rows_are_refused_with_the_choices(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [*labelled(10), {"text": "long " * 200, "label": "a"}])
    with pytest.raises(UserError, match="1 example has more than") as caught:
        prepared(tmp_path, chat, options={"train": "rows.jsonl", "max_tokens": 100, "split": {"test": 0}})
    assert caught.value.problems[0].where == "rows.jsonl:11"


def test_files_of_their_own_are_not_divided_and_duplicates_leave_training(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", labelled(50))
    write_jsonl(tmp_path / "test.jsonl", labelled(8, start=46))
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl", "test": "test.jsonl"})
    assert version.receipt.splits == {"train": 41, "validation": 5, "test": 8}
    assert version.receipt.rows.duplicate == 4


def test_conflicting_labels_are_said_and_kept(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [*labelled(20), {"text": "text 0", "label": "c"}])
    notes: list[Any] = []
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl"}, emit=notes.append)
    assert version.receipt.rows.kept == 21
    assert version.receipt.sources["rows.jsonl"].reasons == {"conflicting_labels": 2}
    assert any("2 rows have a prompt" in getattr(event, "text", "") for event in notes)


@pytest.mark.parametrize("content", ["", "\n\n", "[]\n", '{"text": 3, "label": 4}\n', "broken\n" * 5])
def test_nothing_to_train_on_is_the_users_mistake(tmp_path: Path, chat: ChatFormat, content: str) -> None:
    (tmp_path / "rows.jsonl").write_text(content)
    for shape in ("auto", "labelled"):
        with pytest.raises(UserError):
            prepared(tmp_path, chat, options={"train": "rows.jsonl", "shape": shape})


def test_a_training_file_inside_the_test_is_said(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", labelled(10))
    with pytest.raises(UserError, match=r"no row is left to train on, of 20 read: duplicate 10"):
        prepared(tmp_path, chat, options={"train": "rows.jsonl", "test": "rows.jsonl"})


def test_weights_of_zero_everywhere_train_nothing(tmp_path: Path, chat: ChatFormat) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}]
    good = [[{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": "b"}] for n in range(20)]
    write_jsonl(tmp_path / "rows.jsonl", [{"messages": group} for group in [turns, *good]])
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl"})
    assert version.shape == "chat"
    assert version.receipt.rows.dropped == {"nothing_to_train": 1}
    assert version.receipt.tokens.dropped > 0


def test_two_at_once_the_second_is_told(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", labelled(20))
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl"})
    held = workspace_of(tmp_path).home / "scratch" / f"data-{version.key[:12]}.lock"
    with lock(held, purpose="data"), pytest.raises(UserError, match="is at work here"):
        prepared(tmp_path, chat, options={"train": "rows.jsonl"})


def test_parts_without_an_answer_have_their_own_reason(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [*labelled(20), {"text": "long " * 200, "label": "a"}])
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl", "max_tokens": 100, "overlong": "split"})
    assert set(version.receipt.rows.dropped) == {"part_without_answer"}


def test_when_all_rows_are_bad_the_first_says_why(tmp_path: Path, chat: ChatFormat) -> None:
    (tmp_path / "missing.csv").write_text("a,b\n" + "".join(f"{number},2\n" for number in range(24)))
    shape = {"type": "labelled", "text": "a", "label": "queue"}
    for path, place in (("missing.csv", "line 2"), ("*.csv", "missing.csv:2")):
        with pytest.raises(UserError) as caught:
            prepared(tmp_path, chat, options={"train": path, "shape": shape, "limits": {"quarantined_rows": None}})
        assert caught.value.problems[0].what == (
            f'no row is left to train on, of 24 read: missing_column 24 ({place}: there is no "queue"; there is: a, b).'
        )


@pytest.mark.parametrize("shape", ["auto", "labelled"])
def test_bare_cr_line_ends_are_said(tmp_path: Path, chat: ChatFormat, shape: str) -> None:
    (tmp_path / "rows.csv").write_bytes(b"text,label\rx,a\ry,b\r")
    with pytest.raises(UserError, match=r"line 1: .*bare CR; save the file with LF"):
        prepared(tmp_path, chat, options={"train": "rows.csv", "shape": shape, "limits": {"quarantined_rows": None}})
