"""Noise changes what it says, in the same way for the same seed, and nothing that must stay."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.augmenting.noise import KEYS, NEAR, NOISE, noisy, outside
from tunewright.data.augmenting.synonyms import reworded, synonyms

TEXT = "Hello, can you tell me a quick way to purchase an automobile in Berlin? It's for my brother."


@pytest.mark.parametrize("kind", NOISE)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), rate=st.floats(0, 1))
def test_noise_changes_text_and_comes_again(kind: str, seed: int, rate: float) -> None:
    one, two = (noisy(TEXT, NOISE[kind], draw=random.Random(seed), rate=rate) for _ in range(2))
    assert one == two
    assert kind != "spacing" or one.replace(" ", "").strip() == TEXT.replace(" ", "")
    assert kind != "case" or one.lower() == TEXT.lower()
    if kind == "punctuation":
        assert "".join(filter(str.isalnum, one)) == "".join(filter(str.isalnum, TEXT))
    if kind == "typos":
        changed = sum(a != b for a, b in zip(one.split(), TEXT.split(), strict=True))
        assert 1 <= changed <= 18 and (rate > 0.2 or changed < 12)


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=200), kind=st.sampled_from(sorted(NOISE)), seed=st.integers(0, 99))
def test_any_text_can_be_noisy(text: str, kind: str, seed: int) -> None:
    changed = noisy(text, NOISE[kind], draw=random.Random(seed), rate=0.1)
    assert len(changed) <= 3 * len(text) + 10
    reworded(text, random.Random(seed))


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize(
    "kept", ["joe.smith@example.org", "https://example.org/some/page", "{customer_name}", "notes.txt"]
)
def test_addresses_and_places_stay(kept: str, seed: int) -> None:
    assert kept in noisy(f"Write to {kept} please.", NOISE["typos"], draw=random.Random(seed), rate=1)
    said = f"A big error at {kept} today"
    assert kept in outside(said, lambda text: reworded(text, random.Random(seed)))


@pytest.mark.parametrize("kind", NOISE)
def test_code_stays(kind: str) -> None:
    code = "```python\nprint('hello, world')  # some words\n```"
    for seed in range(20):
        changed = noisy(f"What does this do?\n{code}\nAnd `some_call(here)` too?", NOISE[kind], draw=random.Random(seed), rate=1)  # fmt: skip  # noqa: E501
        assert code in changed and "`some_call(here)`" in changed
    assert noisy(code, NOISE[kind], draw=random.Random(1), rate=1) == code


def test_neighbours_lie_beside_each_other() -> None:
    assert set(NEAR) == set("".join(KEYS)) and all(letter not in near for letter, near in NEAR.items())
    assert all(letter in NEAR[other] for letter, near in NEAR.items() for other in near)
    assert {"a", "d", "w", "x"} <= set(NEAR["s"]) and "p" not in NEAR["s"]


def test_synonyms_keep_capitals_and_articles() -> None:
    found = {reworded("An automobile! I purchased an ENORMOUS house.", random.Random(seed)) for seed in range(50)}
    assert any(text.startswith("A car!") for text in found)
    assert any("bought a HUGE home" in text or "bought a HUGE house" in text for text in found)
    assert all(" an HUGE" not in text and " a ENORMOUS" not in text for text in found)
    assert reworded("Xyzzy plugh.", random.Random(0)) == "Xyzzy plugh."
    assert reworded("big-hearted smart.com quick_fix", random.Random(0)) == "big-hearted smart.com quick_fix"


def test_the_list_is_sound() -> None:
    known = synonyms()
    assert len(known) > 200
    assert all(word == word.lower().strip() and others and word not in others for word, others in known.items())
    assert all(other == other.strip() and other for others in known.values() for other in others)
