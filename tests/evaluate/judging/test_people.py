"""People who judge, without a page: blinding, votes that a kill leaves, and what they amount to."""

from __future__ import annotations

import json
import stat
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.evaluate.judging.people import planted, session_of, vote_by
from tunewright.core.errors import UserError
from tunewright.data.shapes.preference import Work
from tunewright.evaluate.judging.labels import read_labels
from tunewright.evaluate.judging.pairs import Duel, Pair
from tunewright.evaluate.judging.people.results import PREFERENCES, RECORD, VOTES, People, make_people, write_people
from tunewright.evaluate.judging.people.votes import EVENTS
from tunewright.recipe.options.shapes.preference import Options
from tunewright.stats.agreement import krippendorff_alpha


def test_every_rater_sees_every_pair_in_an_order_of_their_own_with_sides_in_balance(tmp_path: Path) -> None:
    session = session_of(planted(40), tmp_path)
    plans = {name: session.plan(name) for name in ("Ann", "Bo")}
    for plan in plans.values():
        assert Counter(turn.pair.row for turn in plan) == Counter(pair.row for pair in session.shown)
        assert sum(turn.left for turn in plan) == 20
    orders = [[turn.pair.row for turn in plan] for plan in plans.values()]
    sides = [{turn.pair.row: turn.left for turn in plan} for plan in plans.values()]
    assert orders[0] != orders[1]
    assert 8 < sum(sides[0][row] != sides[1][row] for row in sides[0]) < 32
    assert session_of(planted(40), tmp_path).plan(" ann ") == plans["Ann"]
    assert session_of(planted(40, seed=1), tmp_path).plan("Ann") != plans["Ann"]


def test_a_state_names_no_model_and_no_row(tmp_path: Path) -> None:
    session = session_of(planted(3), tmp_path)
    state = session.state("Ann")
    assert state.keys() == {"rater", "done", "total", "place", "prompt", "left", "right"}
    told = json.dumps(state)
    assert not any(word in told for word in ("base", "tuned", "row", session.shown[0].identity, str(tmp_path)))


def test_votes_are_on_disk_at_once_and_survive_a_torn_line(tmp_path: Path) -> None:
    session = session_of(planted(4), tmp_path)
    for choice in ("left", "tie"):
        place = session.state("Ann")["place"]
        assert session.vote("Ann", place=place, choice=choice) is not None
    with (session.folder / EVENTS).open("ab") as file:
        file.write(b'{"event": "vote", "rater": "Ann", "pa')
    again = session_of(planted(4), tmp_path)
    assert again.state("ANN ")["done"] == 2
    assert again.state("Ann")["rater"] == "Ann"
    again.vote("Ann", place=again.state("Ann")["place"], choice="skip")
    assert session_of(planted(4), tmp_path).state("Ann")["done"] == 3


def test_undo_takes_back_the_last_vote_and_the_end(tmp_path: Path) -> None:
    session = session_of(planted(2), tmp_path)
    assert session.undo("Ann")["done"] == 0
    first = session.state("Ann")
    vote_by(session, "Ann", lambda _number: "tuned")
    assert session.finish("Ann")["finished"] is True
    assert session.finished() == 1
    back = session.undo("Ann")
    assert (back["done"], session.finished()) == (1, 0)
    assert session.undo("Ann") == first
    again = session_of(planted(2), tmp_path)
    assert (again.state("Ann"), again.finished()) == (first, 0)


def test_a_vote_on_a_pair_that_is_not_shown_is_refused(tmp_path: Path) -> None:
    session = session_of(planted(3), tmp_path)
    place = session.state("Ann")["place"]
    assert session.vote("Ann", place=place + 1, choice="left") is None
    assert session.vote("Ann", place=place, choice="left") is not None
    assert session.vote("Ann", place=place, choice="right") is None
    with pytest.raises(UserError, match="no choice"):
        session.vote("Ann", place=1, choice="both")
    assert [vote.choice for vote in session.ballot.votes()] == ["left"]
    assert session.finish("Ann").get("finished") is None


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "\n\t"])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="1 to 60 letters"):
        session_of(planted(1), tmp_path).state(name)


def test_strange_events_are_no_votes(tmp_path: Path) -> None:
    session = session_of(planted(2), tmp_path)
    session.folder.mkdir(parents=True)
    lines = ['{"event": "vote"}', "[]", "null", '{"event": "vote", "rater": 3}', '{"event": "undo", "rater": "Ann"}']
    lines += ['{"event": "vote", "rater": "Ann", "pair": "x", "left": 0, "choice": "both", "time": ""}', "\udcff"]
    (session.folder / EVENTS).write_text("\n".join(lines), encoding="utf-8", errors="surrogateescape")
    assert session_of(planted(2), tmp_path).state("Ann")["done"] == 0


