"""Measured rows in training rows: against a plain count with scikit-learn's n-grams, and what is planted is found."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sklearn.feature_extraction.text import CountVectorizer

from tests.data.builders import row
from tunewright.core.ports import Converted, Row
from tunewright.data import overlap
from tunewright.data.overlap import COMMON_ROWS, overlaps, run_words
from tunewright.data.rows import make_row
from tunewright.data.words import answer_text, prompt_text, rejected_text, words_of

WORDS = [f"w{number}" for number in range(12)]


def text(draw: random.Random, most: int) -> str:
    return " ".join(draw.choices(WORDS, k=draw.randint(1, most)))


def grams(words: list[str], size: int) -> set[str]:
    """Different n-grams of a text, by scikit-learn."""
    if len(words) < size:
        return set()
    counter = CountVectorizer(ngram_range=(size, size), token_pattern=r"\S+", lowercase=False)
    return set(counter.fit([" ".join(words)]).get_feature_names_out())


def expected(train: list[Row], measured: Row, ngram: int) -> tuple[bool, float, int]:
    """What the definition says, row by row."""
    words = [*words_of(prompt_text(measured)), *words_of(answer_text(measured))]
    size = run_words(len(words), ngram)
    found = []
    for each in train:
        there = grams([*words_of(prompt_text(each)), *words_of(answer_text(each))], size)
        there |= grams(words_of(rejected_text(each)), size)
        places = [at for at in range(len(words) - size + 1) if " ".join(words[at : at + size]) in there]
        found.append(len({at + step for at in places for step in range(size)}))
    exact = any(words_of(prompt_text(each)) == words_of(prompt_text(measured)) for each in train)
    return exact, max(found, default=0) / len(words), len(words)


@pytest.mark.parametrize(("seed", "ngram"), [(1, 2), (2, 3), (3, 5), (4, 13)])
def test_shares_are_what_a_plain_count_gives(seed: int, ngram: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "BLOCK_WORDS", 50)
    monkeypatch.setattr(overlap, "COMMON_ROWS", 10**9)
    draw = random.Random(seed)
    train = [row(text(draw, 30), text(draw, 8), line=number) for number in range(60)]
    lost = make_row(
        Converted(train[0].messages, rejected=({"role": "assistant", "content": text(draw, 30)},)), source="p", line=1
    )
    train.append(lost)
    measured = [row(text(draw, 20), text(draw, 5)) for _ in range(30)] + train[3:8]
    for finding, each in zip(overlaps(iter(train), measured, ngram=ngram), measured, strict=True):
        assert (finding.exact, finding.share, finding.words) == expected(train, each, ngram)
        assert finding.row is each
        assert bool(finding.where) == (finding.exact or finding.share > 0)


def test_what_is_planted_is_found_with_its_place_whatever_its_case_and_punctuation() -> None:
    draw = random.Random(7)
    words = [f"word{number}" for number in range(5000)]
    rows = [row(" ".join(draw.choices(words, k=25)), " ".join(draw.choices(words, k=15))) for _ in range(400)]
    train, measured = rows[:300], rows[300:]
    train = [row(prompt_text(each), answer_text(each), source="train.csv", line=n) for n, each in enumerate(train, 2)]
    same = prompt_text(measured[0]).upper().replace(" ", ",  ") + "?!"
    train[10] = row(same, "another answer", source="train.csv", line=12)
    part = " ".join(prompt_text(measured[1]).split()[5:25])
    train[20] = row(f"Before. {part}; and after.", "yes", source="train.csv", line=22)
    short = row("Who wrote Faust?", "Goethe")
    train[30] = row("Quiz. Who wrote Faust? Goethe! Next:", "Who wrote Emma?", source="train.csv", line=32)
    found = overlaps(train, [*measured, short])
    assert (found[0].exact, found[0].where) == (True, "train.csv:12")
    assert found[0].share == pytest.approx(25 / 40)
    assert (found[1].exact, found[1].where) == (False, "train.csv:22")
    assert found[1].share == pytest.approx(20 / 40)
    assert (found[-1].exact, found[-1].share, found[-1].words, found[-1].where) == (False, 1.0, 4, "train.csv:32")
    assert not any(finding.exact or finding.share or finding.where for finding in found[2:-1])


def test_the_wording_of_a_prompt_says_nothing() -> None:
    draw = random.Random(3)
    wording = "Please read the following report of a patient with care and say which organ is meant here: "
    words = [f"word{number}" for number in range(10**6)]
    rows = [row(wording + " ".join(draw.choices(words, k=20)), "heart", line=number) for number in range(150)]
    found = overlaps(rows[:100], rows[100:])
    assert not any(finding.exact or finding.share for finding in found)
    assert {finding.words for finding in found} == {29}  # of 38; nine stand in runs of wording alone
    copied = overlaps(rows[:100], rows[95:])
    assert [finding.share for finding in copied[:6]] == [1.0] * 5 + [0.0]


def test_a_row_that_stands_often_in_the_test_is_found_by_its_prompt() -> None:
    same = [row("What is the capital of France?", "Paris")] * (COMMON_ROWS + 1)
    for finding in overlaps([row("what is the capital of france", "Paris", line=4)], same):
        assert (finding.exact, finding.share, finding.words, finding.where) == (True, 0.0, 0, "f:4")


SYSTEM = {"role": "system", "content": "You are careful."}


@pytest.mark.parametrize(
    ("train", "measured", "exact", "share"),
    [
        ([], row("a b"), False, 0.0),
        ([row("😀😀")], row("😀 😀"), True, 1.0),
        ([row("😀")], row("😡", "no"), False, 0.0),
        ([row("我喜欢猫")], row("我喜欢猫!"), True, 1.0),
        ([row("我喜欢猫")], row("我喜欢狗"), False, 0.0),
        ([row("a")], row("", "…"), False, 0.0),
        ([row("", "…")], row("", "…"), False, 0.0),
    ],
)
def test_odd_rows(train: list[Row], measured: Row, exact: bool, share: float) -> None:
    (found,) = overlaps(train, [measured])
    assert (found.exact, found.share) == (exact, share)


def test_system_turns_documents_and_nothing_at_all() -> None:
    with_system = make_row(Converted((SYSTEM, *row("a b c").messages)), source="f", line=9)  # type: ignore[arg-type]
    other = make_row(Converted((SYSTEM, *row("d e f", "no").messages)), source="f", line=1)  # type: ignore[arg-type]
    assert [(found.exact, found.share) for found in overlaps([with_system], [row("a b c"), other])] == [
        (True, 1.0),
        (False, 0.0),
    ]
    document = make_row(Converted(({"role": "document", "content": "x a b c yes y"},)), source="d", line=2)
    (found,) = overlaps([document], [row("a b c")])
    assert (found.exact, found.share, found.where) == (False, 1.0, "d:2")
    assert overlaps([document], []) == []
    (found,) = overlaps([row("a b c")], [document])
    assert (found.exact, found.share) == (False, 0.0)
    with pytest.raises(ValueError, match="at least 1"):
        overlaps([], [], ngram=0)


@pytest.mark.parametrize("words", [14, 18, 30, 51, 52, 200])
def test_a_copy_with_one_changed_word_is_found_whichever_word_it_is(words: int) -> None:
    names = [f"w{number}" for number in range(words - 1)]
    measured = row(" ".join(names), "yes")
    train = [row(" ".join([*names[:at], "other", *names[at + 1 :]]), "yes") for at in range(words - 1)]
    assert min(overlaps([each], [measured])[0].share for each in train) >= 0.7


def test_a_short_row_is_looked_for_whole() -> None:
    measured = row("fracture of the left upper arm closed first visit", "bone")
    assert overlaps([row("fracture of the right upper arm closed first visit", "bone")], [measured])[0].share == 0
    assert [run_words(words, 13) for words in (1, 13, 14, 19, 20, 51, 52, 900)] == [1, 13, 4, 4, 5, 12, 13, 13]


def test_training_rows_are_read_once_and_long_ones_are_no_trouble() -> None:
    draw = random.Random(1)
    long = " ".join(draw.choices(WORDS, k=200_000))
    train: Any = iter([row(long, "yes"), row("a", "b")])
    (found,) = overlaps(train, [row(" ".join(long.split()[1000:1100]), "no")])
    assert found.words == 101 and found.share == pytest.approx(100 / 101)
    assert next(train, None) is None
