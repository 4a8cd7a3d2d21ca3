"""What raters see next, and what becomes of what they say."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import krippendorff
import numpy as np
import pytest

from tests.data.builders import prepared, workspace_of, write_jsonl
from tests.data.review.reviews import dataset_of, given, keep, questions, review_of
from tunewright.core.errors import UserError
from tunewright.data.dataset import open_dataset
from tunewright.data.review.decisions import Decision, Decisions
from tunewright.data.review.queue import Draw, choose
from tunewright.data.review.session import SHOWN_CHARACTERS
from tunewright.data.review.summary import summarise
from tunewright.text.chat import ChatFormat


def test_two_raters_are_blind_have_orders_of_their_own_and_go_on_after_a_restart(
    tmp_path: Path, chat: ChatFormat
) -> None:
    _, dataset = dataset_of(tmp_path, chat, questions(20))
    file = tmp_path / "review.jsonl"
    review = review_of(dataset, file)
    ann = [review.state("Ann")["row"]]
    for _ in range(7):
        state = review.decide("Ann", row=ann[-1], given=given("accept", 4))
        assert state is not None and "summary" not in state
        ann.append(state["row"])
    assert review.state("Bo")["done"] == 0
    again = review_of(dataset, file)
    assert again.state("Ann")["done"] == 7
    assert again.state("Ann")["row"] == ann[-1]
    bo = [queued.row for queued in again._plan(again.decisions.rater("Bo"))]
    assert sorted(bo) == sorted(queued.row for queued in again._plan(again.decisions.rater("Ann")))
    assert bo[:8] != ann


def test_two_people_at_once_lose_no_decision(tmp_path: Path, chat: ChatFormat) -> None:
    _, dataset = dataset_of(tmp_path, chat, questions(40))
    review = review_of(dataset, tmp_path / "review.jsonl")

    def work(name: str) -> None:
        while (row := review.state(name)["row"]) is not None:
            review.decide(name, row=row, given=given("accept", 3))

    threads = [threading.Thread(target=work, args=(name,)) for name in ("Ann", "Bo", "Cy")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = Decisions(tmp_path / "review.jsonl")
    assert [len(rater.decisions) for rater in again.raters.values()] == [40, 40, 40]
    assert again.broken == 0


def test_a_decision_about_another_row_than_the_next_is_none(tmp_path: Path, chat: ChatFormat) -> None:
    _, dataset = dataset_of(tmp_path, chat, questions(3))
    review = review_of(dataset, tmp_path / "review.jsonl")
    row = review.state("Ann")["row"]
    assert review.decide("Ann", row="other", given=given("accept")) is None
    review.decide("Ann", row=row, given=given("accept"))
    assert review.decide("Ann", row=row, given=given("reject")) is None
    assert [one.verdict for one in review.decisions.raters["ann"].decisions.values()] == ["accept"]


@pytest.mark.parametrize(
    "wrong", [given("maybe"), given("accept", 0), given("accept", 6), given("accept", 3, "  "), given("", 3)]
)
def test_what_is_no_decision_is_refused(tmp_path: Path, chat: ChatFormat, wrong: dict) -> None:
    _, dataset = dataset_of(tmp_path, chat, questions(3))
    review = review_of(dataset, tmp_path / "review.jsonl")
    with pytest.raises(UserError):
        review.decide("Ann", row=review.state("Ann")["row"], given=wrong)
    assert not (tmp_path / "review.jsonl").exists()


def test_undo_shows_the_row_again_with_what_was_said_and_keeps_an_edit(tmp_path: Path, chat: ChatFormat) -> None:
    _, dataset = dataset_of(tmp_path, chat, questions(5))
    review = review_of(dataset, tmp_path / "review.jsonl")
    first = review.state("Ann")["row"]
    review.decide("Ann", row=first, given=given("accept", 2, "Better."))
    state = review.undo("Ann")
    assert (state["row"], state["before"]) == (first, {"rating": 2, "answer": "Better."})
    review.decide("Ann", row=first, given=given("accept", 5, "Better."))
    (kept,) = review.decisions.by_row().values()
    assert (kept[0].rating, kept[0].answer) == (5, "Better.")


def test_an_edit_that_changes_nothing_is_none_and_a_rejected_row_has_none(tmp_path: Path, chat: ChatFormat) -> None:
    _, dataset = dataset_of(tmp_path, chat, questions(2))
    review = review_of(dataset, tmp_path / "review.jsonl")
    state = review.state("Ann")
    state = review.decide("Ann", row=state["row"], given=given("accept", None, state["answer"]))
    assert state is not None
    review.decide("Ann", row=state["row"], given=given("reject", 1, "text"))
    assert [one.answer for one in review.decisions.raters["ann"].decisions.values()] == [None, None]


def test_the_sample_stays_when_other_rows_come_and_the_worst_come_first(tmp_path: Path, chat: ChatFormat) -> None:
    _, dataset = dataset_of(tmp_path / "a", chat, questions(60))
    _, larger = dataset_of(tmp_path / "b", chat, questions(62))
    small = {one.origin for one in choose(dataset.folder, "train", draw=Draw(20, 1))}
    assert len(small & {one.origin for one in choose(larger.folder, "train", draw=Draw(20, 1))}) >= 18
    assert small != {one.origin for one in choose(dataset.folder, "train", draw=Draw(20, 2))}
    with pytest.raises(UserError, match="no row has a score"):
        choose(dataset.folder, "train", draw=Draw(5, 0, "worst"))
    scored = [{**row, "quality": str(n % 7 / 10)} for n, row in enumerate(questions(30))]
    _, dataset = dataset_of(tmp_path / "c", chat, scored, keep=["quality"])
    scores = [one.score for one in choose(dataset.folder, "train", draw=Draw(8, 0, "worst"))]
    assert scores == [0.0] * 5 + [0.1] * 3


def test_a_long_row_is_cut_with_a_mark_and_its_answer_is_not_edited(tmp_path: Path, chat: ChatFormat) -> None:
    long = {"question": "why " * 50_000, "answer": "word " * 60_000}
    _, dataset = dataset_of(tmp_path, chat, [long], max_tokens=1_000_000)
    review = review_of(dataset, tmp_path / "review.jsonl")
    state = review.state("Ann")
    assert len(json.dumps(state)) < 4 * SHOWN_CHARACTERS
    assert state["answer_cut"] > 250_000
    assert state["prompt"][-1]["cut"] > 150_000
    with pytest.raises(UserError, match="too long to be edited"):
        review.decide("Ann", row=state["row"], given=given("accept", 3, "short"))
    assert review.decide("Ann", row=state["row"], given=given("accept", 3)) is not None


def test_agreement_is_krippendorffs_alpha(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    ratings = random.integers(1, 6, size=(40, 1)).repeat(2, axis=1)
    ratings = np.clip(ratings + random.integers(-1, 2, size=ratings.shape), 1, 5)
    decisions = [
        Decision(name, f"r{row}", f"r{row}", "train", "accept", int(ratings[row, column]), None, "t")
        for column, name in enumerate(("Ann", "Bo"))
        for row in range(40)
        if (row + column) % 5
    ]
    found = summarise(keep(tmp_path / "review.jsonl", *decisions))
    table = np.full((2, 40), np.nan)
    for one in decisions:
        table[0 if one.rater == "Ann" else 1, int(one.row[1:])] = one.rating
    expected = krippendorff.alpha(table, level_of_measurement="ordinal")
    assert found.rating_agreement.alpha == pytest.approx(expected, abs=1e-12)
    assert found.rating_agreement.interval is not None
    low, high = found.rating_agreement.interval
    assert low < expected < high
    assert found.rating == pytest.approx(np.nanmean(table, axis=0).mean())
    assert (found.rows, found.shared, sum(found.ratings.values())) == (40, 24, len(decisions))


def test_nothing_is_known_of_an_empty_file(tmp_path: Path) -> None:
    found = summarise(Decisions(tmp_path / "none.jsonl"))
    assert (found.rows, found.rating, found.rating_agreement.alpha, found.raters) == (0, None, None, ())


def test_a_prompt_alone_is_accepted_and_has_no_answer_to_edit(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [{"prompt": f"question {n}"} for n in range(4)])
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl"}, rows="prompts")
    review = review_of(open_dataset(workspace_of(tmp_path), version), tmp_path / "review.jsonl")
    state = review.state("Ann")
    assert (state["answer"], state["prompt"][-1]["role"]) == ("", "user")
    with pytest.raises(UserError, match="there is no answer to edit"):
        review.decide("Ann", row=state["row"], given=given("accept", 4, "An answer."))
    after = review.decide("Ann", row=state["row"], given=given("accept", 4))
    assert after is not None and after["done"] == 1
