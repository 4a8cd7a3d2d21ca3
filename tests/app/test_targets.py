"""What `evaluate` may be pointed at: files, a tiny model, real servers on this machine; and all that is no target."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.app.pointed import ROWS, SUITE, WAY, asked, by_name, lines, one_sentence
from tests.evaluate.judging.scripted import Say, Scripted, answer, failure, server
from tunewright.app import targets
from tunewright.app.targets import kind_of
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import Event, Note
from tunewright.evaluate import remote_http


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with a test file; no key in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("TUNEWRIGHT_API_KEY", "OPENAI_API_KEY", "TUNEWRIGHT_HOME"):
        monkeypatch.delenv(name, raising=False)
    lines(tmp_path / "test.jsonl", ROWS)
    return tmp_path


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that fails is not waited for."""
    monkeypatch.setattr(remote_http, "LONGEST_WAIT_S", 0.1)


def questions(seen: Scripted, model: str) -> int:
    return sum(body["model"] == model for body in seen.asked)


def test_several_servers_answer_the_same_prompts_and_the_first_is_the_base(here: Path) -> None:
    with server(by_name) as seen:
        first, second, third = asked(*(f"{seen.url}#{name}" for name in ("half", "good", "bad")))
    prompts = {
        name: sorted(body["messages"][-1]["content"] for body in seen.asked if body["model"] == name)
        for name in ("half", "good", "bad")
    }
    assert prompts["half"] == prompts["good"] == prompts["bad"] == sorted(row["prompt"] for row in ROWS)
    alone, better, worse = (one.evaluation.suites[WAY]["exact_match"] for one in (first, second, third))
    assert (alone.base, alone.tuned, alone.difference) == (0.5, None, None)
    assert (better.base, better.tuned, better.difference) == (0.5, 1.0, 0.5)
    assert (worse.base, worse.tuned, worse.difference) == (0.5, 0.0, -0.5)
    assert better.p == pytest.approx(2 * 0.5**6)
    assert second.evaluation.names == {"base": "half", "tuned": "good"}
    assert [one.target for one in (first, second)] == [f"{seen.url}#half", f"{seen.url}#good"]
    assert [one.verdict for one in (first, second, third)] == [None] * 3


def test_the_same_target_twice_is_at_no_distance_from_itself_and_is_asked_once(here: Path) -> None:
    with server(by_name) as seen:
        _, again = asked(f"{seen.url}#half", f"{seen.url}#half")
    assert questions(seen, "half") == len(ROWS)
    one = again.evaluation.suites[WAY]["exact_match"]
    assert (one.base, one.tuned, one.difference, one.p) == (0.5, 0.5, 0.0, 1.0)
    assert one.interval is not None and one.interval[0] <= 0 <= one.interval[1]


def test_a_second_command_asks_only_the_new_model(here: Path) -> None:
    with server(by_name) as seen:
        asked(f"{seen.url}#half")
        asked(f"{seen.url}#half", f"{seen.url}#good")
        assert (questions(seen, "half"), questions(seen, "good")) == (len(ROWS), len(ROWS))
        asked(f"{seen.url}#half", suites=(SUITE.replace("max_new_tokens=4", "max_new_tokens=5"),))
        assert questions(seen, "half") == 2 * len(ROWS)


def test_what_a_server_cannot_do_is_said_and_the_rest_is_measured(here: Path) -> None:
    seen_events: list[Event] = []
    with server(by_name) as seen:
        (one,) = asked(f"{seen.url}#good", suites=(SUITE, "general:parts=text"), emit=seen_events.append)
        with pytest.raises(UserError, match=r"nothing could be measured: .* gives no log-probabilities"):
            asked(f"{seen.url}#good", suites=("bias",))
    assert one.evaluation.suites[WAY]["exact_match"].base == 1.0
    assert "no log-probabilities" in one.evaluation.unmeasured["general_text"]
    assert any(isinstance(event, Note) and "general_text is not measured" in event.text for event in seen_events)


