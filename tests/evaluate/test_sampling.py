"""Searching sampling settings with models whose best ones are planted: what wins, what it costs, what is checked."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from tests.evaluate.fakes import CharChat, FakeSplit, labelled_rows, last_turn, reads_label, scorer, suite, task
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.core.events import Event, Note, silent
from tunewright.core.language_model import GREEDY, Generated, Request, Sampling
from tunewright.core.nouns import SamplingSearch
from tunewright.core.ports import Row
from tunewright.evaluate.bench import set_up
from tunewright.evaluate.respondents import Drawn, Local
from tunewright.evaluate.sampling import HELD_OUT, Trial, check_metric, divided, grid, rounds, search
from tunewright.evaluate.sampling_record import noted, tune
from tunewright.evaluate.sheets import Sheets

PLANTED = Sampling(0.7, top_p=0.9, repetition_penalty=1.1)
Chance = Callable[[Sampling], float]


@dataclass
class Scripted:
    """Says the right label with a chance that the settings decide; a draw of its own for each seed and settings.

    `calls` keeps every batch of requests.
    """

    chance: Chance
    wrong: str = "no"
    calls: list[list[Request]] = field(default_factory=list)

    def answer(self, requests: Sequence[Request]) -> list[Generated]:
        """Answers in order."""
        self.calls.append(list(requests))
        return [self._said(request) for request in requests]

    def _said(self, request: Request) -> Generated:
        prompt, settings = "".join(map(chr, request.prompt)), request.sampling
        seed = zlib.crc32(prompt.encode()) if settings.greedy else settings.seed
        shared = zlib.crc32(repr(replace(settings, seed=0)).encode())
        lucky = np.random.default_rng([seed, shared]).random() < self.chance(replace(settings, seed=0))
        tokens = tuple(CharChat().encode_text(reads_label(prompt) if lucky else self.wrong))
        return Generated(tokens, (-0.1,) * len(tokens), "stop")

    @property
    def prompts(self) -> list[str]:
        """The last turn of everything that was asked."""
        return [last_turn("".join(map(chr, each.prompt))) for call in self.calls for each in call]


def planted(settings: Sampling) -> float:
    """One of the settings is much better than the others."""
    return 0.95 if settings == PLANTED else 0.5


def alike(settings: Sampling) -> float:
    """All are equally good, and luck alone tells them apart."""
    return 0.5


def splits(validation: int = 80, test: int = 60, *, world: int = 0) -> dict[str, FakeSplit]:
    """Rows of three splits; each `world` has rows of its own."""
    return {
        "train": FakeSplit(labelled_rows(6)),
        "validation": FakeSplit(labelled_rows(validation, start=10_000 * world + 1000)),
        "test": FakeSplit(labelled_rows(test, start=10_000 * world + 5000)),
    }


@dataclass
class Setting:
    """A search that can be done: the trial, its rows, and where it is written."""

    model: Scripted
    folder: Path
    seed: int = 0
    metric: str = "exact_match"
    samples: int = 2
    most: int = 64
    given: dict[str, FakeSplit] = field(default_factory=splits)
    sheets: Sheets | None = None
    scorer: Any = None

    def done(self, emit: Callable[[Event], None] = silent) -> SamplingSearch:
        """The record."""
        the_task = task(self.folder, splits=self.given, seed=self.seed)
        trial, rows, heldout = self.parts()
        return tune(trial, rows, heldout=heldout, task=the_task, emit=emit)

    def parts(self) -> tuple[Trial, Any, Any]:
        """Trial, search rows and held-out rows."""
        the_task = task(self.folder, splits=self.given, seed=self.seed)
        bench, answers = set_up(the_task).bench, suite("answers")
        assert the_task.data is not None
        rows, heldout = divided(answers, the_task.data, bench=bench, most=self.most)
        local = Local("scripted", CharChat(), lambda: self.model, "scripted")
        metric = self.scorer or scorer(self.metric)
        trial = Trial(local, answers, "answers", self.metric, metric, bench, samples=self.samples, sheets=self.sheets)
        return trial, rows, heldout


def found(chance: Chance, folder: Path, **how: Any) -> SamplingSearch:
    return Setting(Scripted(chance), folder, **how).done()


def test_the_grid_has_every_point_once_and_greedy_first() -> None:
    settings = grid()
    assert settings[0] == GREEDY
    assert len(settings) == len(set(settings)) == 21
    assert {each.top_p for each in settings if each.greedy} == {1.0}
    drawn = {(each.temperature, each.top_p, each.repetition_penalty) for each in settings if not each.greedy}
    assert drawn == {(heat, p, r) for heat in (0.3, 0.7, 1.0) for p in (0.9, 1.0) for r in (1.0, 1.1, 1.2)}
    assert [each.repetition_penalty for each in settings if each.greedy] == [1.0, 1.1, 1.2]


def test_rounds_halve_settings_and_double_rows() -> None:
    plan = rounds(21, 64)
    assert plan == [(21, 8), (10, 16), (5, 32), (2, 64)]
    before = [0, *(rows for _, rows in plan)]
    assert sum(count * (rows - done) for (count, rows), done in zip(plan, before, strict=False)) == 392
    assert rounds(21, 2) == [(21, 1), (10, 1), (5, 1), (2, 2)]
    assert rounds(2, 5) == [(2, 5)]


@pytest.mark.parametrize("seed", range(6))
def test_the_planted_settings_win_and_are_recommended(seed: int, tmp_path: Path) -> None:
    record = found(planted, tmp_path, seed=seed)
    assert record.winner == noted(PLANTED)
    assert record.recommended
    assert record.heldout is not None and record.heldout.interval is not None
    assert record.heldout.interval[0] > 0
    assert record.heldout.families == 60
    told = "Use temperature 0.7, top-p 0.9, repetition penalty 1.1: on 60 test rows it changes exact_match by +0."
    assert record.verdict.startswith(told)


def test_a_small_gain_is_found_more_often_than_not_among_the_noise(tmp_path: Path) -> None:
    def a_little_better(settings: Sampling) -> float:
        return 0.7 if settings == PLANTED else 0.5

    records = [found(a_little_better, tmp_path, seed=each, given=splits(world=each)) for each in range(8)]
    assert sum(record.winner == noted(PLANTED) for record in records) >= 6


def test_luck_is_not_recommended_and_the_best_of_many_looks_better_than_it_is(tmp_path: Path) -> None:
    worlds = range(14)
    records = [found(alike, tmp_path, seed=each, most=24, given=splits(test=120, world=each)) for each in worlds]
    checked = [record for record in records if record.heldout is not None]
    assert len(checked) >= 7
    assert sum(record.recommended for record in records) <= 1
    on_search = np.mean([record.search_difference or 0.0 for record in checked])
    on_heldout = np.mean([record.heldout.difference or 0.0 for record in checked if record.heldout])
    assert on_search > 0.08
    assert abs(on_heldout) < on_search / 2
    refused = next(record for record in checked if not record.recommended)
    assert refused.verdict.startswith("Keep plain greedy, not ") and "95 % interval -" in refused.verdict


def test_the_same_seed_gives_the_same_record_and_another_one_other_rows(tmp_path: Path) -> None:
    first = found(planted, tmp_path / "a", seed=3)
    again = found(planted, tmp_path / "b", seed=3)
    other = found(planted, tmp_path / "c", seed=4)
    assert first == again
    assert first.name != other.name
    assert SamplingSearch.model_validate_json((tmp_path / "a" / "sampling.json").read_text()) == first
    rows = [Setting(Scripted(planted), tmp_path, seed=seed).parts()[1].indices for seed in (3, 3, 4)]
    assert rows[0] == rows[1] != rows[2]


def test_held_out_rows_are_never_searched_on(tmp_path: Path) -> None:
    given = splits(validation=20, test=30)
    shared = given["test"].rows[:5]
    given["validation"] = FakeSplit([*shared, *given["validation"].rows])
    model = Scripted(planted)
    record = Setting(model, tmp_path, given=given).done()
    assert (record.search_rows, record.heldout_rows) == (20, 30)
    tests = {last_turn("".join(map(chr, CharChat().prompt_ids(row.prompt)))) for row in given["test"].rows}
    searched = {seen for call in model.calls[:-1] for seen in Scripted(planted, calls=[call]).prompts}
    checked = set(Scripted(planted, calls=[model.calls[-1]]).prompts)
    assert checked == tests
    assert not searched & tests and len(searched) == 20
    seeds = [{each.sampling.seed for call in calls for each in call} for calls in (model.calls[:-1], model.calls[-1:])]
    assert not seeds[0] & seeds[1]


def test_a_tie_keeps_greedy_and_asks_no_test_row(tmp_path: Path) -> None:
    model = Scripted(lambda each: 1.0)
    record = Setting(model, tmp_path).done()
    assert record.winner == noted(GREEDY)
    assert (record.recommended, record.heldout, record.search_difference) == (False, None, 0.0)
    assert record.verdict == "Keep plain greedy: none of 20 other settings did better on 64 validation rows."
    assert not any("case 5" in prompt for prompt in model.prompts)


def test_greedy_is_in_the_last_round_even_when_it_is_the_worst(tmp_path: Path) -> None:
    record = found(lambda each: 0.0 if each == GREEDY else 0.9, tmp_path)
    greedy = next(each for each in record.tried if each.settings == noted(GREEDY))
    assert (greedy.rows, greedy.value) == (64, 0.0)
    assert sorted(each.rows for each in record.tried) == [8] * 11 + [16] * 5 + [32] * 3 + [64] * 2
    assert record.recommended


def test_worse_on_test_rows_is_called_worse(tmp_path: Path) -> None:
    def script(settings: Sampling) -> float:
        return 0.9 if settings == PLANTED else 0.4

    class Turns(Scripted):
        """Greedy is wrong on search rows and right on test rows."""

        def _said(self, request: Request) -> Generated:
            prompt = "".join(map(chr, request.prompt))
            if request.sampling.greedy:
                self.chance = lambda each: float("case 5" in prompt)
            else:
                self.chance = script
            return super()._said(request)

    record = Setting(Turns(script), tmp_path).done()
    assert record.search_difference is not None and record.search_difference > 0.5
    assert not record.recommended
    assert record.verdict.endswith("which is worse.")


def test_where_lower_is_better_the_lowest_wins(tmp_path: Path) -> None:
    model = Scripted(lambda each: float(each.repetition_penalty > 1), wrong="again and again and again and again")
    record = Setting(model, tmp_path, metric="repetition").done()
    assert record.direction == "lower"
    assert record.winner == noted(Sampling(repetition_penalty=1.1))
    assert record.recommended
    assert record.heldout is not None and record.heldout.difference is not None and record.heldout.difference < 0


def test_a_winner_without_draws_is_decided_by_the_exact_test(tmp_path: Path) -> None:
    record = found(lambda each: 1.0 if each == Sampling(repetition_penalty=1.2) else 0.6, tmp_path)
    assert record.winner == noted(Sampling(repetition_penalty=1.2))
    assert record.heldout is not None and record.heldout.p is not None and record.heldout.tuned == 1
    assert record.heldout.n == record.heldout.families == 60
    lost = 60 * (1 - (record.heldout.base or 0))
    assert record.heldout.p == pytest.approx(2 * 0.5**lost)


class Gaps:
    """A metric that is no number on answers of some settings: those that say `hole`."""

    direction = "higher"
    range = (0.0, 1.0)
    census = False

    def __init__(self, hole: str) -> None:
        self.hole = hole

    def per_row(self, rows: Sequence[AnsweredRow]) -> NDArray[np.float64]:
        """NaN for a hole, else whether the label is right."""
        values = [np.nan if row.answer == self.hole else float(row.answer == row.row.target) for row in rows]
        return np.array(values, dtype=np.float64)

    def score(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> float:
        """Mean; NaN as soon as one row is."""
        return float(self.per_row(rows).mean())


def test_settings_whose_metric_is_no_number_come_last(tmp_path: Path) -> None:
    good = (GREEDY, PLANTED)
    record = found(lambda each: float(each in good), tmp_path, scorer=Gaps("no"))
    assert [each.settings for each in record.tried if each.value is not None] == [noted(each) for each in good]
    assert record.winner == noted(GREEDY)


def test_a_metric_that_is_never_a_number_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"exact_match is no number on the answers to 64 validation rows.*--metric"):
        found(lambda each: 0.0, tmp_path, scorer=Gaps("no"))


def test_a_metric_that_is_no_number_on_test_rows_recommends_nothing(tmp_path: Path) -> None:
    given = splits()
    rows = given["test"].rows
    given["test"] = FakeSplit([Row(row.id, (*row.prompt, {"role": "assistant", "content": ""})) for row in rows])
    record = found(planted, tmp_path, given=given)
    assert not record.recommended
    assert record.verdict.startswith("Keep plain greedy: exact_match is no number on the test rows, so temperature 0.7")


def test_too_few_test_rows_recommend_nothing(tmp_path: Path) -> None:
    record = found(planted, tmp_path, metric="chrf", given=splits(test=3))
    assert record.verdict.endswith("and there are too few to say how sure that is.")
    assert not record.recommended


@pytest.mark.parametrize(("count", "told"), [(0, "there is none"), (1, "there is 1")])
def test_none_or_one_validation_row_is_said(count: int, told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"needs 2 validation rows, and {told} that answers can measure"):
        found(planted, tmp_path, given=splits(validation=count))


def test_two_validation_rows_are_a_search_and_all_copies_of_test_rows_are_none(tmp_path: Path) -> None:
    assert found(alike, tmp_path, given=splits(validation=2)).search_rows == 2
    given = splits()
    with pytest.raises(UserError, match="and there is none that answers can measure and no test row repeats"):
        found(alike, tmp_path, given=given | {"validation": given["test"]})


def test_every_round_is_one_call_in_blocks_and_the_samples_of_a_row_draw_alike(tmp_path: Path) -> None:
    model = Scripted(alike)
    trial, rows, _ = Setting(model, tmp_path).parts()
    search(trial, rows, settings=grid(), emit=silent)
    assert [len(call) for call in model.calls[:2]] == [256, 8 * (3 + 2 * 18) - 256]
    assert len(model.calls) == 5
    first = [each for call in model.calls[:2] for each in call]
    by_prompt: dict[tuple[int, ...], list[Request]] = {}
    for each in first:
        by_prompt.setdefault(each.prompt, []).append(each)
    assert len(by_prompt) == 8
    assert all(len({each.sampling.seed for each in own}) == 2 for own in by_prompt.values())
    places = [list(by_prompt).index(each.prompt) for each in first]
    assert places == sorted(places)


def test_every_round_is_told(tmp_path: Path) -> None:
    seen: list[Event] = []
    Setting(Scripted(planted), tmp_path).done(seen.append)
    notes = [event.text for event in seen if isinstance(event, Note)]
    assert [note.split(":")[0] for note in notes] == [f"{rows} of the validation rows" for rows in (8, 16, 32)]
    assert [note.split("; ")[1] for note in notes] == [
        "10 of 21 settings go on.",
        "5 of 10 settings go on.",
        "2 of 5 settings go on.",
    ]
    assert "temperature 0.7, top-p 0.9, repetition penalty 1.1 is best (exact_match 0.9" in notes[-1]


def test_answers_are_kept_by_settings_and_another_metric_asks_for_none_again(tmp_path: Path) -> None:
    sheets = Sheets(tmp_path / "sheets")
    first = Scripted(planted)
    before = Setting(first, tmp_path, sheets=sheets).done()
    again = Scripted(planted)
    after = Setting(again, tmp_path, metric="chrf", sheets=sheets).done()
    assert first.calls and again.calls == []
    assert (after.winner, after.answers) == (before.winner, before.answers)
    more = Scripted(planted)
    Setting(more, tmp_path, samples=3, sheets=sheets).done()
    assert more.calls


def test_the_identity_of_a_model_with_settings_is_its_own(tmp_path: Path) -> None:
    local = Local("scripted", CharChat(), lambda: Scripted(alike), "scripted")
    identities = {Drawn(local, (each,)).identity for each in grid()} | {local.identity}
    assert len(identities) == 22
    assert Drawn(local, (PLANTED,)).identity != Drawn(local, (replace(PLANTED, seed=HELD_OUT),)).identity


def test_every_answer_lies_beside_the_record(tmp_path: Path) -> None:
    record = found(planted, tmp_path)
    lines = pq.read_table(tmp_path / "sampling.parquet").to_pylist()
    assert len(lines) == record.answers
    heldout = [line for line in lines if line["part"] == "heldout"]
    assert {(line["temperature"], line["top_p"], line["repetition_penalty"]) for line in heldout} == {
        (0.0, 1.0, 1.0),
        (0.7, 0.9, 1.1),
    }
    assert len(heldout) == 60 * (1 + 2)
    assert record.answers == len(heldout) + 8 * (3 + 36) + sum(
        more * (each.rows - 8) for each in record.tried for more in [2 if each.settings.temperature else 1]
    )


@pytest.mark.parametrize("name", ["length", "loss", "perplexity", "token_accuracy"])
def test_a_metric_that_says_nothing_of_answers_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"{name} cannot choose sampling settings: it (has no better side|says how)"):
        check_metric(name, scorer(name))
    check_metric("rouge_l", scorer("rouge_l"))
