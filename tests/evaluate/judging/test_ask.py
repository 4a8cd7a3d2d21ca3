"""A judging model behind a real server: both orders, strict verdicts, limits, what is kept, and every fault."""

from __future__ import annotations

import math
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.evaluate.judging.duels import Habits, ask, duel_of, judge, write_evaluation
from tests.evaluate.judging.scripted import Say, answer, failure
from tunewright.core.errors import UserError
from tunewright.core.workspace import lock
from tunewright.evaluate.judging.ask import FAILURES, UNREADABLE
from tunewright.evaluate.judging.limits import Limits, Prices
from tunewright.evaluate.judging.measure import consistency, position_bias, tie_rate, win_rate
from tunewright.evaluate.judging.pairs import read_duel


def fates(pairs) -> Counter:
    return Counter(judged.fate for judged in pairs)


def test_every_pair_is_asked_in_both_orders_and_the_judge_sees_no_name(tmp_path: Path) -> None:
    duel = duel_of(tmp_path, 5)
    with judge(lambda _body, _number: answer("VERDICT: first"), rubric="Be kind.") as (asked, seen):
        done, _purse = ask(asked, duel, tmp_path)
    assert fates(done.pairs) == {"judged": 5}
    assert len(seen.asked) == 10
    for pair in duel.pairs:
        texts = [text for body in seen.asked if pair.answers[0] in (text := body["messages"][1]["content"])]
        assert len(texts) == 2
        assert sorted(text.index(pair.answers[0]) < text.index(pair.answers[1]) for text in texts) == [False, True]
        assert all(pair.prompt[0].get("content", "?") in text for text in texts)
    assert "Be kind." in seen.asked[0]["messages"][0]["content"]
    assert position_bias(done.pairs).value == 1
    assert win_rate(done.pairs).value == 0.5
    assert consistency(done.pairs).value == 0


def test_a_rerun_asks_nothing_and_says_the_same(tmp_path: Path) -> None:
    duel = duel_of(tmp_path, 12)
    with judge(Habits(place=0.3, ties=0.2)) as (asked, seen):
        first, _ = ask(asked, duel, tmp_path)
        second, _ = ask(asked, duel, tmp_path)
        assert len(seen.asked) == 24
    told = [[(heard.verdict, heard.text) for heard in judged.heard] for judged in first.pairs]
    assert [[(heard.verdict, heard.text) for heard in judged.heard] for judged in second.pairs] == told
    assert all(heard.kept for judged in second.pairs for heard in judged.heard)


@pytest.mark.parametrize("change", [{"rubric": "Other."}, {"max_new_tokens": 65}])
def test_another_judge_is_asked_anew(tmp_path: Path, change: dict) -> None:
    duel = duel_of(tmp_path, 3)
    for settings in ({}, change):
        with judge(Habits(), **settings) as (asked, seen):
            ask(asked, duel, tmp_path)
            assert len(seen.asked) == 6


def test_what_a_kill_leaves_is_gone_on_with(tmp_path: Path) -> None:
    duel = duel_of(tmp_path, 8)
    with judge(Habits()) as (asked, seen):
        whole, _ = ask(asked, duel, tmp_path)
        (file,) = tmp_path.glob("*.jsonl")
        content = file.read_bytes()
        file.write_bytes(content[: math.floor(len(content) * 0.6)])
        again, _ = ask(asked, duel, tmp_path)
        assert 16 < len(seen.asked) < 32
    assert [judged.winner for judged in again.pairs] == [judged.winner for judged in whole.pairs]


def test_two_processes_do_not_ask_the_same_judge_at_once(tmp_path: Path) -> None:
    duel = duel_of(tmp_path, 2)
    with judge(Habits()) as (asked, _seen):
        ask(asked, duel, tmp_path)
        (file,) = tmp_path.glob("*.lock")
        with lock(file, purpose="judge"), pytest.raises(UserError, match="is at work here"):
            ask(asked, duel, tmp_path)


@pytest.mark.parametrize(
    "garbage",
    [
        "I like the first one.",
        "",
        "VERDICT: first\nVERDICT: second",
        "VERDICT: first\nBut who knows?",
        "VERDICT: 1",
        "VERDICT: first or second",
        "The verdict: first",
        "\x00\ud800\u202e" * 50,
        '{"verdict": "first"}',
        "VERDICT: first" * 2,
    ],
)
def test_garbage_is_counted_and_never_guessed(tmp_path: Path, garbage: str) -> None:
    def script(_body, number):
        return answer(garbage if number == 3 else "Because.\n**Verdict: tie.**")

    with judge(script, parallel=1) as (asked, _seen):
        done, _ = ask(asked, duel_of(tmp_path, 6), tmp_path)
    assert fates(done.pairs) == {"judged": 5, "invalid": 1}
    assert tie_rate(done.pairs).value == 1
    assert win_rate(done.pairs).n == 5


def test_a_judge_that_answers_garbage_only_is_given_up(tmp_path: Path) -> None:
    with judge(lambda _body, _number: answer("Banana.")) as (asked, seen):
        done, _ = ask(asked, duel_of(tmp_path, 300), tmp_path)
        assert len(seen.asked) < UNREADABLE + 12
    assert done.error is not None and "ends in a verdict" in str(done.error)
    assert fates(done.pairs)["invalid"] >= UNREADABLE // 2
    with judge(lambda _body, _number: answer("Banana.")) as (asked, _seen):
        few, _ = ask(asked, duel_of(tmp_path / "few", 2), tmp_path)
    assert few.error is not None and "none of 4 answers" in str(few.error)


