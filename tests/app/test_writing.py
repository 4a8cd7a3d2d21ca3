"""Rows by a model behind a server that really speaks HTTP: what is kept, what it costs, and every way it can fail."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.app.pointed import one_sentence
from tests.data.builders import row
from tests.evaluate.judging.scripted import Say, Scripted, answer, failure, server
from tunewright.app.writing import Remote, opener
from tunewright.core.errors import LimitNotMet, OutsideError, UserError
from tunewright.core.events import Event, Note, silent
from tunewright.core.ports import Message, Row, StepResult
from tunewright.core.writing import Endpoint
from tunewright.data.context import Context
from tunewright.data.steps.augment import Work
from tunewright.evaluate import remote_http
from tunewright.recipe.options.steps.augment import Options
from tunewright.text.chat import ChatFormat, load_chat

SUBJECTS = ("the weather", "a lost parcel", "opening hours", "a broken lamp", "my invoice", "train tickets")
Script = Callable[[dict[str, Any], int], Say]


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_http, "LONGEST_WAIT_S", 0.01)


@pytest.fixture
def chat(tiny_tokenizer_folder: Path) -> ChatFormat:
    return load_chat(tiny_tokenizer_folder)


def train() -> list[Row]:
    return [row(f"please help me with {each}", "ab"[n % 2], line=n) for n, each in enumerate(SUBJECTS)]


def said(body: dict[str, Any]) -> str:
    return body["messages"][-1]["content"]


def subject(body: dict[str, Any]) -> str:
    return next(each for each in SUBJECTS if each in said(body))


def rewrites(body: dict[str, Any], _number: int) -> Say:
    """A paraphrase that shares two words with the request."""
    return answer(f"I would be glad of support regarding {subject(body)}", tokens=(100, 20))


def augmented(
    folder: Path, chat: ChatFormat, at: Scripted, *, rows: list[Row] | None = None, emit: Any = silent, **keys: Any
) -> StepResult:
    """What the step makes of the rows with a server's help, and nothing else."""
    written = {"url": at.url, "model": "m", "rows": 6, **keys}
    step = Work(Options.model_validate({"noise": [], "written": written}))
    step.bind(
        Context(folder, folder / "cache", "2026-01-01", chat, writer=opener(folder / "cache", emit=emit), emit=emit)
    )
    return step.apply({"train": rows if rows is not None else train(), "validation": [], "test": []})


def new(done: StepResult, rows: int = 6) -> list[Row]:
    return done.rows["train"][rows:]


def requests(done: StepResult) -> list[str]:
    return sorted(each.messages[0].get("content", "") for each in new(done))


def test_paraphrases_keep_the_answer_and_cost_what_they_cost(tmp_path: Path, chat: ChatFormat) -> None:
    seen: list[Event] = []
    with server(rewrites) as at:
        done = augmented(tmp_path, chat, at, read_usd=1.0, written_usd=10.0, emit=seen.append)
        assert done.created == {"augment.paraphrase": 6} and len(at.asked) == 6
        assert requests(done) == sorted(f"I would be glad of support regarding {each}" for each in SUBJECTS)
        by_id = {each.id: each for each in train()}
        for each in new(done):
            parent = by_id[each.details.get("original", "")]
            assert (each.label, each.messages[1]) == (parent.label, parent.messages[1])
            assert parent.messages[0].get("content", "").split("with ")[1] in each.messages[0].get("content", "")
        assert done.report is not None and done.report["spent_usd"] == pytest.approx(6 * (100 + 200) / 1e6)
        assert all("Rewrite the following message" in said(body) for body in at.asked)
        assert any("m wrote 6 rows, for 0.0018 USD" in event.text for event in seen if isinstance(event, Note))
        again = augmented(tmp_path, chat, at, read_usd=1.0, written_usd=10.0)
        assert len(at.asked) == 6 and again.rows == done.rows and again.report == done.report


def test_the_order_of_rows_and_of_answers_changes_nothing(tmp_path: Path, chat: ChatFormat) -> None:
    def slow_first(body: dict[str, Any], number: int) -> Say:
        return Say(rewrites(body, number).body, pause_s=0.2 if number == 0 else 0.0)

    with server(slow_first) as at:
        one = augmented(tmp_path / "1", chat, at, rows=train())
        two = augmented(tmp_path / "2", chat, at, rows=train()[::-1])
    assert requests(one) == requests(two)
    assert {each.id for each in new(one)} == {each.id for each in new(two)}


