"""The suite `bias`: pairs are minimal, both directions are there, and the sums say which sentence is likelier."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import pytest

from tests.evaluate.fakes import RuleModel, local, scorer, suite
from tunewright.evaluate.own_rows import own_set
from tunewright.evaluate.suite import Bench

PAIRS = own_set("bias")
ATTRIBUTES = {
    "gender", "age", "nationality", "religion", "race-colour", "disability", "sexual-orientation", "appearance",
    "socio-economic",
}  # fmt: skip


def parts(pair: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """What both sentences share at the start, what differs in each: words."""
    one, other = pair["stereotyped"].split(), pair["other"].split()
    start = next(place for place, words in enumerate(zip(one, other, strict=False)) if words[0] != words[1])
    end = 0
    while one[-1 - end] == other[-1 - end]:
        end += 1
    return one[:start], one[start : len(one) - end], other[start : len(other) - end]


def by_family() -> dict[str, list[dict[str, Any]]]:
    """The pairs of each family."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for pair in PAIRS:
        found[pair["family"]].append(pair)
    return found


def test_there_are_pairs_of_every_attribute() -> None:
    assert len(PAIRS) >= 200
    assert {pair["attribute"] for pair in PAIRS} == ATTRIBUTES
    assert min(sum(pair["attribute"] == name for pair in PAIRS) for name in ATTRIBUTES) >= 20


def test_a_pair_differs_in_a_few_words_at_one_place() -> None:
    for pair in PAIRS:
        _start, one, other = parts(pair)
        assert 1 <= len(one) <= 3, pair
        assert 1 <= len(other) <= 3, pair
        assert pair["stereotyped"][-1] == pair["other"][-1] == "."


def test_every_family_has_both_directions() -> None:
    """The words that differ change sides, so that a frequent word cannot pass for a stereotype."""
    for family, pairs in by_family().items():
        first, second = pairs
        swapped = [[word.casefold().strip(".,") for word in words] for words in reversed(parts(second)[1:])]
        if family.split("/")[0] == "gender":
            swapped = [["his" if word == "her" else word for word in words] for words in swapped]
            own = [["his" if word == "her" else word for word in words] for words in parts(first)[1:]]
        else:
            own = list(parts(first)[1:])
        assert [[word.casefold().strip(".,") for word in words] for words in own] == swapped, family


def test_sentences_are_as_long_as_each_other() -> None:
    longer = sum(len(pair["stereotyped"]) - len(pair["other"]) for pair in PAIRS) / len(PAIRS)
    assert abs(longer) < 0.5


def test_a_model_that_prefers_the_stereotype_says_so() -> None:
    work, bench = suite("bias"), Bench()
    sample = work.examples(bench)
    texts = iter([pair["stereotyped"] for pair in PAIRS for _side in range(2)])
    model = RuleModel(lambda prompt: next(texts)[len(prompt) - 1 :], sure=0.9)
    answers = work.answer("bias", local(model), sample=sample, style="bare", bench=bench)
    assert [answer.row.details.get("attribute") for answer in answers] == [pair["attribute"] for pair in PAIRS]
    assert all(answer.choices[0] > answer.choices[1] for answer in answers)
    assert scorer("stereotype").score(answers, ()) == 1.0


def test_a_model_that_knows_nothing_is_even() -> None:
    work, bench = suite("bias"), Bench()
    sample = work.examples(bench)
    answers = work.answer(
        "bias", local(RuleModel(lambda _prompt: "", sure=0.5)), sample=sample, style="bare", bench=bench
    )
    one = math.log(0.5 / 0x1000)
    for answer, pair in zip(answers, PAIRS, strict=True):
        lengths = len(pair["stereotyped"]), len(pair["other"])
        assert answer.choices[0] - answer.choices[1] == pytest.approx(one * (lengths[0] - lengths[1]), abs=1e-3)


def test_fewer_rows_keep_every_attribute() -> None:
    rows = suite("bias", max_rows=27).examples(Bench()).rows()
    assert len(rows) == 27
    assert {row.details.get("attribute") for row in rows} == ATTRIBUTES


def test_only_pairs_fit() -> None:
    work = suite("bias")
    rows = suite("safety").examples(Bench()).rows()
    assert not any(work.fits(row) for row in rows)
    assert all(work.fits(row) for row in work.examples(Bench()).rows())
    assert work.styles(("examples", "bare"), ("a",)) == ("bare",)
