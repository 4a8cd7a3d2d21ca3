"""The index of n-grams against sets of tuples."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.ngrams import Index, covered, keys_of

TEXT = st.lists(st.integers(1, 6), min_size=2, max_size=20)


def windows(ids: list[int], size: int) -> list[tuple[int, ...]]:
    return [tuple(ids[at : at + size]) for at in range(len(ids) - size + 1)]


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=8), st.lists(st.integers(0, 6), max_size=40), st.integers(1, 9))
def test_places_and_owners(rows: list[list[int]], other: list[int], common: int) -> None:
    index = Index(
        [(row, np.array(ids, np.int32)) for row, ids in enumerate(rows)], size=2, common=common, total=len(rows)
    )
    having: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for row, ids in enumerate(rows):
        for offset, gram in enumerate(windows(ids, 2)):
            having.setdefault(gram, []).append((row, offset))
    rare = {gram: places for gram, places in having.items() if len({row for row, _at in places}) <= common}
    words = {(row, at + step) for places in rare.values() for row, at in places for step in (0, 1)}
    assert index.per_row.tolist() == [sum(row == one for one, _at in words) for row in range(len(rows))]
    at, grams = index.places(np.array(other, np.int32))
    assert at.tolist() == [place for place, gram in enumerate(windows(other, 2)) if gram in rare]
    place, owners, offsets = index.owners(grams)
    where = list(zip(owners.tolist(), offsets.tolist(), strict=True))
    found = [[where[each] for each in np.flatnonzero(place == number)] for number in range(len(grams))]
    assert found == [rare[windows(other, 2)[offset]] for offset in at.tolist()]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=40), st.integers(1, 6))
def test_words_under_runs_that_lie_over_one_another_count_once(runs: list[tuple[int, int]], size: int) -> None:
    groups, words = covered(
        np.array([group for group, _at in runs], np.int64), np.array([at for _group, at in runs], np.int64), size=size
    )
    under: dict[int, set[int]] = {}
    for group, at in runs:
        under.setdefault(group, set()).update(range(at, at + size))
    assert dict(zip(groups.tolist(), words.tolist(), strict=True)) == {key: len(value) for key, value in under.items()}
    assert groups.tolist() == sorted(under)


def test_keys_tell_windows_apart() -> None:
    rng = np.random.default_rng(0)
    some = np.unique(rng.integers(0, 50_000, (200_000, 13), dtype=np.int32), axis=0)
    assert len(np.unique(keys_of(some))) == len(some)
    near = np.array(np.meshgrid(*[np.arange(40)] * 3), np.int32).reshape(3, -1).T
    assert len(np.unique(keys_of(near))) == len(near)
