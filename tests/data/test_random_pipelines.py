"""Any allowed order of steps over rows of any kind: every row is accounted for, and equal input has one name."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.core import catalog
from tunewright.core.errors import UserError
from tunewright.data.arrange import PHASES
from tunewright.text.chat import ChatFormat

NEED_MORE = {"perplexity", "review", "relevance"}
"""Steps that ask for a model, a file of decisions, or a description of a domain."""
OPTIONS: dict[str, dict[str, Any]] = {
    "augment": {"copies": 1},
    "balance": {"by": "label"},
    "clean": {"html": True, "white_space": "all"},
    "language": {"allowed": ["en"]},
    "near_duplicates": {"threshold": 0.6},
    "quality": {"rules": "chat"},
    "sample": {"share": 0.7},
    "select": {"rows": 20},
    "canaries": {"count": 2},
}
TEXT = """the a of river bank money loan tree grows under old bridge while people walk home and nobody knows why it
rains"""
WORDS = TEXT.split()
ODD = ["", "  ", "\u200b", "write to ann@example.org", "<p>hello &amp; bye</p>", "donâ€™t", "中文 文字", "ok", "!!!"]
ODD.append("x " * 400)


def phase_of(name: str) -> str:
    return catalog.work("steps", name)(options_of(name)).phase


def options_of(name: str) -> Any:
    made: Any = catalog.options("steps", name)
    known = {key: value for key, value in OPTIONS.get(name, {}).items() if key in made.model_fields}
    return made(**known)


NAMES = sorted(set(catalog.names("steps")) - NEED_MORE)


def rows(rng: random.Random) -> list[dict[str, str]]:
    found = []
    for _ in range(50):
        text = " ".join(rng.choices(WORDS, k=rng.randint(3, 30)))
        if found and rng.random() < 0.3:
            text = rng.choice(found)["text"]
        if rng.random() < 0.2:
            text = rng.choice(ODD) + (f" {rng.randrange(9)}" if rng.random() < 0.5 else "")
        found.append({"text": text, "label": rng.choice("ab")})
    return found


@settings(max_examples=12, deadline=None)
@given(chosen=st.lists(st.sampled_from(NAMES), max_size=7, unique=True), seed=st.integers(0, 10**6))
def test_nothing_is_lost_and_the_name_is_one(chosen: list[str], seed: int, chat: ChatFormat) -> None:
    rng = random.Random(seed)
    steps = sorted(chosen, key=lambda name: PHASES.index(phase_of(name)))
    options = {
        "train": "rows.jsonl",
        "steps": [options_of(name).model_dump() for name in steps],
        "limits": {"quarantined_rows": None},
        "overlong": "drop",
        "max_tokens": 300,
    }
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_jsonl(folder / "rows.jsonl", rows(rng))
        try:
            first = prepared(folder, chat, options=options)
        except UserError as error:
            assert "no row is left" in str(error)
            return
        counts = first.receipt.rows
        assert counts.balanced() and first.receipt.tokens.balanced()
        assert counts.in_ == 50 and counts.kept == sum(first.receipt.splits.values())
        fates = pq.read_table(workspace_of(folder).datasets / first.name / "fates.parquet").to_pylist()
        gone = [line for line in fates if line["fate"] in ("dropped", "duplicate")]
        assert len(gone) == counts.duplicate + sum(counts.dropped.values())
        assert len([line for line in fates if line["fate"] == "changed"]) == sum(counts.changed.values())
        assert prepared(folder, chat, options={**options, "workers": 1}).name == first.name


@pytest.mark.parametrize("steps", [["augment", "clean"], ["canaries", "deduplicate"]])
def test_a_wrong_order_is_an_error(steps: list[str], tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", rows(random.Random(1)))
    with pytest.raises(UserError, match="stands too late"):
        prepared(tmp_path, chat, options={"train": "rows.jsonl", "steps": steps})


def test_two_processes_give_the_name_of_one(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", rows(random.Random(2)))
    several = ["clean", "personal_data", "language", "near_duplicates", "quality", "bias_scan", "augment", "balance"]
    options = {
        "train": "rows.jsonl",
        "steps": [options_of(name).model_dump() for name in several],
        "limits": {"quarantined_rows": None},
        "overlong": "drop",
    }
    made = [prepared(tmp_path, chat, options={**options, "workers": workers}) for workers in (1, 2)]
    assert made[0] == made[1]