@pytest.mark.parametrize(
    ("said", "sentence", "do"),
    [
        (failure(500, "out of memory"), "the server gives no answer: 500 out of memory.", "again later"),
        (failure(401, "who are you"), "the server refuses the request: 401 who are you.", "TUNEWRIGHT_API_KEY"),
        (failure(404, "no model good"), "the server refuses the request: 404 no model good.", "name of the model"),
        (Say(b"<html>nginx</html>", 404, kind="text/html"), "404 <html>nginx</html>", "usually ends in /v1"),
        (Say(b"<html>welcome</html>", kind="text/html"), "its answer is not JSON", "again later"),
        (Say(b'{"hello": "world"}'), "no choices", "again later"),
        (Say(b"\x00\xff\xfe" * 99), "its answer is not JSON", "again later"),
        (Say(drop="before"), "the connection was lost", "again later"),
    ],
)
@pytest.mark.usefixtures("hasty")
def test_a_server_that_is_none_is_one_sentence(here: Path, said: Say, sentence: str, do: str) -> None:
    with server(lambda _body, _number: said) as seen, pytest.raises(OutsideError) as caught:
        asked(f"{seen.url}#good")
    one_sentence(caught.value, exit_code=3)
    assert sentence in str(caught.value)
    assert do in caught.value.problems[0].do
    assert caught.value.problems[0].where == f"{seen.url}/chat/completions"
    assert not list((here / "home").rglob("evaluation.json"))


@pytest.mark.usefixtures("hasty")
def test_a_server_that_is_down_is_one_sentence_and_works_once_it_is_up(here: Path) -> None:
    with server(by_name) as seen:
        url = seen.url
    with pytest.raises(OutsideError, match=r"cannot be reached .*refused") as caught:
        asked(f"{url}#good")
    one_sentence(caught.value, exit_code=3)
    assert caught.value.retry == "safe"
    with server(by_name) as seen:
        assert asked(f"{seen.url}#good")[0].evaluation.suites[WAY]["exact_match"].base == 1.0


@pytest.mark.usefixtures("hasty")
def test_what_was_answered_before_a_server_failed_is_kept(here: Path) -> None:
    """The second target fails: the first is not asked again."""

    def script(body: dict[str, Any], number: int) -> Say:
        return failure(500) if body["model"] == "bad" else by_name(body, number)

    with server(script) as seen, pytest.raises(OutsideError):
        asked(f"{seen.url}#good", f"{seen.url}#bad")
    before = questions(seen, "good")
    with server(script) as later:
        asked(f"{later.url}#good")
    assert (before, questions(later, "good")) == (len(ROWS), len(ROWS)), "another port is another server"


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("http://host/v1#m", "url"),
        ("https://host#m", "url"),
        ("HTTP://host/v1#m", "url"),
        ("recipe.yaml", "recipe"),
        ("absent.yml", "recipe"),
        (".", "recipe"),
        ("builtin:smollm2-135m-instruct", "model"),
        ("someone/model", "model"),
        ("runs/abc", "model"),
        ("home/runs/abc", "run"),
        ("home/models/abc", "run"),
        ("home/runs", "model"),
        ("", "recipe"),
        ("a\0b", "model"),
        ("x" * 5000, "model"),
    ],
)
def test_kinds(here: Path, target: str, kind: str) -> None:
    (here / "recipe.yaml").write_text("name: a\n")
    for folder in ("runs/abc", "home/runs/abc", "home/models/abc", "home/index"):
        (here / folder).mkdir(parents=True)
    if target:
        assert kind_of(target) == kind


def strange_things(folder: Path) -> None:
    """Files and folders that are no targets."""
    (folder / "empty").mkdir()
    (folder / "bare").mkdir()
    (folder / "bare" / "config.json").write_text("{}")
    (folder / "broken").mkdir()
    (folder / "broken" / "config.json").write_text("{not json")
    (folder / "broken" / "model.safetensors").write_bytes(b"\x00" * 9)
    (folder / "notes.txt").write_text("x")
    (folder / "fake.gguf").write_bytes(b"x" * 99)
    (folder / "list.yaml").write_text("- a\n")
    (folder / "ws" / "index").mkdir(parents=True)
    (folder / "ws" / "runs" / "0123456789ab").mkdir(parents=True)


