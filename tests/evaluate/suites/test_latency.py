"""The suite `latency`: times are those of a clock, the model is warm before it runs, and no time is made up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.evaluate.fakes import CharChat, FakeSplit, RuleModel, labelled, labelled_rows, last_turn, scorer, suite, task
from tests.models.numbers import plain
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.core.events import silent
from tunewright.core.language_model import GREEDY, Generated, Sampling
from tunewright.core.ports import Ids, Row
from tunewright.evaluate.evaluate import Models, evaluate
from tunewright.evaluate.own_rows import own_set
from tunewright.evaluate.respondents import Local
from tunewright.evaluate.suite import Bench, NotMeasured, sample_of
from tunewright.models.language_model import open_language_model
from tunewright.models.load import load
from tunewright.text.chat import load_chat

READING_S, TOKEN_S = 0.5, 0.1


@dataclass
class Clock:
    """A clock that moves when it is told to."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Slow(RuleModel):
    """Half a second to read a prompt, a tenth for each token; the very first call takes a minute more."""

    clock: Clock = None  # type: ignore[assignment]
    loading_s: float = 60.0

    def generate(
        self, prompts: Sequence[Ids], *, max_new_tokens: int, stop: frozenset[int], sampling: Sampling = GREEDY
    ) -> list[Generated]:
        """The rule's answers, and their time on the clock."""
        assert len(prompts) == 1, "answers are timed one at a time"
        found = super().generate(prompts, max_new_tokens=max_new_tokens, stop=stop, sampling=sampling)
        self.clock.now += self.loading_s + READING_S + TOKEN_S * len(found[0].tokens)
        self.loading_s = 0.0
        return found


def slow(answer: str = "twelve chars", clock: Clock | None = None) -> tuple[Local, Slow]:
    """A model that answers at a known speed."""
    ticking = clock or Clock()
    model = Slow(lambda _prompt: answer, clock=ticking)
    return Local("slow", CharChat(), lambda: model, "slow", clock=ticking), model


def asked(model: Local, rows: list[Row], **keys: int) -> list[AnsweredRow]:
    """The timed answers."""
    work, bench = suite("latency", **keys), Bench(measured=sample_of(rows))
    return work.answer("latency", model, sample=work.examples(bench), style="bare", bench=bench)


def test_times_are_those_of_the_clock_and_loading_is_not_among_them() -> None:
    here, model = slow()
    found = asked(here, labelled_rows(5))
    for row in found:
        assert row.first_token_s == pytest.approx(READING_S + TOKEN_S)
        assert row.seconds == pytest.approx(READING_S + 12 * TOKEN_S)
        assert len(row.tokens) / row.seconds == pytest.approx(12 / 1.7)
    assert scorer("latency").score(found, ()) == pytest.approx(1.7)
    assert scorer("first_token").score(found, ()) == pytest.approx(0.6)
    assert scorer("length").score(found, ()) == 2
    assert [last_turn(prompt) for prompt in model.asked[:2]] == [last_turn(model.asked[2])] * 2
    assert len(model.asked) == 2 * (5 + 1)


def test_longer_answers_take_longer_up_to_the_limit() -> None:
    found = asked(slow("x" * 500)[0], labelled_rows(2), max_new_tokens=30)
    assert [row.seconds for row in found] == pytest.approx([READING_S + 30 * TOKEN_S] * 2)
    assert {row.finish for row in found} == {"length"}
    assert scorer("first_token").score(found, ()) == pytest.approx(0.6)


def test_prompts_are_the_first_of_the_split_or_our_own() -> None:
    rows = labelled_rows(30)
    assert suite("latency").examples(Bench(measured=sample_of(rows))).rows() == rows[:20]
    own = suite("latency", max_rows=4).examples(Bench()).rows()
    assert [row.prompt[0]["content"] for row in own] == [each["prompt"] for each in own_set("general_prompts")[:4]]


def test_a_clock_that_goes_back_gives_no_time() -> None:
    class Back(Clock):
        def __call__(self) -> float:
            self.now -= 5
            return self.now

    found = asked(slow(clock=Back())[0], labelled_rows(3))
    assert all(row.seconds is not None and row.seconds < 0 for row in found)
    assert math.isnan(scorer("latency").score(found, ())) and math.isnan(scorer("first_token").score(found, ()))


def test_an_answer_that_an_error_ended_has_no_time() -> None:
    found = asked(slow()[0], labelled_rows(4))
    broken = [replace(found[0], seconds=0.001, first_token_s=0.001, answer="", finish="error"), *found[1:]]
    assert scorer("latency").score(broken, ()) == pytest.approx(1.7)
    assert scorer("first_token").score(broken, ()) == pytest.approx(0.6)
    assert math.isnan(scorer("latency").score(broken[:1], ()))


def document(text: str) -> Row:
    """A row of plain text."""
    return Row(text, ({"role": "document", "content": text},))


def test_without_a_prompt_there_is_nothing_to_time(tmp_path: Path) -> None:
    for rows in ([], [document("a"), document("b")]):
        with pytest.raises(NotMeasured, match="no row has a prompt whose answer could be timed"):
            suite("latency").examples(Bench(measured=sample_of(rows)))
    mixed = [document("a"), labelled("b", "heart")]
    assert suite("latency").examples(Bench(measured=sample_of(mixed))).rows() == mixed[1:]
    splits = {"train": FakeSplit(labelled_rows(3)), "test": FakeSplit([document("a")])}
    with pytest.raises(UserError, match="nothing could be measured: latency: no row has a prompt"):
        evaluate([suite("latency")], Models(slow()[0], None), task=timed(tmp_path, splits), emit=silent)


def timed(folder: Path, splits: dict[str, FakeSplit]) -> object:
    """A task with the metrics of time."""
    names = ("latency", "first_token", "length")
    return replace(task(folder, splits=splits), scorers={name: scorer(name) for name in names})


@pytest.mark.parametrize(
    "rows",
    [[labelled("alone", "heart")], [labelled("same", "heart")] * 9, [labelled("x" * 1_000_000, "spleen")]],
    ids=["one", "all alike", "a megabyte and an unseen label"],
)
def test_odd_rows_are_timed(tmp_path: Path, rows: list[Row]) -> None:
    splits = {"train": FakeSplit(labelled_rows(3)), "test": FakeSplit(rows)}
    clock = Clock()
    pair = Models(slow(clock=clock)[0], slow("six ch", clock=clock)[0])
    found = evaluate([suite("latency")], pair, task=timed(tmp_path, splits), emit=silent).suites["latency"]
    assert found["latency"].base == pytest.approx(1.7) and found["latency"].tuned == pytest.approx(1.1)
    assert found["latency"].difference == pytest.approx(-0.6)
    assert found["latency"].n == len(rows) and found["latency"].direction == "lower"


def test_a_real_model_takes_a_sane_time(tiny_model_folder: Path) -> None:
    chat = load_chat(tiny_model_folder)
    here = Local("tiny", chat, lambda: open_language_model(load(tiny_model_folder, numbers=plain("fp32"))), "tiny")
    found = asked(here, labelled_rows(3), max_new_tokens=12)
    for row in found:
        assert row.first_token_s is not None and row.seconds is not None
        assert 0 < row.first_token_s < 10 and 0 < row.seconds < 10
        assert 0 <= len(row.tokens) <= 12
        assert row.finish in ("stop", "length")
