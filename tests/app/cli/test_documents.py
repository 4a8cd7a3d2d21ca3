"""The JSON shapes that other people's scripts rely on."""

from __future__ import annotations

from tunewright.app.cli import documents
from tunewright.core.nouns import (
    Comparison,
    DatasetVersion,
    Evaluation,
    Receipt,
    RowCounts,
    TokenCounts,
)

RECEIPT = Receipt(
    rows=RowCounts(in_=10, kept=7, quarantined=1, duplicate=1, dropped={"long": 2}, created={"split": 1}),
    tokens=TokenCounts(in_=100, kept=90, truncated=10, trained=40, masked=50),
    splits={"train": 5, "validation": 1, "test": 1},
)


def test_data() -> None:
    version = DatasetVersion(
        name="n" * 64, key="k", shape="chat", max_tokens=8, chat_digest="c", receipt=RECEIPT, labels=("a",)
    )
    assert documents.of_dataset(version) == {
        "dataset": "n" * 64,
        "receipt": {
            "rows": {
                "in": 10,
                "kept": 7,
                "quarantined": 1,
                "duplicate": 1,
                "dropped": {"long": 2},
                "created": {"split": 1},
                "changed": {},
            },
            "tokens": {"in": 100, "kept": 90, "truncated": 10, "dropped": 0, "trained": 40, "masked": 50},
            "splits": {"train": 5, "validation": 1, "test": 1},
        },
    }


def test_evaluate() -> None:
    comparison = Comparison(
        base=0.2, base_same_prompt=0.1, tuned=0.9, difference=0.7, interval=(0.6, 0.8), p=1e-9, n=300
    )
    evaluation = Evaluation(
        name="e", key="k", model="m", dataset="d", split="test", suites={"labels_generated": {"accuracy": comparison}}
    )
    assert documents.of_evaluation(evaluation) == {
        "evaluation": "e",
        "suites": {
            "labels_generated": {
                "accuracy": {
                    "base": 0.2,
                    "base_same_prompt": 0.1,
                    "tuned": 0.9,
                    "difference": 0.7,
                    "interval": [0.6, 0.8],
                    "p": 1e-9,
                    "p_holm": None,
                    "base_interval": None,
                    "tuned_interval": None,
                    "direction": "higher",
                    "n": 300,
                }
            }
        },
        "unmeasured": {},
    }