def test_a_fault_leaves_its_pair_out_and_is_mended_by_the_next_run(tmp_path: Path) -> None:
    sick = {"on": True}
    faults = [failure(500), Say(b'{"choices": [{"mess'), Say(b'{"choices": NaN}'), Say(drop="before"), failure(400)]

    def script(body, number):
        if sick["on"] and "Question 2?" in body["messages"][1]["content"]:
            return faults[number % len(faults)]
        return Habits()(body, number)

    with judge(script) as (asked, _seen):
        duel = duel_of(tmp_path, 9)
        first, _ = ask(asked, duel, tmp_path)
        sick["on"] = False
        second, _ = ask(asked, duel, tmp_path)
    assert fates(first.pairs) == {"judged": 8, "failed": 1}
    assert first.error is None
    assert next(heard.failure for judged in first.pairs for heard in judged.heard if heard.failure)
    assert fates(second.pairs) == {"judged": 9}


@pytest.mark.parametrize("said", [failure(401, "no key"), failure(500, "on fire")])
def test_a_server_that_fails_always_is_given_up_soon(tmp_path: Path, said: Say) -> None:
    with judge(lambda _body, _number: said, retries=0) as (asked, seen):
        done, _ = ask(asked, duel_of(tmp_path, 200), tmp_path)
        assert len(seen.asked) < FAILURES + 8
    assert done.error is not None and f"{FAILURES} questions in a row failed" in str(done.error)
    assert fates(done.pairs)["unasked"] > 180


def test_a_slow_judge_is_given_up_and_one_that_recovers_is_heard(tmp_path: Path) -> None:
    def script(body, number):
        return Say(pause_s=0.6) if number == 0 else Habits()(body, number)

    with judge(script, timeout_s=0.2) as (asked, _seen):
        done, _ = ask(asked, duel_of(tmp_path, 3), tmp_path)
    assert fates(done.pairs) == {"judged": 3}


@pytest.mark.parametrize("most", [0, 1, 2, 7, 10])
def test_requests_are_limited_and_the_rest_is_unasked(tmp_path: Path, most: int) -> None:
    with judge(Habits()) as (asked, seen):
        done, purse = ask(asked, duel_of(tmp_path, 20), tmp_path, limits=Limits(max_requests=most))
        assert len(seen.asked) == most // 2 * 2
    assert fates(done.pairs)["judged"] == most // 2
    assert fates(done.pairs)["unasked"] == 20 - most // 2
    assert purse.stopped == f"the limit of {most} requests"


def test_dollars_are_never_more_than_allowed(tmp_path: Path) -> None:
    draw = random.Random(3)

    def script(body, number):
        said = Habits()(body, number)
        text = said.body.replace(b'"prompt_tokens": 10', b'"prompt_tokens": %d' % draw.randint(50, 300))
        return Say(text.replace(b'"completion_tokens": 2', b'"completion_tokens": %d' % draw.randint(1, 64)))

    prices = Prices(read_usd=2.5, written_usd=10.0)
    with judge(script, parallel=4) as (asked, _seen):
        duel = duel_of(tmp_path, 60)
        done, purse = ask(asked, duel, tmp_path, limits=Limits(max_usd=0.03), prices=prices)
        usage = asked.model.usage
        free, _ = ask(asked, duel, tmp_path, limits=Limits(max_usd=0.0), prices=prices)
    spent = (usage.prompt_tokens * 2.5 + usage.completion_tokens * 10.0) / 1e6
    assert purse.spent_usd == pytest.approx(spent)
    assert 0.015 < spent <= 0.03
    assert 5 < fates(done.pairs)["judged"] < 60
    assert purse.stopped == "the limit of 0.03 USD"
    assert fates(free.pairs)["judged"] <= fates(done.pairs)["judged"]


def test_answers_without_a_count_of_tokens_cost_the_most_that_they_can(tmp_path: Path) -> None:
    script = lambda _body, _number: answer("VERDICT: tie", tokens=None)  # noqa: E731
    with judge(script, parallel=1) as (asked, _seen):
        limits, prices = Limits(max_usd=0.02), Prices(read_usd=2.0, written_usd=10.0)
        done, purse = ask(asked, duel_of(tmp_path, 30), tmp_path, limits=limits, prices=prices)
    assert 0 < purse.spent_usd <= 0.02
    assert purse.stopped and fates(done.pairs)["unasked"] > 0


def test_equal_answers_are_counted_and_never_asked(tmp_path: Path) -> None:
    folder = write_evaluation(
        tmp_path, 10, answers=lambda model, place: "same" if place < 4 else f"I am {model} {place}"
    )
    with judge(Habits(tuned=1.0)) as (asked, seen):
        done, _ = ask(asked, read_duel(folder), tmp_path)
        assert len(seen.asked) == 12
    assert fates(done.pairs) == {"judged": 6, "identical": 4}
    assert (win_rate(done.pairs).value, win_rate(done.pairs).n) == (1.0, 6)


def test_one_example_and_a_megabyte_are_judged(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path, 1, answers=lambda model, _place: f"I am {model}" + " long" * 200_000)
    with judge(Habits(tuned=1.0)) as (asked, seen):
        done, _ = ask(asked, read_duel(folder), tmp_path)
        assert all(len(body["messages"][1]["content"]) > 2_000_000 for body in seen.asked)
    rate = win_rate(done.pairs)
    assert (rate.value, rate.interval, rate.n) == (1.0, pytest.approx((0.025, 1.0)), 1)


def test_a_limited_round_is_a_sample_of_all_rows(tmp_path: Path) -> None:
    duel = duel_of(tmp_path, 100)
    rows = [pair.row for pair in duel.pairs]
    assert rows != sorted(rows) and sorted(rows) == [f"row{number:04}" for number in range(100)]
    assert [pair.row for pair in read_duel(tmp_path, seed=1).pairs] != rows
    assert [pair.row for pair in read_duel(tmp_path).pairs] == rows