def test_copies_and_what_is_alike_are_rejected_and_counted(tmp_path: Path, chat: ChatFormat) -> None:
    texts = {
        "the weather": "please help me with the weather",
        "a lost parcel": "Please, help me with a lost parcel!",
        "opening hours": "When do you open?",
        "a broken lamp": "when do you open",
        "my invoice": "  ",
        "train tickets": "Where can I get one to Rome?",
    }
    seen: list[Event] = []
    with server(lambda body, _number: answer(texts[subject(body)])) as at:
        done = augmented(tmp_path, chat, at, emit=seen.append)
    assert len(new(done)) == 2 and "Where can I get one to Rome?" in requests(done)
    assert done.report is not None and done.report["rejected"] == {"alike": 3, "empty": 1}
    assert any("rejected: alike 3, empty 1" in str(event) for event in seen)


def test_what_is_cut_is_no_row(tmp_path: Path, chat: ChatFormat) -> None:
    with server(lambda body, number: answer(f"I would {subject(body)}", finish=("length", "stop")[number % 2])) as at:
        done = augmented(tmp_path, chat, at)
    assert done.report is not None and done.report["rejected"] == {"cut": 3} and len(new(done)) == 3


def test_new_requests_have_an_answer_among_the_labels(tmp_path: Path, chat: ChatFormat) -> None:
    replies = [
        '{"prompt": "Is there snow?", "answer": "a"}',
        'Here it is:\n```json\n{"prompt": "May I bring my dog?", "answer": "b"}\n```',
        '{"prompt": "Which way is north?", "answer": "c"}',
        '{"prompt": "No answer"}',
        "no JSON at all",
        '{"prompt": NaN, "answer": "a"}',
    ]
    with server(lambda _body, number: answer(replies[number])) as at:
        done = augmented(tmp_path, chat, at, task="synthesis")
        assert all(
            "one of these, as written: a, b." in said(body) and said(body).count('"prompt"') == 3 for body in at.asked
        )
    assert requests(done) == ["Is there snow?", "May I bring my dog?"]
    assert {(each.label, each.target, each.details.get("mark"), each.source) for each in new(done)} == {
        ("a", "a", "augment.synthesis", "written"),
        ("b", "b", "augment.synthesis", "written"),
    }
    assert done.report is not None and done.report["rejected"] == {"not_in_its_form": 4}


def test_the_judge_says_which_rows_stay(tmp_path: Path, chat: ChatFormat) -> None:
    def script(body: dict[str, Any], number: int) -> Say:
        if "yes or no" not in said(body):
            return rewrites(body, number)
        assert body["temperature"] == 0 and "Same meaning." in said(body) and "please help me with" in said(body)
        return answer({"my invoice": "No.", "train tickets": "Who knows"}.get(subject(body), "**Yes**, it is."))

    with server(script) as at:
        done = augmented(tmp_path, chat, at, rubric="Same meaning.")
        assert len(at.asked) == 12
    assert len(new(done)) == 4
    assert done.report is not None and done.report["rejected"] == {"judged_no": 1, "no_verdict": 1}


def test_the_cost_limit_ends_the_work_and_loses_nothing(tmp_path: Path, chat: ChatFormat) -> None:
    keys = {"read_usd": 0.0, "written_usd": 1000.0, "max_new_tokens": 100}
    with server(rewrites) as at:
        with pytest.raises(LimitNotMet, match=r"cost limit is reached: \d of 6 questions") as refused:
            augmented(tmp_path, chat, at, cost_limit_usd=0.125, **keys)
        one_sentence(refused.value, exit_code=1)
        asked = len(at.asked)
        assert 1 <= asked < 6 and asked * 0.02 <= 0.125
        with pytest.raises(LimitNotMet):
            augmented(tmp_path, chat, at, cost_limit_usd=0.125, **keys)
        again = len(at.asked)
        assert again * 0.02 <= 0.125
        done = augmented(tmp_path, chat, at, cost_limit_usd=1.0, **keys)
        assert len(at.asked) == 6 and len(new(done)) == 6
        assert done.report is not None and done.report["spent_usd"] == pytest.approx(0.12)