BAD = [
    ("", "this target is empty."),
    ("  ", "this target is empty."),
    (".", 'the folder "." is no model: there is no config.json in it.'),
    ("empty", 'the folder "empty" is no model: there is no config.json in it.'),
    ("bare", 'the folder "bare" is no model: there is no .safetensors file in it.'),
    ("broken", "config.json"),
    ("notes.txt", '"notes.txt" is no model: a model is a folder or a .gguf file.'),
    ("fake.gguf", '"fake.gguf" is not a GGUF file.'),
    ("no/such/folder", 'there is no model at "no/such/folder".'),
    ("nothing", 'there is no model at "nothing".'),
    ("x" * 5000, "there is no model at"),
    ("a\0b", "there is no model at"),
    ("absent.yaml", "there is no such recipe."),
    ("list.yaml", "a recipe is a mapping of keys."),
    ("ws/runs/0123456789ab", "this is no recipe, run or model of ours."),
    ("builtin:nothing", 'no built-in model is called "nothing".'),
    ("ftp://host/v1#m", "there is no model at"),
    ("http://", "this is no address of a server."),
    ("http:///v1#m", "this is no address of a server."),
    ("http://host:99999999/v1#m", "this is no address of a server."),
    ("http://127.0.0.1:9/v1", "the address does not say which model is meant."),
    ("http://127.0.0.1:9/v1#", "the address does not say which model is meant."),
    ("http://127.0.0.1:9/v1# ", "the address does not say which model is meant."),
    ("http://me:word@127.0.0.1:9/v1#m", "an address may hold no password, key or fragment"),
    ("http://me:word@127.0.0.1:9/v1", "an address may hold no password, key or fragment"),
    ("http://127.0.0.1:9/v1?key=word#m", "an address may hold no password, key or fragment"),
]


@pytest.mark.parametrize(("target", "sentence"), BAD)
def test_what_is_no_target_is_one_sentence(here: Path, target: str, sentence: str) -> None:
    strange_things(here)
    with pytest.raises(UserError) as caught:
        asked(target)
    one_sentence(caught.value, exit_code=2)
    assert sentence in str(caught.value)
    assert "word" not in str(caught.value).replace("password", "")


@pytest.mark.parametrize("second", ["", "nothing", "http://127.0.0.1:9/v1", "http:///#m"])
def test_a_wrong_second_target_is_refused_before_the_first_is_asked(here: Path, second: str) -> None:
    with server(by_name) as seen, pytest.raises(UserError):
        asked(f"{seen.url}#good", second)
    assert seen.asked == []


