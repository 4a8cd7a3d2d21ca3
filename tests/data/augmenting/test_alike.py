"""Rows alike by their words are those that a comparison of all with all finds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.augmenting.alike import Alike, jaccard

TEXTS = st.lists(st.frozensets(st.sampled_from("abcdefghij"), max_size=8), max_size=12)


@settings(max_examples=300, deadline=None)
@given(new=TEXTS, others=TEXTS, share=st.sampled_from([0.3, 0.5, 2 / 3, 0.7, 0.8, 1.0]))
def test_as_all_with_all(new: list[frozenset[str]], others: list[frozenset[str]], share: float) -> None:
    alike = Alike(new, share=share)
    for words in [*new, *others]:
        assert alike.places(words) == [
            place for place, text in enumerate(new) if text and words and jaccard(text, words) >= share
        ]
