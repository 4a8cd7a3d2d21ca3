"""A model behind an OpenAI-compatible server: it writes answers over HTTP, and gives no scores of given texts.

Used for targets that are an address, and for judges. The key comes from the environment and is stored nowhere.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import httpx

from tunewright.core.language_model import GREEDY, Sampling, Scored, ScoreItem
from tunewright.core.ports import Chat, Message
from tunewright.evaluate.remote_http import Faulty, Server, Span, lines, parsed, whole
from tunewright.evaluate.respondents import Watch
from tunewright.evaluate.suite import NotMeasured, Talk, Written

KEY_VARIABLES = ("TUNEWRIGHT_API_KEY", "OPENAI_API_KEY")
"""Where a key is looked for, in this order."""
FINISH = {"length": "length", "content_filter": "error"}
ResultT = TypeVar("ResultT")


def key_from(environment: Mapping[str, str]) -> str | None:
    """The key of a server: TUNEWRIGHT_API_KEY, else OPENAI_API_KEY, else None."""
    return next((environment[name].strip() for name in KEY_VARIABLES if environment.get(name, "").strip()), None)


@dataclass(frozen=True)
class Usage:
    """Answers that a server gave, and their tokens as it counts them; `uncounted` answers came without a count."""

    answers: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncounted: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(
            self.answers + other.answers,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.uncounted + other.uncounted,
        )


@dataclass(frozen=True)
class Reply:
    """One answer: its text, why it ended (`stop`, `length`, `error`), its usage, and its times where streamed."""

    text: str
    finish: str
    usage: Usage
    seconds: float | None = None
    first_token_s: float | None = None


class RemoteModel:
    """A respondent behind `url`, asked at most `parallel` questions at a time; close it after use.

    `timeout_s` bounds one whole try; a try that fails in a way that may pass is repeated up to `retries` times.
    """

    chat: Chat | None = None
    forward = "remote"
    watch: Watch | None = None

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None = None,
        timeout_s: float = 120.0,
        retries: int = 4,
        parallel: int = 4,
    ) -> None:
        """Opens nothing yet. Raises UserError for an address that cannot be one."""
        self.server = Server(url, key=key, timeout_s=timeout_s, retries=retries)
        self.name = model
        self.identity = f"{self.server.url}#{model}"
        self.parallel = parallel
        self._lock = threading.Lock()
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        """The answers that were given so far."""
        with self._lock:
            return self._usage

    @property
    def requests(self) -> int:
        """Requests that were sent so far, repeated tries among them."""
        return self.server.tries

    def write(self, talks: Sequence[Talk], *, max_new_tokens: int, sampling: Sampling = GREEDY) -> list[Written]:
        """One answer a conversation, in order; a prompt draws with the seed plus its place.

        Raises OutsideError when one answer cannot be had; the others are given up.
        """

        def one(place: int) -> Written:
            own = replace(sampling, seed=(sampling.seed + place) % (1 << 64))
            reply = self.ask(talks[place], max_new_tokens=max_new_tokens, sampling=own)
            return Written(reply.text, reply.finish)

        return self.each(one, range(len(talks)))

    def write_alone(self, talks: Sequence[Talk], *, max_new_tokens: int) -> list[Written]:
        """Greedy answers one at a time, streamed, with the seconds to the first text and to the end."""
        written: list[Written] = []
        for talk in talks:
            reply = self.ask_streamed(talk, max_new_tokens=max_new_tokens)
            written.append(Written(reply.text, reply.finish, seconds=reply.seconds, first_token_s=reply.first_token_s))
        return written

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """Raises NotMeasured: a server gives no log-probabilities of a given text."""
        raise NotMeasured(f"{self.name} gives no log-probabilities of a given text; only its written answers count")

    def ask(self, talk: Talk, *, max_new_tokens: int, sampling: Sampling = GREEDY) -> Reply:
        """One answer. Raises OutsideError with the reason; `retry` is "safe" where it may be had later."""
        body = question(self.name, talk, max_new_tokens=max_new_tokens, sampling=sampling)
        return self._counted(self.server.post(body, read_whole))

    def ask_streamed(self, talk: Talk, *, max_new_tokens: int, sampling: Sampling = GREEDY) -> Reply:
        """The same as a stream, with its times."""
        body = question(self.name, talk, max_new_tokens=max_new_tokens, sampling=sampling)
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        return self._counted(self.server.post(body, read_stream))

    def each(self, work: Callable[[int], ResultT], places: Sequence[int]) -> list[ResultT]:
        """The work for every place, in order, at most `parallel` at a time; the first failure ends it."""
        pool = ThreadPoolExecutor(self.parallel)
        try:
            return list(pool.map(work, places))
        except KeyboardInterrupt:
            self.close()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """Close all connections; what is under way fails soon."""
        self.server.close()

    def __enter__(self) -> RemoteModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _counted(self, reply: Reply) -> Reply:
        with self._lock:
            self._usage += reply.usage
            if self.watch is not None:
                self.watch.add(1)
        return reply


def question(model: str, talk: Talk, *, max_new_tokens: int, sampling: Sampling = GREEDY) -> dict[str, Any]:
    """The body of a request for one chat completion. Settings that are not OpenAI's are sent only where they act."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [message(turn) for turn in talk.messages],
        "max_tokens": max_new_tokens,
        "temperature": sampling.temperature,
    }
    if talk.tools:
        body["tools"] = list(talk.tools)
    if not sampling.greedy:
        body |= {"top_p": sampling.top_p, "seed": sampling.seed % (1 << 63)}
        body |= {"top_k": sampling.top_k} if sampling.top_k else {}
    if sampling.repetition_penalty != 1:
        body["repetition_penalty"] = sampling.repetition_penalty
    return body


