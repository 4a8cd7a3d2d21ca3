"""OpenAI's chat completions as JSON: what a question looks like, and how an answer is read, whole or as a stream."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import httpx

from tunewright.core.language_model import GREEDY, Sampling
from tunewright.core.ports import Message
from tunewright.evaluate.remote_http import Faulty, Span, lines, parsed, whole
from tunewright.evaluate.suite import Talk

FINISH = {"length": "length", "content_filter": "error"}


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
