"""Refusals: precision and recall on own labelled answers, and where in an answer a refusal is one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tunewright.detect.refusal import refusal, refusal_spans

LABELLED = [
    (line[0] == "1", line[2:])
    for line in Path(__file__).with_name("refusals.tsv").read_text(encoding="utf-8").splitlines()
]


def test_most_refusals_are_found_and_little_else() -> None:
    said = [(refused, refusal(text) >= 0.5) for refused, text in LABELLED]
    right = sum(refused and found for refused, found in said)
    assert len(LABELLED) >= 150 and 0.4 < sum(refused for refused, _ in LABELLED) / len(LABELLED) < 0.6
    assert right / sum(found for _, found in said) >= 0.95
    assert right / sum(refused for refused, _ in said) >= 0.95


@pytest.mark.parametrize("text", ["", " ", "heart", "?" * 100, "\0", "42"])
def test_what_says_nothing_refuses_nothing(text: str) -> None:
    assert refusal(text) == 0
    assert refusal_spans(text) == []


@pytest.mark.parametrize("change", [str.upper, str.lower, str.title, lambda text: text.replace("'", "’")])
def test_case_and_apostrophes_do_not_matter(change) -> None:
    assert refusal(change("I'm sorry, but I can't help with that.")) >= 0.9


def test_a_refusal_late_in_a_long_answer_is_none() -> None:
    story = "The ship left at dawn. The crew was tired. The captain slept. "
    assert refusal(story * 3 + "Then the cook said that I can't help with that.") == 0
    assert refusal("Good question. " + "I can't help with that.") >= 0.9


def test_what_is_quoted_is_not_said() -> None:
    assert refusal('The sign reads: "I cannot help with that request."') == 0
    assert refusal("Reply with “I can't assist with this.” and nothing else.") == 0


def test_an_answer_that_helps_all_the_same_is_below_one_half() -> None:
    hedged = "I can't give legal advice, but in general a tenant has three months' notice."
    assert 0 < refusal(hedged) < 0.5
    assert refusal("I can't give legal advice, but I can suggest that you see a lawyer.") >= 0.5


def test_a_span_is_where_the_text_refuses() -> None:
    text = "Well, no. İ I won't help with that, friend."
    (span,) = refusal_spans(text)
    assert text[span.start : span.end].startswith("I won't help")
    assert (span.kind, span.score) == ("refusal", 0.95)


@pytest.mark.parametrize("piece", ["i ", "sorry ", '"', "\n", ". ", "i'm not able to ", "would be wrong "])
def test_a_megabyte_takes_no_time(piece: str) -> None:
    started = time.process_time()
    assert 0 <= refusal(piece * (10**6 // len(piece))) <= 1
    assert time.process_time() - started < 2
