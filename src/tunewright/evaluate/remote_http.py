"""One OpenAI-compatible server over HTTP: requests that are tried again, and failures in one clear sentence.

The key goes into one header, and is taken out of every message.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from tunewright.core.errors import OutsideError, UserError

LONGEST_WAIT_S = 60.0
"""A server that asks for a longer pause is given up."""
LARGEST_BYTES = 64 << 20
SHOWN = 200
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same request may succeed."""
DO = {
    401: "Set TUNEWRIGHT_API_KEY to a key that this server knows.",
    403: "The key in TUNEWRIGHT_API_KEY may not do this; ask who runs the server.",
    404: "Check the address, which usually ends in /v1, and the name of the model.",
}
HERE = ("localhost", "127.0.0.1", "::1")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Span:
    """When a try began, and when it must have ended, in seconds of the monotonic clock."""

    began_s: float
    until_s: float

    def check(self) -> None:
        """Raises TimeoutError when the time is over."""
        if time.monotonic() > self.until_s:
            raise TimeoutError

    def passed_s(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began_s


class Faulty(Exception):
    """What a server sent is no answer; the sentence says why. The same request is tried again."""


Read = Callable[[httpx.Response, Span], ResultT]
"""What makes an answer of an open response, within its time."""


class _Again(Exception):
    """A try failed in a way that may pass; `wait_s` is the pause that the server asked for, if it did."""

    def __init__(self, what: str, wait_s: float | None = None) -> None:
        super().__init__(what)
        self.what, self.wait_s = what, wait_s


class Server:
    """Posts JSON to one address.

    `timeout_s` bounds a whole try. A try that fails with 429, a server error, a lost connection or a broken answer is
    repeated up to `retries` times, after `wait_s`, twice that, and so on, or after what `Retry-After` says.
    `adapted` are the settings that the server refused: a question goes without them, or under their newer names.
    """

    def __init__(self, url: str, *, key: str | None, timeout_s: float, retries: int) -> None:
        """Opens nothing yet. Raises UserError for an address that cannot be one."""
        self.url = completions_url(url)
        self.timeout_s, self.retries, self.wait_s = timeout_s, retries, 0.5
        self.tries = 0
        self.adapted: set[str] = set()
        self._key = checked_key(key or "")
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=timeout_s,
            trust_env=httpx.URL(self.url).host not in HERE,
        )

    def post(self, body: dict[str, Any], read: Read[ResultT]) -> ResultT:
        """What `read` makes of the answer.

        Raises OutsideError: `retry` is "safe" where the same question may be answered later.
        """
        failure = _Again("it did not answer")
        for number in range(self.retries + 1):
            try:
                return self._once(body, read)
            except _Again as again:
                failure = again
                wait_s = self.wait_s * 2**number if again.wait_s is None else again.wait_s
                if wait_s > LONGEST_WAIT_S or number == self.retries or self._closed.wait(wait_s):
                    break
        what = f"the server gives no answer: {failure.what}."
        raise OutsideError(self._safe(what), where=self.url, do="Run the same command again later.", retry="safe")

    def close(self) -> None:
        """Close all connections; what is under way fails soon and is not tried again."""
        self._closed.set()
        self._client.close()

    def _once(self, body: dict[str, Any], read: Read[ResultT]) -> ResultT:
        """One try; a connection that was closed before the first byte costs one more, at once."""
        try:
            return self._try(body, read)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            return self._try_again(body, read)

    def _try_again(self, body: dict[str, Any], read: Read[ResultT]) -> ResultT:
        try:
            return self._try(body, read)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
            raise _Again("the connection was lost") from error

    def _try(self, body: dict[str, Any], read: Read[ResultT]) -> ResultT:
        if self._closed.is_set():
            raise _Again("its connections were closed")
        with self._lock:
            self.tries += 1
        now_s = time.monotonic()
        span = Span(now_s, now_s + self.timeout_s)
        content = json.dumps(adapt(body, self.adapted)).encode()
        try:
            with self._client.stream("POST", self.url, content=content, headers=JSON) as response:
                self._check(response, span)
                return read(response, span)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise _Again(f"nothing within {self.timeout_s:g} s") from error
        except (httpx.ConnectError, httpx.ProxyError) as error:
            raise _Again(f"it cannot be reached ({str(error)[:SHOWN]})") from error
        except Faulty as error:
            raise _Again(str(error)) from error
        except httpx.DecodingError as error:
            raise _Again("its answer is compressed in a way that cannot be read") from error

    def _check(self, response: httpx.Response, span: Span) -> None:
        """Raise for every status but 200, with what the server says about it."""
        status = response.status_code
        if status == 200:
            return
        error = _error(whole(response, span))
        said = f"{status} {error.get('message', '')}".strip()
        if status in AGAIN:
            raise _Again(said[:SHOWN], _pause(response))
        if status == 400 and self._adapts(error):
            raise _Again(said[:SHOWN], 0.0)
        what = f"the server refuses the request: {said}"[: SHOWN + 40].rstrip(".") + "."
        do = DO.get(status, "Mend what it says, or ask another server.")
        raise OutsideError(self._safe(what), where=self.url, do=do, retry="useless")

    def _adapts(self, error: dict[str, Any]) -> bool:
        """True when the refusal is about one setting of ours that we can do without, for the first time."""
        name = error.get("param")
        with self._lock:
            new = name in ("max_tokens", "temperature", "top_p", "seed", "stream_options") and name not in self.adapted
            if new:
                self.adapted.add(str(name))
        return new

    def _safe(self, text: str) -> str:
        """One line without the key."""
        line = " ".join(text.split())
        return line.replace(self._key, "***") if self._key else line


