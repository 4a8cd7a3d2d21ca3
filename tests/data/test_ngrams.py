"""The index of n-grams against sets of tuples."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.ngrams import Index, keys_of

TEXT = st.lists(st.integers(1, 6), min_size=2, max_size=20)


def windows(ids: list[int], size: int) -> list[tuple[int, ...]]:
    return [tuple(ids[at : at + size]) for at in range(len(ids) - size + 1)]


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=8), st.lists(st.integers(0, 6), max_size=40), st.integers(1, 9))
def test_places_and_owners(rows: list[list[int]], other: list[int], common: int) -> None:
    index = Index(
        [(row, np.array(ids, np.int32)) for row, ids in enumerate(rows)], size=2, common=common, total=len(rows)
    )
    having: dict[tuple[int, ...], list[int]] = {}
    for row, ids in enumerate(rows):
        for gram in sorted(set(windows(ids, 2))):
            having.setdefault(gram, []).append(row)
    rare = {gram: owners for gram, owners in having.items() if len(owners) <= common}
    assert index.per_row.tolist() == [sum(row in owners for owners in rare.values()) for row in range(len(rows))]
    at, grams = index.places(np.array(other, np.int32))
    assert at.tolist() == [place for place, gram in enumerate(windows(other, 2)) if gram in rare]
    place, owners = index.owners(grams)
    found = [owners[place == number].tolist() for number in range(len(grams))]
    assert found == [rare[windows(other, 2)[offset]] for offset in at.tolist()]


def test_keys_tell_windows_apart() -> None:
    rng = np.random.default_rng(0)
    some = np.unique(rng.integers(0, 50_000, (200_000, 13), dtype=np.int32), axis=0)
    assert len(np.unique(keys_of(some))) == len(some)
    near = np.array(np.meshgrid(*[np.arange(40)] * 3), np.int32).reshape(3, -1).T
    assert len(np.unique(keys_of(near))) == len(near)
