"""Columns that are kept: their text, what is missing, and what is too long."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tunewright.data.keep import MAX_CHARACTERS, as_text, kept, nowhere

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def test_text_stays_and_all_else_is_json() -> None:
    notes: Counter[str] = Counter()
    value = {"region": "north", "age": 41, "ok": True, "tags": ["b", "a"], "more": {"z": 1, "a": "ü"}, "empty": ""}
    assert kept(value, list(value), notes=notes) == {
        "region": "north",
        "age": "41",
        "ok": "true",
        "tags": '["b", "a"]',
        "more": '{"a": "ü", "z": 1}',
        "empty": "",
    }
    assert notes == Counter()


def test_what_is_missing_or_cut_is_counted_by_name() -> None:
    notes: Counter[str] = Counter()
    for value in ({"a": None}, {"a": "x" * 1001}, {"a": "x" * 1000}, {}):
        kept(value, ["a", "b"], notes=notes)
    assert notes == {"kept_column_missing: a": 2, "kept_column_cut: a": 1, "kept_column_missing: b": 4}
    assert nowhere(["a", "b"], notes, rows=4) == ["b"]
    assert nowhere(["a", "b"], notes, rows=0) == []


@given(st.dictionaries(st.sampled_from("abc"), VALUES), st.lists(st.sampled_from("abcd"), unique=True))
def test_any_value_becomes_text_that_says_it(value: dict, names: list[str]) -> None:
    notes: Counter[str] = Counter()
    found = kept(value, names, notes=notes)
    assert len(found) + sum(count for note, count in notes.items() if "missing" in note) == len(names)
    for name, text in found.items():
        assert len(text) <= MAX_CHARACTERS
        if len(as_text(value[name])) <= MAX_CHARACTERS:
            assert text == value[name] or json.loads(text) == value[name]
