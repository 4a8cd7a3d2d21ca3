"""Greedy k-centre against its definition, and the word vectors under it."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from tunewright.data.k_centre import k_centre
from tunewright.data.word_vectors import word_vectors

TEXTS = ["the cat sat", "the dog sat down", "a loan from the bank", "bank rates rose", "", "cat cat cat"]


def by_definition(vectors: np.ndarray, rows: int) -> list[int]:
    """Each next row has the largest distance to the nearest chosen one."""
    chosen = [0]
    while len(chosen) < rows:
        near = (vectors @ vectors[chosen].T).max(1)
        near[chosen] = np.inf
        chosen.append(int(near.argmin()))
    return chosen


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(0, 1000), st.data())
def test_it_is_the_algorithm(count: int, seed: int, data) -> None:
    points = np.random.default_rng(seed).normal(size=(count, 5)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    rows = data.draw(st.integers(1, count))
    found = k_centre(sp.csr_array(points), rows=rows, costs=[0] * count, budget=math.inf)
    wanted = by_definition(points, rows)
    near = [(points @ points[chosen].T).max(1).min() for chosen in (found, wanted)]
    assert len(set(found)) == rows
    assert np.isclose(near[0], near[1], atol=1e-5)


def test_vectors_have_the_likeness_of_scikit_learn() -> None:
    theirs = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+").fit_transform(TEXTS)
    ours = word_vectors(TEXTS)
    np.testing.assert_allclose((ours @ ours.T).toarray(), (theirs @ theirs.T).toarray(), atol=1e-6)


def test_no_texts_and_empty_texts_have_vectors() -> None:
    assert word_vectors([]).shape[0] == 0
    assert word_vectors(["", "a", ""]).nnz == 1
