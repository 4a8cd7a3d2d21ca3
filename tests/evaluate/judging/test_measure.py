"""What verdicts amount to: planted habits of a judge are found again, within intervals that are as wide as they say."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from tests.evaluate.judging.duels import Habits, ask, duel_of, judge
from tunewright.evaluate.judging.ask import Heard, JudgedPair
from tunewright.evaluate.judging.measure import consistency, figure, position_bias, steady_win_rate, tie_rate, win_rate
from tunewright.evaluate.judging.pairs import Pair

PLANTED = [
    Habits(place=0.0, ties=0.0, tuned=0.5),
    Habits(place=0.25, ties=0.1, tuned=0.7),
    Habits(place=0.6, ties=0.3, tuned=0.9),
    Habits(place=0.0, ties=0.9, tuned=0.2),
]


def pair(number: int, family: str = "") -> Pair:
    return Pair(
        f"r{number}", ({"role": "user", "content": "?"},), (f"base {number}", f"tuned {number}"), family or f"r{number}"
    )


def judged(number: int, habits: Habits, draw: random.Random, *, family: str = "") -> JudgedPair:
    """A pair with the verdicts of a planted judge, without a server."""
    heard = tuple(Heard(order, "", habits.verdict(("base", "tuned")[order], draw)) for order in (0, 1))  # type: ignore[arg-type]
    return JudgedPair(pair(number, family), heard, reached=True)


@pytest.mark.parametrize("habits", PLANTED, ids=lambda habits: f"place {habits.place} ties {habits.ties}")
def test_a_judge_behind_a_server_shows_its_planted_habits(habits: Habits, tmp_path: Path) -> None:
    found = {"bias": 0, "win rate": 0}
    rounds = 8
    for seed in range(rounds):
        own = Habits(habits.place, habits.ties, habits.tuned, seed)
        with judge(own, parallel=8) as (asked, _seen):
            done, _ = ask(asked, duel_of(tmp_path / str(seed), 50), tmp_path)
        assert done.error is None
        bias, rate = position_bias(done.pairs), win_rate(done.pairs)
        assert bias.interval is not None and rate.interval is not None
        found["bias"] += bias.interval[0] <= habits.place <= bias.interval[1]
        found["win rate"] += rate.interval[0] <= habits.win_rate <= rate.interval[1]
    assert min(found.values()) >= rounds - 1, found


@pytest.mark.parametrize("habits", PLANTED[1:3], ids=lambda habits: f"place {habits.place} ties {habits.ties}")
def test_intervals_hold_the_planted_values_as_often_as_they_say(habits: Habits) -> None:
    draw, rounds, inside = random.Random(11), 80, np.zeros(2)
    for _ in range(rounds):
        pairs = [judged(number, habits, draw) for number in range(200)]
        figures = (position_bias(pairs), win_rate(pairs))
        for place, (found, truth) in enumerate(zip(figures, (habits.place, habits.win_rate), strict=True)):
            assert found.interval is not None
            inside[place] += found.interval[0] <= truth <= found.interval[1]
    for hits in inside.astype(int).tolist():
        assert binomtest(hits, rounds, 0.935, alternative="less").pvalue > 0.001, inside / rounds


def test_rows_of_one_family_count_as_one() -> None:
    draw = random.Random(12)
    pairs = []
    for family in range(40):
        habits = Habits(tuned=0.95 if draw.random() < 0.6 else 0.05)
        pairs += [judged(5 * family + each, habits, draw, family=f"f{family}") for each in range(5)]
    together = win_rate(pairs)
    values = [float(np.mean([0.5 if h.winner is None else h.winner for h in one.heard])) for one in pairs]
    alone = figure(values, [one.pair.row for one in pairs])
    assert (together.n, together.families, alone.families) == (200, 40, 200)
    assert together.value == pytest.approx(alone.value)
    assert together.interval is not None and alone.interval is not None
    assert together.interval[1] - together.interval[0] > 1.5 * (alone.interval[1] - alone.interval[0])


def test_all_ties_are_a_half_with_an_interval_around_it() -> None:
    pairs = [JudgedPair(pair(n), (Heard(0, "", "tie"), Heard(1, "", "tie")), reached=True) for n in range(50)]
    rate = win_rate(pairs)
    assert rate.value == 0.5 and rate.interval is not None
    assert 0.4 < rate.interval[0] < 0.5 < rate.interval[1] < 0.6
    assert tie_rate(pairs).value == consistency(pairs).value == 1
    assert position_bias(pairs).value == 0


def test_nothing_judged_gives_no_figure() -> None:
    pairs = [JudgedPair(pair(0)), JudgedPair(pair(1), (Heard(0, "?", None), Heard(1, "?", None)), reached=True)]
    for measure in (win_rate, position_bias, consistency, steady_win_rate, tie_rate):
        found = measure(pairs)
        assert (found.value, found.interval, found.n) == (None, None, 0)


def test_the_steady_win_rate_leaves_out_what_the_place_decides() -> None:
    draw = random.Random(8)
    pairs = [judged(number, Habits(place=0.5, tuned=1.0), draw) for number in range(400)]
    assert steady_win_rate(pairs).value == 1
    assert win_rate(pairs).value == pytest.approx(0.75, abs=0.05)
    assert consistency(pairs).value == pytest.approx(0.5, abs=0.1)