def checked_key(key: str) -> str:
    """The key itself. Raises UserError for one that no HTTP header can hold; it is not shown."""
    if not (key.isascii() and key.isprintable()):
        raise UserError(
            "the key of the server holds characters that no key has.",
            where="TUNEWRIGHT_API_KEY",
            do="Set it again, without line ends.",
        )
    return key


JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


def completions_url(url: str) -> str:
    """The address of chat completions of a server: `http://host`, `http://host/v1` or the whole address.

    Raises UserError for what is no such address, or carries a password, a key or a fragment.
    """
    try:
        parts = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise _no_address(url) from error
    if parts.scheme not in ("http", "https") or not parts.host or (parts.port or 0) > 65535:
        raise _no_address(url)
    if parts.userinfo or parts.query or parts.fragment:
        raise UserError(
            "an address may hold no password, key or fragment; it would be stored.",
            where=f"{parts.scheme}://{parts.host}",
            do="Put the key into the environment variable TUNEWRIGHT_API_KEY.",
        )
    path = parts.path.rstrip("/")
    if not path.endswith("/chat/completions"):
        path = f"{path or '/v1'}/chat/completions"
    return str(parts.copy_with(path=path))


def _no_address(url: str) -> UserError:
    return UserError(
        "this is no address of a server.", where=url[:SHOWN], do="Write it like this: http://127.0.0.1:8080/v1"
    )


def adapt(body: dict[str, Any], refused: set[str]) -> dict[str, Any]:
    """A question without settings that the server refused; `max_tokens` has a newer name."""
    kept = {name: value for name, value in body.items() if name not in refused}
    if "max_tokens" in refused and "max_tokens" in body:
        kept["max_completion_tokens"] = body["max_tokens"]
    return kept


def whole(response: httpx.Response, span: Span) -> bytes:
    """The body. Raises TimeoutError past its time, and Faulty past 64 MiB."""
    parts: list[bytes] = []
    size = 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > LARGEST_BYTES:
            raise Faulty("its answer has no end")
        span.check()
    return b"".join(parts)


def lines(response: httpx.Response, span: Span) -> Iterator[str]:
    """The lines of a stream. Raises TimeoutError past its time."""
    for line in response.iter_lines():
        yield line
        span.check()


def parsed(content: bytes | str) -> Any:
    """A JSON value. Raises Faulty for anything else, NaN and infinities included."""
    try:
        return json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, _NoNumber) else "its answer is not JSON"
        raise Faulty(why) from error


class _NoNumber(ValueError):
    """NaN or an infinity where JSON was promised."""


def _no_number(name: str) -> float:
    raise _NoNumber(f"its answer holds {name}, which is not JSON")


def _error(content: bytes) -> dict[str, Any]:
    """The error object of a body; its message is the text where there is none."""
    with suppress(Faulty):
        value = parsed(content)
        error = value.get("error", value) if isinstance(value, dict) else value
        if isinstance(error, dict):
            return error
        return {"message": str(error)}
    return {"message": content[:SHOWN].decode("utf-8", "replace")}


def _pause(response: httpx.Response) -> float | None:
    """Seconds that the server asks us to wait, where it says so in seconds."""
    try:
        return max(0.0, float(response.headers.get("retry-after", "")))
    except ValueError:
        return None
