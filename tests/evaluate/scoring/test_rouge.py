"""ROUGE's parts: the longest common subsequence against its definition, words, and the best of several references."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
import pytest

from tunewright.evaluate.scoring.rouge import best, longest_common, rouge_l, rouge_n, words_of


def by_the_table(left: list[str], right: list[str]) -> int:
    """The textbook's table, cell by cell."""
    table = np.zeros((len(left) + 1, len(right) + 1), dtype=int)
    for i, one in enumerate(left):
        for j, other in enumerate(right):
            table[i + 1, j + 1] = table[i, j] + 1 if one == other else max(table[i, j + 1], table[i + 1, j])
    return int(table[-1, -1])


@pytest.mark.parametrize("seed", range(60))
def test_the_longest_common_subsequence_is_that_of_the_table(seed: int) -> None:
    random = np.random.default_rng(seed)
    alphabet = "abcdefghij"[: int(random.integers(1, 11))]
    left, right = ([str(word) for word in random.choice(list(alphabet), int(random.integers(0, 90)))] for _ in "lr")
    assert longest_common(left, right) == longest_common(right, left) == by_the_table(left, right)


def test_long_texts_take_seconds() -> None:
    random = np.random.default_rng(0)
    left, right = ([str(word) for word in random.integers(0, 5000, 60_000)] for _ in "lr")
    started = time.process_time()
    assert 0 < longest_common(left, right) < 60_000
    assert time.process_time() - started < 5


def test_words_are_runs_of_ascii_letters_and_digits() -> None:
    assert words_of("The naïve U.S. 3.5%, İ!") == ["the", "na", "ve", "u", "s", "3", "5", "i"]
    assert words_of("心臓") == []


def test_the_best_reference_counts() -> None:
    assert best(rouge_l, "a b c", references=["x", "a b c", "a"]) == 1
    assert best(partial(rouge_n, n=2), "a b c", references=["a c", "b c"]) == pytest.approx(2 / 3)
    assert best(rouge_l, "", references=[""]) == 0