@pytest.mark.parametrize(
    ("suites", "sentence"),
    [
        ((), "nothing says what to measure: this target has no recipe."),
        (("genral",), 'no suite is called "genral". Did you mean "general"?'),
        (("",), 'no suite is called "".'),
        (("file:path",), '"path" is no key and value.'),
        (("file:pth=x",), 'there is no key "pth" here. Did you mean "path"?'),
        (("file:max_rows=0", SUITE), "max_rows: input should be greater than or equal to 1."),
        (("general:parts=text+words",), "parts.1: input should be 'text', 'dialogue', 'kl' or 'tasks'."),
        ((SUITE, SUITE), 'two suites have results called "file_test".'),
        (("file:path=a/test.jsonl", SUITE), 'two suites have results called "file_test".'),
        (("file:path=absent.jsonl",), 'no file is called "absent.jsonl" here.'),
        (("file:path=.",), '"." is a folder without a text file (.txt, .md).'),
        (("file:path=empty.jsonl",), "empty.jsonl holds no rows."),
        (("file:path=broken.jsonl",), "no row of broken.jsonl can be measured."),
        (("file:path=strange.jsonl",), "shape"),
        (("file:path=letters.jsonl",), "the rows of letters.jsonl are plain text"),
        (("heldout",), "this suite measures rows of a dataset, and there is none; give a recipe or a run"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(here: Path, suites: tuple[str, ...], sentence: str) -> None:
    (here / "a").mkdir()
    lines(here / "a" / "test.jsonl", ROWS)
    (here / "empty.jsonl").write_text("")
    (here / "broken.jsonl").write_text('{"prompt": "a"\n{"prompt": "b", "completion": ""}\n')
    lines(here / "strange.jsonl", [{"x": 1, "y": 2}])
    lines(here / "letters.jsonl", [{"text": "only text"}])
    with server(by_name) as seen, pytest.raises(UserError) as caught:
        asked(f"{seen.url}#good", suites=suites)
    one_sentence(caught.value, exit_code=2)
    assert sentence in str(caught.value)
    assert seen.asked == []


def test_one_row_and_all_ties_have_honest_intervals(here: Path) -> None:
    lines(here / "one.jsonl", ROWS[:1])
    with server(by_name) as seen:
        _, one = asked(f"{seen.url}#good", f"{seen.url}#bad", suites=("file:path=one.jsonl",))
        _, ties = asked(f"{seen.url}#bad", f"{seen.url}#worse")
    single = one.evaluation.suites["file_one"]["exact_match"]
    assert (single.n, single.base, single.tuned, single.p) == (1, 1.0, 0.0, 1.0)
    assert single.tuned_interval == (0.0, pytest.approx(0.975))
    tied = ties.evaluation.suites[WAY]["exact_match"]
    assert (tied.base, tied.tuned, tied.difference, tied.p) == (0.0, 0.0, 0.0, 1.0)
    assert tied.interval is not None and tied.interval[0] < 0 < tied.interval[1]


def test_a_row_of_a_megabyte_is_set_aside_or_sent_whole(here: Path) -> None:
    big = [{"prompt": "é" * 1_000_000, "completion": "right"}]
    lines(here / "big.jsonl", big + ROWS)
    lines(here / "only.jsonl", big)
    notes: list[str] = []
    script = lambda body, _number: answer("right" if len(body["messages"][-1]["content"]) > 99 else "no")  # noqa: E731
    with server(script) as seen:
        (found,) = asked(
            f"{seen.url}#good", suites=("file:path=big.jsonl",), emit=lambda event: notes.append(str(event))
        )
        with pytest.raises(UserError, match=r"no row of only\.jsonl can be measured.*prompt_too_long"):
            asked(f"{seen.url}#good", suites=("file:path=only.jsonl",))
        (whole,) = asked(f"{seen.url}#good", suites=("file:path=only.jsonl,max_tokens=1000000",))
    assert found.evaluation.suites["file_big"]["exact_match"].n == len(ROWS)
    assert whole.evaluation.suites["file_only"]["exact_match"].base == 1.0
    assert max(len(body["messages"][-1]["content"]) for body in seen.asked) == 1_000_000


def test_connections_are_closed_at_the_end(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    close = targets.RemoteModel.close
    monkeypatch.setattr(targets.RemoteModel, "close", lambda self: (closed.append(self.name), close(self)))
    with server(by_name) as seen:
        asked(f"{seen.url}#good", f"{seen.url}#bad")
    assert closed == ["good", "bad"]


def test_the_key_of_the_environment_is_sent_and_never_stored(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "TUNEWRIGHT_API_KEY", "sk-planted-0123456789")
    with server(by_name) as seen:
        asked(f"{seen.url}#good")
    assert {head["authorization"] for head in seen.headers} == {"Bearer sk-planted-0123456789"}
    kept = [file for file in (here / "home").rglob("*") if file.is_file()]
    assert kept
    assert not any(b"sk-planted" in file.read_bytes() for file in kept)
