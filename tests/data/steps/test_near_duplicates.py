"""Near duplicates: found where they are planted, never where the exact similarity is below the threshold."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.builders import prepared, row, workspace_of, write_jsonl
from tests.data.test_shingles import plain
from tunewright.core.ports import Row
from tunewright.data.steps.near_duplicates import Work
from tunewright.recipe.options.steps.near_duplicates import Options
from tunewright.text.chat import ChatFormat

WORDS = [f"{a}{b}" for a in ("ka", "lo", "mi", "ne", "pu", "ra", "si", "to") for b in "bcdfghjklmnprstvwz"]


def text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(WORDS, k=words))


def edited(given: str, rng: random.Random, words: int) -> str:
    parts = given.split()
    for place in rng.sample(range(len(parts)), words):
        parts[place] = "x" + rng.choice(WORDS)
    return " ".join(parts)


def similarity(one: Row, other: Row, ngram: int = 3) -> float:
    """By sets of tuples, as the definition reads."""
    first, second = (
        plain("\n".join(turn.get("content", "") for turn in each.messages), ngram) for each in (one, other)
    )
    return len(first & second) / len(first | second)


def found(rows: dict[str, list[Row]], **options: Any) -> Any:
    return Work(Options(**options)).apply(rows)


def planted(seed: int, documents: int) -> list[Row]:
    rng = random.Random(seed)
    rows = [row(text(rng, rng.randint(20, 200)), line=line) for line in range(documents)]
    for line in range(documents // 4):
        source = rng.choice(rows[:documents]).messages[0].get("content", "")
        rows.append(row(edited(source, rng, rng.randint(1, max(1, len(source.split()) // 12))), line=1000 + line))
    rng.shuffle(rows)
    return rows


@pytest.mark.parametrize("seed", [1, 2])
def test_what_brute_force_finds_is_found_and_nothing_else_goes(seed: int) -> None:
    rows = planted(seed, 300)
    alike = [(a, b) for a, b in itertools.combinations(rows, 2) if similarity(a, b) >= 0.7]
    result = found({"train": rows})
    by_id = {each.id: each for each in rows}
    gone = {each.row.id for each in result.gone}
    assert len(alike) > 50
    assert sum(a.id in gone or b.id in gone for a, b in alike) >= 0.98 * len(alike)
    assert all(similarity(each.row, by_id[each.of]) >= 0.7 for each in result.gone)
    assert all(each.of not in gone for each in result.gone)
    assert len(result.rows["train"]) + len(gone) == len(rows)
    assert result.report["rows"] == len(gone)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.4, 0.7, 1.0]), st.sampled_from(["longest", "first"]))
def test_every_row_that_goes_is_alike_to_one_that_stays(seed: int, threshold: float, keep: str) -> None:
    rng = random.Random(seed)
    base = [text(rng, 12) for _ in range(4)]
    rows = [row(edited(rng.choice(base), rng, rng.randint(0, 3)), line=line) for line in range(30)]
    splits = {"train": rows[:20], "validation": rows[20:25], "test": rows[25:]}
    result = found(splits, threshold=threshold, keep=keep)
    kept = {each.id: split for split, group in result.rows.items() for each in group}
    by_id = {each.id: each for each in rows}
    for gone in result.gone:
        assert similarity(gone.row, by_id[gone.of]) >= threshold
        assert ("train", "validation", "test").index(kept[gone.of]) >= ("train", "validation", "test").index(gone.split)
    assert sum(map(len, result.rows.values())) + len(result.gone) == 30


def test_the_longest_stays_and_the_test_wins() -> None:
    rng = random.Random(3)
    base = text(rng, 40)
    short, long = row(base), row(base + " and more")
    result = found({"train": [short, long]})
    assert [each.row for each in result.gone] == [short]
    assert [each.row for each in found({"train": [short, long]}, keep="first").gone] == [long]
    assert [each.row for each in found({"train": [long], "test": [short]}).gone] == [long]


def test_a_frame_around_short_texts_makes_none_alike() -> None:
    rng = random.Random(5)
    rows = [
        row(
            f"Of the parts of the body that are known, which one does the following diagnosis belong to? {text(rng, 2)}"
        )
        for _ in range(80)
    ]
    assert len(found({"train": rows}, frame_share=1).gone) > 0
    result = found({"train": rows})
    assert result.gone == []
    assert result.report["frame_shingles"] > 5


def test_rows_of_nothing_but_frame_are_compared_by_it() -> None:
    rows = [row("The same question again and again?", line=line) for line in range(60)]
    assert len(found({"train": rows}).gone) == 59


def test_grouped_rows_stay_in_one_family() -> None:
    rng = random.Random(7)
    base = text(rng, 50)
    rows = [row(base, line=1), row(edited(base, rng, 1), line=2), row(text(rng, 50), line=3)]
    result = found({"train": rows}, action="group")
    families = [each.details.get("family") for each in result.rows["train"]]
    assert families == [rows[0].id, rows[0].id, None]
    assert [change.reason for change in result.changed] == ["near_duplicates"] * 2


def test_rows_without_words_stay() -> None:
    rows = [row("?!", "...", line=1), row("!?", "..", line=2)]
    assert found({"train": rows}).gone == []


def test_a_whole_preparation_with_one_and_two_processes(tmp_path: Path, chat: ChatFormat) -> None:
    rng = random.Random(11)
    base = [text(rng, 60) for _ in range(40)]
    rows = [{"text": each, "label": "a"} for each in base]
    rows += [{"text": edited(each, rng, 1), "label": "a"} for each in base[:10]]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    steps = ["clean", "deduplicate", {"near_duplicates": {"threshold": 0.8}}]
    made = [
        prepared(tmp_path, chat, options={"train": "rows.jsonl", "steps": steps, "workers": workers})
        for workers in (1, 2)
    ]
    assert made[0] == made[1]
    receipt = made[0].receipt
    assert (receipt.rows.kept, receipt.rows.duplicate) == (40, 10)
    assert receipt.sources["rows.jsonl"].reasons == {"near_duplicates": 10}
    folder = workspace_of(tmp_path).datasets / made[0].name
    report = json.loads((folder / "report-near_duplicates.json").read_text())
    assert (report["clusters"], len(report["largest"][0]["rows"])) == (10, 2)


def test_two_labels_of_one_text_both_stay_and_are_told() -> None:
    rng = random.Random(13)
    base = text(rng, 40)
    rows = [row(base, "yes", line=1), row(base, "no", line=2), row(base, "no", line=3)]
    result = found({"train": rows})
    assert [each.row.line for each in result.gone] == [3]
    assert result.report["pairs_with_other_labels"] == 2