@pytest.mark.parametrize(
    "fault",
    [
        failure(429, "slow down"),
        failure(500, "broken"),
        Say(b"<html>garbage</html>"),
        Say(b'{"choices": NaN}'),
        Say(b'{"choices": []}'),
        answer(17),
        Say(drop="before"),
        Say(answer("half").body, drop="within"),
    ],
    ids=["429", "500", "garbage", "NaN", "no choices", "no text", "dropped", "half"],
)
def test_one_question_that_fails_is_counted_and_asked_again_later(fault: Say, tmp_path: Path, chat: ChatFormat) -> None:
    broken = {"on": True}

    def script(body: dict[str, Any], number: int) -> Say:
        return fault if broken["on"] and subject(body) == "my invoice" else rewrites(body, number)

    with server(script) as at:
        done = augmented(tmp_path, chat, at)
        assert len(new(done)) == 5
        assert done.report is not None and done.report["rejected"] == {"failed": 1}
        before = len(at.asked)
        broken["on"] = False
        assert len(new(augmented(tmp_path, chat, at))) == 6
        assert len(at.asked) == before + 1


def test_a_fault_that_passes_is_tried_again(tmp_path: Path, chat: ChatFormat) -> None:
    with server(
        lambda body, number: failure(429, "wait", **{"Retry-After": "0"}) if number < 2 else rewrites(body, number)
    ) as at:
        assert len(new(augmented(tmp_path, chat, at))) == 6


def test_a_server_that_fails_again_and_again_ends_the_work(tmp_path: Path, chat: ChatFormat) -> None:
    with server(lambda _body, _number: failure(503, "down")) as at:
        with pytest.raises(OutsideError, match="5 questions in a row failed") as failed:
            augmented(tmp_path, chat, at, rows=[row(f"help with {n} and {n + 1}") for n in range(30)])
        assert failed.value.retry == "safe"
        one_sentence(failed.value, exit_code=3)


def test_a_refusal_ends_the_work_at_once(tmp_path: Path, chat: ChatFormat) -> None:
    with server(lambda _body, _number: failure(401, "who are you")) as at:
        with pytest.raises(OutsideError, match="refuses the request: 401") as failed:
            augmented(tmp_path, chat, at)
        assert failed.value.retry == "useless" and len(at.asked) <= 4


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    with server(lambda _body, _number: Say(b"{}", pause_s=1.0)) as at:
        writer = Remote(Endpoint(at.url, "m", timeout_s=0.1), folder=tmp_path, emit=silent, environment={})
        with pytest.raises(OutsideError, match=r"nothing within 0\.1 s"):
            writer.write([({"role": "user", "content": str(n)},) for n in range(8)])


def test_the_key_comes_from_the_variable_that_the_recipe_names(tmp_path: Path) -> None:
    question: tuple[Message, ...] = ({"role": "user", "content": "the weather"},)
    with server(rewrites) as at:
        for number, (variable, environment) in enumerate(
            [("MY_KEY", {"MY_KEY": " secret-1 "}), ("", {"TUNEWRIGHT_API_KEY": "secret-2"})], start=1
        ):
            folder = tmp_path / str(number)
            endpoint = Endpoint(at.url, "m", variable)
            Remote(endpoint, folder=folder, emit=silent, environment=environment).write([question])
            assert at.headers[-1]["authorization"] == f"Bearer secret-{number}"
            assert all("secret" not in path.read_text() for path in folder.rglob("*.jsonl"))
    with pytest.raises(UserError, match="MY_KEY is not set") as missing:
        Remote(Endpoint("http://127.0.0.1:1", "m", "MY_KEY"), folder=tmp_path, emit=silent, environment={})
    one_sentence(missing.value, exit_code=2)


def test_what_is_kept_is_json_lines_with_the_tokens(tmp_path: Path) -> None:
    with server(rewrites) as at:
        writer = Remote(Endpoint(at.url, "m"), folder=tmp_path, emit=silent, environment={})
        (first,) = writer.write([({"role": "user", "content": "the weather"},)])
    (file,) = tmp_path.glob("*.jsonl")
    (line,) = map(json.loads, file.read_text().splitlines())
    assert (line["text"], line["prompt_tokens"], line["completion_tokens"]) == (first.text, 100, 20)
    assert re.fullmatch(r"[0-9a-f]{64}", line["key"])
