"""A model behind an OpenAI-compatible server: what is sent, what comes back, and every way in which that goes wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from tests.evaluate.judging.scripted import Say, answer, failure, server, stream
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.language_model import Sampling
from tunewright.evaluate.completions import Usage
from tunewright.evaluate.remote import RemoteModel, key_from
from tunewright.evaluate.remote_http import completions_url
from tunewright.evaluate.suite import NotMeasured, Talk

SECRET = "sk-planted-0123456789"


def talk(text: str = "Hello?") -> Talk:
    return Talk(({"role": "system", "content": "Be short."}, {"role": "user", "content": text}))


def remote(url: str, **settings) -> RemoteModel:
    model = RemoteModel(url, "some-model", **{"timeout_s": 5.0, **settings})
    model.server.wait_s = 0.01
    return model


def test_answers_come_in_order_and_the_request_is_openais() -> None:
    def script(body, _number):
        text = body["messages"][-1]["content"]
        time.sleep(0.05 if text == "0" else 0)
        return answer(f"answer {text}")

    with server(script) as seen, remote(seen.url, key=SECRET) as model:
        written = model.write([talk(str(number)) for number in range(9)], max_new_tokens=7)
    assert [one.text for one in written] == [f"answer {number}" for number in range(9)]
    assert [one.finish for one in written] == ["stop"] * 9
    first = next(body for body in seen.asked if body["messages"][-1]["content"] == "0")
    assert first == {
        "model": "some-model",
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "0"}],
        "max_tokens": 7,
        "temperature": 0.0,
    }
    assert {head["authorization"] for head in seen.headers} == {f"Bearer {SECRET}"}
    assert model.usage == Usage(answers=9, prompt_tokens=90, completion_tokens=18)
    assert model.requests == 9


def test_at_most_so_many_questions_are_under_way_at_once() -> None:
    now, most = [0], [0]

    def script(_body, _number):
        now[0] += 1
        most[0] = max(most[0], now[0])
        time.sleep(0.03)
        now[0] -= 1
        return answer("yes")

    with server(script) as seen, remote(seen.url, parallel=3) as model:
        model.write([talk()] * 15, max_new_tokens=1)
    assert most[0] == 3


def test_settings_of_sampling_tools_and_calls_are_sent_as_the_api_has_them() -> None:
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
    call = {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
    turns = (
        {"role": "user", "content": "1?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "2", "tool_call_id": "call_0"},
    )
    sampling = Sampling(temperature=0.5, top_p=0.9, top_k=3, repetition_penalty=1.1, seed=(1 << 64) - 1)
    with server(lambda _body, _number: answer("2")) as seen, remote(seen.url, parallel=1) as model:
        model.write([Talk(turns, (tool,)), Talk(turns)], max_new_tokens=1, sampling=sampling)
    body = seen.asked[0]
    assert body["tools"] == [tool]
    assert body["messages"][1]["tool_calls"] == [
        {"id": "call_0", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    ]
    assert (body["temperature"], body["top_p"], body["top_k"], body["repetition_penalty"]) == (0.5, 0.9, 3, 1.1)
    assert body["seed"] == (1 << 63) - 1
    assert seen.asked[1]["seed"] == 0


@pytest.mark.parametrize(
    ("faults", "what"),
    [
        ([failure(429, "slow down", **{"Retry-After": "0"})], "a limit of requests"),
        ([failure(500), failure(503)], "server errors"),
        ([Say(b'{"choices": [{"message": {"content": "cut o')], "truncated JSON"),
        ([Say(b'{"choices": [{"message": {"content": "x"}}], "usage": NaN}')], "NaN"),
        ([Say(b"\xff\xfe garbage")], "bytes that are no text"),
        ([Say(json.dumps({"choices": []}).encode())], "no choices"),
        ([answer("x", tokens=None), failure(500)][1:], "one error"),
        ([Say(drop="before")], "a kept connection that is closed"),
        ([Say(drop="before"), Say(drop="before")], "a connection closed twice"),
        ([Say(b"0123456789" * 100, drop="within")], "half a body"),
        ([answer("late")], "an answer in time"),
    ],
)
def test_a_fault_that_passes_costs_tries_and_no_answer(faults: list[Say], what: str) -> None:
    def script(_body, number):
        return faults[number] if number < len(faults) else answer("late")

    with server(script) as seen, remote(seen.url) as model:
        reply = model.ask(talk(), max_new_tokens=3)
    assert reply.text == "late", what
    assert model.requests == len(seen.asked)


def test_a_server_that_hangs_is_asked_again() -> None:
    def script(_body, number):
        return Say(pause_s=1.0) if number == 0 else answer("here")

    with server(script) as seen, remote(seen.url, timeout_s=0.2) as model:
        assert model.ask(talk(), max_new_tokens=3).text == "here"
        assert len(seen.asked) == 2


@pytest.mark.parametrize(
    ("said", "sentence", "retry"),
    [
        (failure(401, f"Incorrect API key: {SECRET}"), "401 Incorrect API key: ***", "useless"),
        (failure(404, "no such model"), "404 no such model", "useless"),
        (failure(400, "too long"), "400 too long", "useless"),
        (failure(500, "out of memory"), "500 out of memory", "safe"),
        (Say(b"<html>hello</html>", kind="text/html"), "not JSON", "safe"),
        (Say(b'{"choices": []}'), "no choices", "safe"),
        (Say(b"[]"), "no choices", "safe"),
        (Say(b"null"), "no choices", "safe"),
        (Say(b'{"error": {"message": "overloaded"}}'), "it reports: overloaded", "safe"),
        (Say(b'{"choices": [{"message": "x"}]}'), "no message", "safe"),
        (Say(b'{"choices": [{"message": {"content": 3}}]}'), "is a int", "safe"),
        (Say(b'{"choices": [{"message": {"content": Infinity}}]}'), "Infinity", "safe"),
        (Say(b"[" * 100_000), "not JSON", "safe"),
        (failure(429, "come back tomorrow", **{"Retry-After": "86400"}), "429 come back tomorrow", "safe"),
        (Say(b"", 302, headers={"Location": "http://127.0.0.1:1/"}), "302", "useless"),
    ],
)
def test_a_fault_that_stays_is_one_sentence_without_the_key(said: Say, sentence: str, retry: str) -> None:
    with server(lambda _body, _number: said) as seen, remote(seen.url, key=SECRET, retries=1) as model:
        with pytest.raises(OutsideError) as caught:
            model.write([talk()], max_new_tokens=3)
        assert sentence in str(caught.value)
        assert "\n" not in str(caught.value)
        assert SECRET not in str(caught.value) + repr(vars(caught.value))
        assert caught.value.retry == retry
        assert caught.value.problems[0].do
        assert len(seen.asked) == (1 if retry == "useless" or "tomorrow" in sentence else 2)


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    with server(lambda _body, _number: answer("x")) as seen:
        url = seen.url
    with remote(url, retries=1) as model, pytest.raises(OutsideError, match=r"cannot be reached .*refused"):
        model.ask(talk(), max_new_tokens=3)


@pytest.mark.parametrize("name", ["max_tokens", "temperature"])
def test_a_setting_that_a_server_refuses_is_left_out_from_then_on(name: str) -> None:
    def script(body, _number):
        return failure(400, f"Unsupported parameter: {name}", param=name) if name in body else answer("fine")

    with server(script) as seen, remote(seen.url, parallel=1) as model:
        written = model.write([talk(), talk()], max_new_tokens=11)
    assert [one.text for one in written] == ["fine", "fine"]
    assert len(seen.asked) == 3
    assert name != "max_tokens" or seen.asked[-1]["max_completion_tokens"] == 11


def test_strange_parts_of_an_answer_are_taken_for_what_they_are() -> None:
    said = [answer([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]), answer(None), answer("\ud800!")]
    said += [answer("x", finish="length", tokens=(-1, 2)), answer("x", finish="content_filter", tokens=(float(1), 2))]
    with server(lambda _body, number: said[number]) as seen, remote(seen.url, parallel=1) as model:
        written = model.write([talk()] * len(said), max_new_tokens=1)
    assert [one.text for one in written] == ["ab", "", "?!", "x", "x"]
    assert [one.finish for one in written] == ["stop", "stop", "stop", "length", "error"]
    assert model.usage.uncounted == 2


def test_answers_alone_are_streamed_with_their_times() -> None:
    with server(lambda _body, _number: stream("Hel", "lo", " you")) as seen, remote(seen.url) as model:
        (written,) = model.write_alone([talk()], max_new_tokens=5)
    assert written.text == "Hello you"
    assert seen.asked[0]["stream"] is True
    assert written.seconds is not None and written.first_token_s is not None
    assert 0 < written.first_token_s <= written.seconds < 5
    assert (model.usage.prompt_tokens, model.usage.completion_tokens) == (7, 3)


def test_a_stream_that_breaks_off_is_asked_again_and_one_that_is_no_stream_is_read() -> None:
    said = [stream("Hel", finish=None), stream("Hello"), answer("whole")]
    with server(lambda _body, number: said[number]) as seen, remote(seen.url) as model:
        first, second = model.write_alone([talk(), talk()], max_new_tokens=5)
    assert (first.text, second.text) == ("Hello", "whole")
    assert second.first_token_s is None and second.seconds is not None
    assert len(seen.asked) == 3


def test_a_million_letters_go_there_and_back() -> None:
    with server(lambda body, _number: answer(body["messages"][-1]["content"])) as seen, remote(seen.url) as model:
        assert model.ask(talk("é" * 1_000_000), max_new_tokens=5).text == "é" * 1_000_000


def test_the_first_failure_ends_a_batch() -> None:
    with server(lambda _body, _number: failure(401)) as seen, remote(seen.url, parallel=2) as model:
        with pytest.raises(OutsideError):
            model.write([talk()] * 100, max_new_tokens=5)
        assert len(seen.asked) < 20


def test_a_bug_of_the_work_is_raised_where_it_was_asked_for() -> None:
    with RemoteModel("http://127.0.0.1:1", "far") as model:
        assert model.each(lambda place: place * place, range(5)) == [0, 1, 4, 9, 16]
        assert model.each(lambda place: place, []) == []
        with pytest.raises(ZeroDivisionError):
            model.each(lambda place: 1 // (place - 3), range(50))


INTERRUPTED = """
import sys
from tunewright.evaluate.remote import RemoteModel
from tunewright.evaluate.suite import Talk
with RemoteModel(sys.argv[1], "m") as model:
    model.write([Talk(({"role": "user", "content": "?"},))] * 9, max_new_tokens=1)