def test_results_of_two_raters_are_what_was_planted(tmp_path: Path) -> None:
    generator = np.random.default_rng(4)
    session = session_of(planted(60), tmp_path)
    ann = generator.choice(["base", "tuned", "tie"], size=60, p=[0.2, 0.6, 0.2])
    bo = np.where(generator.random(60) < 0.7, ann, generator.choice(["base", "tuned", "tie", "skip"], size=60))
    vote_by(session, "Ann", lambda number: str(ann[number]))
    vote_by(session, "Bo", lambda number: str(bo[number]))
    session.finish("Ann")
    people = make_people(session, evaluation="e", made_at="now")
    value = {"base": 0.0, "tie": 0.5, "tuned": 1.0}
    votes = [[value.get(str(one)) for one in pair] for pair in zip(ann, bo, strict=True)]
    both = [[value[str(one)] for one in pair] for pair in zip(ann, bo, strict=True) if "skip" not in pair]
    assert people.alpha.value == pytest.approx(krippendorff_alpha(votes, level="ordinal"), abs=1e-12)
    assert (
        people.alpha.interval is not None and people.alpha.interval[0] < people.alpha.value < people.alpha.interval[1]
    )
    means = [np.mean([one for one in pair if one is not None]) for pair in votes]
    assert people.win_rate.value == pytest.approx(np.mean(means))
    assert (people.pairs, people.voted, people.shared) == (60, 60, len(both))
    assert [(rater.name, rater.votes, rater.finished) for rater in people.raters] == [
        ("Ann", 60, True),
        ("Bo", 60, False),
    ]
    assert people.raters[1].skips == int(np.sum(bo == "skip"))
    decided = int(np.sum([mean != 0.5 for mean in means]))
    assert (people.preferences, people.undecided, people.blank) == (decided, 60 - decided, 0)


def test_files_are_a_record_labels_for_judges_and_training_data(tmp_path: Path) -> None:
    session = session_of(planted(9), tmp_path)
    vote_by(session, "Ann", lambda number: ("tuned", "base", "tie")[number % 3])
    vote_by(session, "Bo", lambda number: ("tuned", "tuned", "tuned")[number % 3])
    people = make_people(session, evaluation="e", made_at="now")
    file = write_people(session, people)
    assert file.name == RECORD and People.model_validate_json(file.read_text()) == people
    labels = read_labels(session.folder / VOTES, session.duel)
    assert len(labels) == 18 and {label.rater for label in labels} == {"Ann", "Bo"}
    votes = pq.read_table(session.folder / VOTES).to_pylist()
    assert all((vote["left"] == vote["winner"]) == (vote["choice"] == "left") for vote in votes)
    lines = [json.loads(line) for line in (session.folder / PREFERENCES).read_text().splitlines()]
    assert sorted(line["row"] for line in lines) == ["row0", "row2", "row3", "row5", "row6", "row8"]
    assert {line["row"]: line["agreement"] for line in lines}["row0"] == 1
    assert {line["row"]: line["agreement"] for line in lines}["row2"] == 0.5
    shape = Work(Options())
    for line in lines:
        assert shape.fits(frozenset(line), line)
        number = line["row"].removeprefix("row")
        made = shape.convert(line)
        assert [turn.get("content") for turn in made.messages] == [f"Question {number}?", f"beta {number}"]
        assert [turn.get("content") for turn in made.rejected] == [f"alpha {number}"]
        assert line["raters"] == ["Ann", "Bo"] and line["time"].startswith("2026-01-01T00:")


def test_an_empty_answer_is_shown_and_is_no_training_data(tmp_path: Path) -> None:
    prompt = ({"role": "user", "content": "Q"},)
    duel = Duel("answers", ("base", "tuned"), (Pair("r", prompt, ("", "beta"), "r"),))
    session = session_of(duel, tmp_path)
    state = session.state("Ann")
    session.vote("Ann", place=0, choice="left" if state["left"] else "right")
    people = make_people(session, evaluation="e", made_at="now")
    write_people(session, people)
    assert (people.win_rate.value, people.blank, people.preferences) == (1.0, 1, 0)
    assert (session.folder / PREFERENCES).read_text() == ""


def test_equal_answers_are_not_shown(tmp_path: Path) -> None:
    prompt = ({"role": "user", "content": "Q"},)
    pairs = [Pair(f"r{n}", prompt, ("same", "same ") if n < 3 else ("alpha 1", f"beta {n}"), "") for n in range(5)]
    session = session_of(Duel("answers", ("base", "tuned"), tuple(pairs)), tmp_path)
    assert (session.identical, session.state("Ann")["total"]) == (3, 2)
    with pytest.raises(UserError, match="same answers"):
        session_of(Duel("answers", ("base", "tuned"), tuple(pairs[:3])), tmp_path)


def test_all_ties_and_no_votes_at_all_are_results_too(tmp_path: Path) -> None:
    session = session_of(planted(8), tmp_path)
    nothing = make_people(session, evaluation="e", made_at="now")
    assert (nothing.voted, nothing.raters, nothing.win_rate.value, nothing.alpha.value) == (0, (), None, None)
    for name in ("Ann", "Bo"):
        vote_by(session, name, lambda _number: "tie")
    ties = make_people(session, evaluation="e", made_at="now")
    assert (ties.win_rate.value, ties.left_bias.value, ties.alpha.value, ties.undecided) == (0.5, 0.0, None, 8)
    write_people(session, ties)
    assert (session.folder / PREFERENCES).read_text() == ""


def test_a_rater_who_always_takes_the_left_shows(tmp_path: Path) -> None:
    session = session_of(planted(20), tmp_path)
    while (place := session.state("Ann")["place"]) is not None:
        session.vote("Ann", place=place, choice="left")
    people = make_people(session, evaluation="e", made_at="now")
    assert (people.left_bias.value, people.win_rate.value) == (1.0, 0.5)


def test_the_secret_of_the_address_is_for_its_owner_alone_and_stays(tmp_path: Path) -> None:
    session = session_of(planted(2), tmp_path)
    assert len(session.token) >= 32
    assert stat.S_IMODE((session.folder / "token").stat().st_mode) == 0o600
    assert session_of(planted(2), tmp_path).token == session.token
    assert session_of(planted(3), tmp_path).token != session.token
