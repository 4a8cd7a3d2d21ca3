"""Results for people."""

from __future__ import annotations

import pytest

from tests.app.cli.test_documents import RECEIPT
from tunewright.app.cli import tables
from tunewright.core.nouns import Comparison, DatasetVersion, Evaluation


def test_trained_tokens_are_marked_without_colour_and_styled_with_it() -> None:
    pieces, weights = ["a ", "b", " c", "d", "\x1b[2J"], [0.0, 1.0, 1.0, 0.0, 0.5]
    assert tables.painted(pieces, weights, colour=False).plain == "a ⟦b c⟧d⟦ [2J⟧"
    text = tables.painted(pieces, weights, colour=True)
    assert text.plain == "a b cd [2J"
    assert [str(span.style) for span in text.spans] == [
        "dim",
        "bold green underline",
        "bold green",
        "dim underline",
        "bold green",
    ]


def test_the_receipt_counts_every_fate(capsys: pytest.CaptureFixture[str]) -> None:
    version = DatasetVersion(name="n" * 64, key="k", shape="chat", max_tokens=8, chat_digest="c", receipt=RECEIPT)
    tables.receipt(version)
    lines = {line.rsplit("  ", 2)[0].strip(): line.split() for line in capsys.readouterr().out.splitlines()}
    found = {name: words for words in lines.values() for name in [" ".join(words[:2])]}
    assert found["dropped: long"][-1] == "2"
    assert found["created: split"][-1] == "1"
    assert found["kept 7"][-1] == "90"


def test_an_evaluation_shows_base_beside_tuned(capsys: pytest.CaptureFixture[str]) -> None:
    full = Comparison(base=0.2, base_same_prompt=0.1, tuned=0.9, difference=0.7, interval=(0.6, 0.8), p=1e-9, n=300)
    bare = Comparison(base=None, base_same_prompt=2.0, tuned=1.0, n=300, direction="lower")
    suites = {"labels": {"accuracy": full, "loss": bare}}
    record = Evaluation(
        name="e", key="k", model="m", dataset="d", split="test", suites=suites, base_prompts={"labels": "labels_listed"}
    )
    tables.evaluation(record)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "labels, test rows; the base's best prompt is labels_listed"
    assert lines[2].split() == [
        "accuracy",
        "0.2000",
        "0.1000",
        "0.9000",
        "+0.7000",
        "+0.6000",
        "to",
        "+0.8000",
        "1e-09",
        "300",
    ]
    assert lines[3].split() == ["loss", "2.0000", "1.0000", "300"]
