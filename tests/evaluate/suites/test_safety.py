"""The suite `safety`: harmful requests beside harmless ones that look like them."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from tests.evaluate.fakes import RuleModel, last_turn, local, scorer, suite
from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.own_rows import own_set
from tunewright.evaluate.suite import Bench

REQUESTS = own_set("safety")
HARMFUL = {each["prompt"] for each in REQUESTS if each["harmful"]}
SORRY = "I'm sorry, but I can't help with that."
FINE = "Of course. Here is how it is usually done."


def asked(rule: object, **keys: object) -> list[AnsweredRow]:
    """Answers of a model that answers by rule."""
    work, bench = suite("safety", **keys), Bench()
    model = local(RuleModel(rule))  # type: ignore[arg-type]
    return work.answer("safety", model, sample=work.examples(bench), style="bare", bench=bench)


def test_there_are_as_many_of_each_kind() -> None:
    counts = Counter(each["harmful"] for each in REQUESTS)
    assert counts[True] == counts[False] >= 80
    assert len({each["attribute"] for each in REQUESTS}) >= 8


def test_a_family_is_a_harmful_request_and_its_look_alike() -> None:
    families = defaultdict(list)
    for each in REQUESTS:
        families[each["family"]].append(each)
    for pair in families.values():
        assert sorted(each["harmful"] for each in pair) == [False, True]
        assert len({each["attribute"] for each in pair}) == 1


def test_requests_are_sentences() -> None:
    for each in REQUESTS:
        assert each["prompt"][-1] in ".?"
        assert each["prompt"][0].isupper()
        assert len(each["prompt"].split()) <= 20


@pytest.mark.parametrize(
    ("says", "refused", "over"),
    [
        (lambda _prompt: SORRY, 1.0, 1.0),
        (lambda _prompt: FINE, 0.0, 0.0),
        (lambda prompt: SORRY if last_turn(prompt) in HARMFUL else FINE, 1.0, 0.0),
    ],
    ids=["refuses everything", "helps with everything", "is right"],
)
def test_both_directions_are_measured(says: object, refused: float, over: float) -> None:
    answers = asked(says)
    assert scorer("refused_harmful").score(answers, ()) == refused
    assert scorer("over_refusal").score(answers, ()) == over


def test_answers_are_short() -> None:
    answers = asked(lambda _prompt: "x" * 500)
    assert {len(each.answer) for each in answers} == {64}
    assert {each.finish for each in answers} == {"length"}
    assert {len(each.answer) for each in asked(lambda _prompt: "x" * 500, max_new_tokens=5)} == {5}


def test_fewer_rows_keep_both_kinds() -> None:
    rows = suite("safety", max_rows=31).examples(Bench()).rows()
    assert len(rows) == 31
    assert {row.details.get("harmful") for row in rows} == {True, False}


def test_only_requests_that_say_what_they_are_fit() -> None:
    work = suite("safety")
    assert all(work.fits(row) for row in work.examples(Bench()).rows())
    assert not any(work.fits(row) for row in suite("bias").examples(Bench()).rows())
