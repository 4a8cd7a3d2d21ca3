"""Shingles by numpy are those of a plain reading, for any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.data import shingles as module
from tunewright.data.shingles import jaccard, shingles
from tunewright.data.words import words_of

LETTERS = "abcDE ,.-_ßİ中文あ한é\u0301 \n٣😀𠀀ǅ\0"
texts = st.one_of(st.text(LETTERS, max_size=60), st.text(max_size=30))


def plain(text: str, ngram: int) -> set[tuple[str, ...]]:
    """The set as its definition reads."""
    words = words_of(text)
    if 0 < len(words) < ngram:
        return {tuple(words)}
    return {tuple(words[at : at + ngram]) for at in range(len(words) - ngram + 1)}


@given(st.lists(texts, min_size=2, max_size=5), st.integers(1, 4), st.sampled_from([8, 1 << 15]))
def test_sets_and_similarities_are_the_plain_ones(some: list[str], ngram: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_CHARACTERS", block)
        sets = shingles(some, ngram=ngram)
    wanted = [plain(text, ngram) for text in some]
    assert [len(sets.of(at)) for at in range(len(some))] == list(map(len, wanted))
    one, other = wanted[:2]
    similarity = len(one & other) / len(one | other) if one | other else 1.0
    assert jaccard(sets.of(0), sets.of(1)) == similarity


def test_no_text_and_texts_without_words_have_none() -> None:
    assert len(shingles([], ngram=3).starts) == 1
    assert shingles(["", " !?"], ngram=3).starts.tolist() == [0, 0, 0]


def test_a_set_does_not_depend_on_its_neighbours() -> None:
    alone = shingles(["one two three four"], ngram=3).of(0)
    assert shingles(["before", "one two three four", "after"], ngram=3).of(1).tolist() == alone.tolist()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="0 words a shingle"):
        shingles(["a"], ngram=0)
