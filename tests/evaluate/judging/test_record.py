"""The record of a round: its counts add up, it reads back, and every verdict lies beside it."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.evaluate.judging.duels import Habits, ask, duel_of, judge
from tests.evaluate.judging.scripted import answer, failure
from tunewright.evaluate.judging.labels import Label
from tunewright.evaluate.judging.limits import Limits, Prices
from tunewright.evaluate.judging.prompt import VERSION
from tunewright.evaluate.judging.record import Judging, Setting, make_judging, write_judging


def test_a_record_says_what_was_asked_and_what_became_of_every_pair(tmp_path: Path) -> None:
    def script(body, number):
        text = body["messages"][1]["content"]
        if "Question 3?" in text:
            return failure(400, "too long")
        return answer("Who knows?") if "Question 5?" in text else Habits(tuned=1.0)(body, number)

    prices = Prices(1.0, 2.0)
    with judge(script, rubric="Be short.") as (asked, seen):
        duel = duel_of(tmp_path, 20)
        done, purse = ask(asked, duel, tmp_path, limits=Limits(max_requests=30), prices=prices)
        setting = Setting("e" * 64, "2026-01-01T00:00:00", (Label(duel.pairs[0].row, "tuned", "Ann"),))
        record = make_judging(done.pairs, duel, judge=asked, purse=purse, setting=setting)
        requests = len(seen.asked)
    counts = record.pairs
    assert counts.pairs == 20
    assert counts.judged + counts.identical + counts.invalid + counts.failed + counts.unasked == 20
    assert counts.judged >= 12 and counts.unasked >= 4
    assert record.cost.requests == requests <= 30
    assert record.cost.usd == pytest.approx((record.cost.prompt_tokens + 2 * record.cost.completion_tokens) / 1e6)
    assert (record.judge.prompt_version, record.judge.rubric, record.judge.model) == (VERSION, "Be short.", "judge")
    assert record.stopped == "the limit of 30 requests"
    assert record.win_rate.value == 1
    assert record.people is not None and record.people.pairs + record.people.elsewhere == 1
    file = write_judging(tmp_path / "judging", record, pairs=done.pairs)
    assert Judging.model_validate_json(file.read_text()) == record
    lines = pq.read_table(tmp_path / "judging" / "votes.parquet").to_pylist()
    judged = [line for line in lines if line["fate"] == "judged"]
    assert len(judged) == 2 * counts.judged
    assert {line["winner"] for line in judged} == {"tuned"}
    assert all(line["verdict"] == ("first" if line["first"] == "tuned" else "second") for line in judged)
    invalid = [line for line in lines if line["fate"] == "invalid"]
    assert len(invalid) == 2 * counts.invalid
    assert all((line["verdict"], line["winner"], line["text"]) == (None, None, "Who knows?") for line in invalid)


def test_a_record_without_prices_names_no_dollars(tmp_path: Path) -> None:
    with judge(Habits()) as (asked, _seen):
        duel = duel_of(tmp_path, 2)
        done, purse = ask(asked, duel, tmp_path)
        record = make_judging(done.pairs, duel, judge=asked, purse=purse, setting=Setting("e", "now"))
    assert record.cost.usd is None and record.people is None and record.stopped == ""