def message(turn: Message) -> dict[str, Any]:
    """A turn as the API has it: arguments of calls are JSON text, and every call has an id."""
    found: dict[str, Any] = {"role": turn.get("role", "user"), "content": _spoken(turn.get("content", ""))}
    given: dict[str, Any] = {**turn}
    found |= {name: given[name] for name in ("name", "tool_call_id") if name in given}
    if calls := turn.get("tool_calls"):
        found["tool_calls"] = [_call(call, number) for number, call in enumerate(calls)]
    return found


def _call(call: dict[str, Any], number: int) -> dict[str, Any]:
    function = call["function"]
    written = {"name": function["name"], "arguments": json.dumps(function["arguments"])}
    return {"id": call.get("id", f"call_{number}"), "type": "function", "function": written}


def read_whole(response: httpx.Response, span: Span) -> Reply:
    """The answer in one body. Raises Faulty where it is none."""
    value = parsed(whole(response, span))
    choice = _choice(value)
    said = choice.get("message")
    if not isinstance(said, dict):
        raise Faulty("its answer has no message")
    return Reply(_text(said.get("content")), _finish(choice), _usage(value.get("usage")))


def read_stream(response: httpx.Response, span: Span) -> Reply:
    """The answer as server-sent events; a server that sends one body instead gives no time to the first text.

    Raises Faulty where it is no answer, or ends before its end.
    """
    if "text/event-stream" not in response.headers.get("content-type", ""):
        return replace(read_whole(response, span), seconds=span.passed_s())
    text, finish, first_s = "", "", None
    usage: Any = None
    for line in lines(response, span):
        if not line.startswith("data:") or line[5:].strip() == "[DONE]":
            continue
        value = parsed(line[5:])
        usage = value.get("usage") or usage if isinstance(value, dict) else usage
        if not isinstance(value, dict) or value.get("choices") == []:
            continue
        choice = _choice(value)
        text += _text((choice.get("delta") or {}).get("content"))
        finish = _finish(choice) if choice.get("finish_reason") else finish
        first_s = span.passed_s() if text and first_s is None else first_s
    if not finish:
        raise Faulty("its stream broke off")
    return Reply(text, finish, _usage(usage), span.passed_s(), first_s)


def _choice(value: Any) -> dict[str, Any]:
    """The first choice of an answer. Raises Faulty, with the server's own words where it reports an error."""
    if isinstance(value, dict) and value.get("error"):
        error = value["error"]
        raise Faulty(f"it reports: {error.get('message', error) if isinstance(error, dict) else error}"[:200])
    choices = value.get("choices") if isinstance(value, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Faulty("its answer has no choices")
    return choices[0]


def _text(content: Any) -> str:
    """What was said: a text, a list of parts, or nothing. Raises Faulty for anything else."""
    if content is None:
        return ""
    if isinstance(content, str):
        return _spoken(content)
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return _spoken("".join(str(part.get("text", "")) for part in content))
    raise Faulty(f"the text of its answer is a {type(content).__name__}")


def _finish(choice: dict[str, Any]) -> str:
    return FINISH.get(str(choice.get("finish_reason")), "stop")


def _usage(value: Any) -> Usage:
    """Tokens as the server counts them; what is no count is left out."""
    given = value if isinstance(value, dict) else {}
    counts = [given.get(name) for name in ("prompt_tokens", "completion_tokens")]
    if not all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts):
        return Usage(answers=1, uncounted=1)
    return Usage(1, *(int(count or 0) for count in counts))


def _spoken(text: str) -> str:
    """Text that UTF-8 can hold: a lone half of a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode()
