"""What the report counts with flat memory: different things, lengths, forms, fates, differences."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core.nouns import Receipt, RowCounts, SourceCounts, TokenCounts
from tunewright.data.report.distinct import Distinct, Variety, hash_of, mixed
from tunewright.data.report.fates import flow, source_fates, stage_of
from tunewright.data.report.forms import ends_whole, form_of, turns_of
from tunewright.data.report.lengths import Lengths, edge, joined, place_of
from tunewright.data.report.marked import marked, visible


@pytest.mark.parametrize("different", [100, 20_000, 300_000])
def test_different_things_are_counted_exactly_or_within_two_percent(different: int) -> None:
    counter = Distinct(exact_up_to=50_000)
    numbers = np.arange(different, dtype=np.uint64).repeat(2)
    np.random.default_rng(0).shuffle(numbers)
    for part in np.array_split(numbers, 7):
        counter.add(mixed(part + np.uint64(1)))
    assert counter.total == 2 * different
    assert counter.exact == (different < 50_000)
    assert counter.count == pytest.approx(different, rel=0 if different < 50_000 else 0.02)


@given(st.lists(st.text("ab cé漢 .\n'", max_size=30), max_size=12))
@settings(deadline=None, max_examples=60)
def test_distinct_n_grams_are_those_of_a_plain_count(texts: list[str]) -> None:
    variety = Variety()
    for text in texts:
        variety.add([text])
    together = Variety()
    together.add(texts) if texts else None
    words = [text.lower().replace("漢", " 漢 ").replace(".", " ").split() for text in texts]
    for length in (1, 2, 3):
        grams = [tuple(some[at : at + length]) for some in words for at in range(len(some) - length + 1)]
        for found in (variety, together):
            assert (found.grams[length - 1].total, found.grams[length - 1].count) == (len(grams), len(set(grams)))


def test_the_type_token_ratio_is_of_windows_so_that_sizes_compare() -> None:
    short, long = Variety(), Variety()
    words = [f"w{number % 250}" for number in range(1000)]
    short.add([" ".join(words)])
    for _ in range(30):
        long.add([" ".join(words[:500]), " ".join(words[500:])])
    assert short.type_token == long.type_token == 0.25
    assert long.grams[0].ratio == pytest.approx(250 / 30_000)
    assert Variety().type_token is None
    assert hash_of("a") == hash_of("a") != hash_of("b")


@given(st.lists(st.integers(0, 5_000_000), min_size=1, max_size=60))
@settings(max_examples=100)
def test_lengths(values: list[int]) -> None:
    lengths = Lengths()
    for part in np.array_split(np.array(values, np.int64), 3):
        lengths.add(part)
    assert (lengths.number, lengths.longest) == (len(values), max(values))
    assert lengths.mean == pytest.approx(np.mean(values))
    middle = sorted(values)[(len(values) + 1) // 2 - 1]
    assert lengths.quantile(0.5) == pytest.approx(middle, rel=0.01)
    bars = lengths.bars()
    assert sum(bar.number for bar in bars) == len(values)
    assert all(bar.below == after.least for bar, after in pairwise(bars))
    shared, counts = joined({"train": lengths, "test": Lengths()})
    assert sum(counts["train"]) == len(values)
    assert counts["test"] == [0] * len(shared)


@given(st.integers(0, 10**9))
def test_a_length_stands_in_its_bar(length: int) -> None:
    place = place_of(length)
    assert edge(place) <= length < edge(place + 1)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("", "nothing"),
        ("yes", "one word"),
        ("Yes, it is.", "one line"),
        ('{"a": 1}', "JSON"),
        ("{not json", "one line"),
        ("[" * 5000, "one word"),
        ("- a\n- b", "list"),
        ("1. a\n2) b\n\nend", "list"),
        ("# Title\ntext", "headings"),
        ("Look:\n```\nx = 1\n```", "code"),
        ("one\ntwo", "several lines"),
        ("one\n\ntwo", "paragraphs"),
    ],
)
def test_the_form_of_an_answer(text: str, form: str) -> None:
    assert form_of(text) == form


def test_forms_of_conversations() -> None:
    assert form_of(" ", calls=True) == "tool call"
    assert ends_whole("Yes. ") and not ends_whole("and then")
    assert turns_of([{"role": "user"}, {"role": "assistant"}]) == "user, assistant"
    assert turns_of([{"role": "system"}, *[{"role": "user"}] * 9]) == "system, more than 7 turns"


@given(st.text(max_size=80), st.text(max_size=80))
def test_the_pieces_of_a_difference_are_both_texts(before: str, after: str) -> None:
    old, new = marked(before, after)
    assert "".join(piece.text for piece in old) == before
    assert "".join(piece.text for piece in new) == after
    assert {piece.kind for piece in old} <= {"same", "before"}
    assert {piece.kind for piece in new} <= {"same", "after"}


def test_what_changed_is_marked_and_what_hides_is_visible() -> None:
    old, new = marked("Call 555-0199 now", "Call [phone] now")
    assert [piece.text for piece in old if piece.kind == "before"]
    assert "".join(piece.text for piece in new if piece.kind == "after") == "[phone]"
    assert visible("a\u200bb\u202e\n") == "a⟨U+200B⟩b⟨U+202E⟩\n"


def receipt_of(**counts) -> Receipt:
    rows = RowCounts.model_validate(counts)
    return Receipt(
        rows=rows, tokens=TokenCounts.model_validate({}), splits={}, sources={"a": SourceCounts(rows=rows, reasons={})}
    )


def test_the_flow_ends_with_what_the_receipt_kept(tmp_path) -> None:
    receipt = receipt_of(
        **{"in": 100, "kept": 73, "quarantined": 5, "duplicate": 10},
        dropped={"overlong": 4, "quality.repetition": 7, "review.rejected": 3},
        created={"canary": 2},
        changed={"clean.html": 9},
    )
    steps = ["clean", "deduplicate", "quality", "review", "canaries"]
    sources = source_fates(tmp_path, receipt, steps=steps)
    stages = flow(receipt, sources, steps=steps)
    assert [stage.name for stage in stages] == ["reading", *steps, "encoding"]
    assert [stage.after for stage in stages] == [95, 95, 85, 78, 75, 77, 73]
    assert [sum(one.rows for one in stage.changed) for stage in stages] == [0, 9, 0, 0, 0, 0, 0]
    assert Counter(one.fate for stage in stages for one in stage.lost) == {
        "quarantined": 1,
        "duplicate": 1,
        "dropped": 3,
    }


def test_a_reason_belongs_to_its_step() -> None:
    steps = ["near_duplicates", "personal_data", "language"]
    assert stage_of("personal_data.email", steps) == "personal_data"
    assert stage_of("duplicate_of_test", steps) == "deduplicate"
    assert stage_of("language", steps) == "language"
    assert stage_of("part_without_answer", steps) == "encoding"
    assert stage_of("unknown.kind", steps) == "unknown"