"""


def test_ctrl_c_does_not_wait_for_answers_under_way() -> None:
    with server(lambda _body, _number: Say(pause_s=30.0)) as seen:
        process = subprocess.Popen([sys.executable, "-c", INTERRUPTED, seen.url], stderr=subprocess.PIPE)
        while len(seen.asked) < 4:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        began_s = time.monotonic()
        _, told = process.communicate(timeout=25)
        assert time.monotonic() - began_s < 20
        assert b"KeyboardInterrupt" in told
        assert process.returncode == -signal.SIGINT
        assert len(seen.asked) == 4


def test_a_server_gives_no_scores() -> None:
    with RemoteModel("http://127.0.0.1:1", "far") as model, pytest.raises(NotMeasured, match="far gives no log-prob"):
        model.score([])


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://host", "http://host/v1/chat/completions"),
        ("http://host:80/v1/", "http://host/v1/chat/completions"),
        ("https://host/a/v2", "https://host/a/v2/chat/completions"),
        ("http://[::1]:8/v1/chat/completions", "http://[::1]:8/v1/chat/completions"),
    ],
)
def test_an_address_is_completed(given: str, meant: str) -> None:
    assert completions_url(given) == meant


@pytest.mark.parametrize("given", ["", "host", "ftp://host", "http://", "http://host:99999999", "file:///etc/passwd"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(UserError, match="no address"):
        completions_url(given)


@pytest.mark.parametrize("given", ["http://me:word@host/v1", "http://host/v1?key=word", "http://host/v1#word"])
def test_an_address_with_a_secret_is_refused_without_showing_it(given: str) -> None:
    with pytest.raises(UserError) as caught:
        RemoteModel(given, "m")
    assert "TUNEWRIGHT_API_KEY" in str(caught.value)
    assert "word@" not in str(caught.value) and "key=word" not in str(caught.value)


def test_the_key_comes_from_the_environment() -> None:
    assert key_from({"OPENAI_API_KEY": "b", "TUNEWRIGHT_API_KEY": " a\n"}) == "a"
    assert key_from({"OPENAI_API_KEY": "b", "TUNEWRIGHT_API_KEY": " "}) == "b"
    assert key_from({}) is None
    with pytest.raises(UserError) as caught:
        RemoteModel("http://127.0.0.1:1", "m", key="naïve\nkey")
    assert "naïve" not in str(caught.value)
