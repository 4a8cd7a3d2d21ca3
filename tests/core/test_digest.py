"""Digests depend on content and on nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.core import digest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=6))
def test_the_order_of_keys_does_not_count(value: dict[str, object]) -> None:
    turned = dict(reversed(list(value.items())))
    assert digest.of_json(value) == digest.of_json(turned)


@pytest.mark.parametrize(("one", "other"), [(1, "1"), (1, True), (0.1, 0.10000001), ([1, 2], [2, 1]), ({}, [])])
def test_different_values_have_different_digests(one: object, other: object) -> None:
    assert digest.of_json({"v": one}) != digest.of_json({"v": other})


def test_what_has_no_json_form_is_refused_and_surrogates_are_not() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest.of_json(float("nan"))
    assert digest.of_json("\ud800") != digest.of_json("\ud801")


def test_boundaries_between_parts_count() -> None:
    assert digest.of_parts([b"ab", b"c"]) != digest.of_parts([b"a", b"bc"])


def test_a_file_is_its_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(content)
    assert digest.of_file(tmp_path / "file") == digest.of_bytes(content) == hashlib.sha256(content).hexdigest()
    assert digest.short(digest.of_bytes(content)) == hashlib.sha256(content).hexdigest()[:12]
