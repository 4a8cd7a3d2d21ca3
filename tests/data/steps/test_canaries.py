"""Canaries are planted among training rows alone, as often as asked, and the receipt shows them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.data.builders import prepared, row, workspace_of, write_jsonl
from tunewright.core.errors import UserError
from tunewright.core.ports import Converted
from tunewright.data.canary import alternatives, bits, is_canary, repeats
from tunewright.data.dataset import open_dataset
from tunewright.data.rows import make_row
from tunewright.data.steps.canaries import Work, plant
from tunewright.recipe.options.steps.canaries import Options
from tunewright.text.chat import ChatFormat


def test_each_stands_as_often_as_it_says() -> None:
    rows = list(plant(Options(count=7, repeats=(1, 4, 16))))
    counts = Counter(found.id for found in rows)
    assert sorted(counts.values()) == sorted([1, 4, 16, 1, 4, 16, 1])
    assert all(repeats(found) == counts[found.id] for found in rows)
    assert len({found.details["columns"]["canary_secret"] for found in rows}) == 7
    assert len({found.messages[0].get("content") for found in rows}) == 7


@pytest.mark.parametrize("options", [{}, {"seed": 5}, {"alphabet": "letters", "length": 12, "count": 1000}])
def test_secrets_have_their_form_and_come_again(options: dict[str, Any]) -> None:
    asked = Options.model_validate({"repeats": [1], **options})
    rows = list(plant(asked))
    assert rows == list(plant(asked))
    assert [found.id for found in rows] != [found.id for found in plant(asked.model_copy(update={"seed": 99}))]
    secrets = [found.details["columns"]["canary_secret"] for found in rows]
    assert len(set(secrets)) == len(rows) == asked.count
    assert all(len(secret) == asked.length for secret in secrets)
    assert all(secret.isdigit() if asked.alphabet == "digits" else secret.isalpha() for secret in secrets)


def test_only_training_rows_grow() -> None:
    given = {"train": [row("a")], "validation": [row("b")], "test": [row("c")]}
    done = Work(Options(count=3, repeats=(2,))).apply(given)
    assert done.rows["train"][:1] == given["train"]
    assert [(is_canary(found), found.line) for found in done.rows["train"][1:]] == [(True, n) for n in range(1, 7)]
    assert {split: done.rows[split] for split in ("validation", "test")} == {
        split: given[split] for split in ("validation", "test")
    }
    assert (done.gone, done.created) == ([], {"canary": 6})


def test_documents_take_none() -> None:
    document = make_row(Converted(({"role": "document", "content": "a"},)), source="f", line=1)
    with pytest.raises(UserError, match="plain text"):
        Work(Options()).apply({"train": [document]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt": "What is the code?"},
        {"prompt": "Is {secret} that of {name}?"},
        {"format": "It is a secret."},
        {"format": "{secret}{secret}"},
        {"count": 0},
        {"repeats": []},
        {"repeats": [0]},
        {"length": 3},
        {"alphabet": "emoji"},
    ],
)
def test_what_could_not_be_measured_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(wrong)


def test_from_the_recipe_to_the_prepared_rows(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [{"text": f"t{n}", "label": "ab"[n % 2]} for n in range(40)])
    step = {"type": "canaries", "count": 2, "repeats": [3, 1]}
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl", "steps": ["deduplicate", step]})
    receipt = version.receipt
    assert receipt.rows.created == {"canary": 4} and receipt.rows.balanced()
    assert receipt.rows.in_ == 40 and receipt.rows.kept == 44
    assert receipt.sources["canary"].rows.created == {"canary": 4}
    assert all(part.rows.balanced() for part in receipt.sources.values())
    assert receipt.splits == {"train": 36, "validation": 4, "test": 4}
    assert version.labels == ("a", "b")
    dataset = open_dataset(workspace_of(tmp_path), version)
    for split in ("validation", "test"):
        rows = dataset.split(split)
        assert not any(is_canary(rows.row(index)) for index in range(len(rows)))
    train = dataset.split("train")
    planted = [train.row(index) for index in range(len(train)) if is_canary(train.row(index))]
    assert Counter(map(repeats, planted)) == {3: 3, 1: 1}
    assert bits(planted[0]) == pytest.approx(29.897, abs=1e-3)
    assert len(alternatives(planted[0], count=20, seed=0)) == 20
    plain = prepared(tmp_path, chat, options={"train": "rows.jsonl"})
    assert plain.name != version.name
