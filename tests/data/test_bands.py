"""Pairs that share a key of a band: each once, with the row that is worth less; and what is decided by them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data import bands
from tunewright.data.bands import ALL_PAIRS, CHAINED, NOBODY, candidates, components, keepers


def drawn(seed: int, rows: int, kinds: int) -> tuple[Any, Any]:
    """Keys of three bands [3, N], and a rank in which some rows meet nobody."""
    rng = np.random.default_rng(seed)
    rank = rng.permutation(rows)
    rank[rng.random(rows) < 0.1] = NOBODY
    return rng.integers(0, kinds, (3, rows)).astype(np.uint64), rank


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 60), st.integers(10, 60))
def test_small_buckets_give_every_pair_once(seed: int, rows: int, kinds: int) -> None:
    keys, rank = drawn(seed, rows, kinds)
    sizes = [np.unique(band[rank != NOBODY], return_counts=True)[1].max(initial=0) for band in keys]
    found = list(candidates(keys, rank=rank).each())
    assert found == sorted(set(found))
    if max(sizes) > ALL_PAIRS:
        return
    meets = {
        (one, other) if rank[one] > rank[other] else (other, one)
        for one, other in itertools.combinations(range(rows), 2)
        if (keys[:, one] == keys[:, other]).any() and NOBODY not in (rank[one], rank[other])
    }
    assert set(found) == meets


@pytest.mark.parametrize(("size", "pairs"), [(12, 66), (13, 23), (100, 197), (101, 100)])
def test_pairs_of_large_buckets_stay_in_line_with_their_rows(size: int, pairs: int) -> None:
    assert (ALL_PAIRS, CHAINED) == (12, 100)
    found = candidates([np.zeros(size, np.uint64)] * 2, rank=np.arange(size))
    assert len(found.others) == pairs
    assert set(found.places()) == set(range(size))
    assert found.of(0) == [], "the row that is worth most stands with the others"
    assert found.of(size - 1)[0] == 0


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    keys, rank = drawn(3, 500, 60)
    whole = candidates(keys, rank=rank)
    monkeypatch.setattr(bands, "BLOCK_ROWS", 7)
    parts = candidates(keys, rank=rank)
    assert np.array_equal(whole.others, parts.others)
    assert np.array_equal(whole.starts, parts.starts)
    assert list(whole.each()) == list(parts.each()) == [(at, other) for at in range(500) for other in whole.of(at)]


def test_nobody_meets_nobody() -> None:
    nothing = candidates([np.zeros(0, np.uint64)], rank=np.zeros(0, np.int64))
    assert (list(nothing.each()), nothing.places().tolist()) == ([], [])
    alone = candidates([np.zeros(3, np.uint64)], rank=np.full(3, NOBODY))
    assert (list(alone.each()), alone.of(2)) == ([], [])


def test_chains_do_not_take_what_is_not_alike() -> None:
    near = {0: [1], 1: [0, 2], 2: [1]}
    pairs = [(0, 1), (1, 2)]

    def alike(one: int, other: int) -> bool:
        return abs(one - other) == 1

    assert keepers([0, 1, 2], near.__getitem__, rows=3, alike=alike).tolist() == [NOBODY, 0, NOBODY]
    assert components(pairs, rows=3, alike=alike).tolist() == [0, 0, 0]
    assert components(pairs, rows=3, alike=lambda one, other: one == 1).tolist() == [NOBODY, 1, 1]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_it_is_enough_to_know_those_that_are_worth_more(seed: int) -> None:
    keys, rank = drawn(seed, 60, 20)
    pairs = candidates(keys, rank=rank)
    both: dict[int, list[int]] = {at: [] for at in range(60)}
    for one, other in pairs.each():
        both[one].append(other)
        both[other].append(one)
    worth = [int(at) for at in np.argsort(rank) if rank[at] != NOBODY]

    def alike(one: int, other: int) -> bool:
        return (one * other) % 3 > 0

    known = keepers(worth, pairs.of, rows=60, alike=alike)
    assert known.tolist() == keepers(worth, lambda at: sorted(both[at]), rows=60, alike=alike).tolist()
