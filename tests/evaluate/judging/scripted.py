"""A real HTTP server in the test's process that speaks OpenAI's chat completions from a script, with planted faults."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Say:
    """What the server does with one request: a status with a body, after a pause; or it drops the connection."""

    body: bytes = b""
    status: int = 200
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    drop: str = "never"
    """`never`, `before` (no byte is sent) or `within` (half of the body is)."""


def answer(text: Any, *, finish: str = "stop", tokens: tuple[Any, Any] | None = (10, 2)) -> Say:
    """A good completion."""
    usage = {} if tokens is None else {"usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return Say(json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], **usage}).encode())


def failure(status: int, message: str = "no", *, param: str | None = None, **headers: str) -> Say:
    """An error in OpenAI's form."""
    error = {"message": message, "type": "t", "param": param, "code": None}
    return Say(json.dumps({"error": error}).encode(), status, headers=headers)


def stream(*pieces: str, finish: str | None = "stop") -> Say:
    """A completion as server-sent events; without `finish` it breaks off."""
    events: list[Any] = [{"choices": [{"index": 0, "delta": {"role": "assistant"}}]}]
    events += [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    if finish:
        events += [{"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}]
        events += [{"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": len(pieces)}}]
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + ("data: [DONE]\n\n" if finish else "")
    return Say(text.encode(), kind="text/event-stream")


@dataclass
class Scripted:
    """A running server: its address, and the requests that it was sent."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def server(script: Callable[[dict[str, Any], int], Say]) -> Iterator[Scripted]:
    """Serve on a free port of this machine; `script` is given a request's body and its number, from 0."""
    seen = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with seen.lock:
                number = len(seen.asked)
                seen.asked.append(body)
                seen.headers.append({name.lower(): value for name, value in self.headers.items()})
            said = script(body, number)
            time.sleep(said.pause_s)
            self.close_connection = said.drop != "never"
            if said.drop != "before":
                self._send(said)

        def _send(self, said: Say) -> None:
            head = {"Content-Type": said.kind, "Content-Length": str(len(said.body)), **said.headers}
            lines = [f"HTTP/1.1 {said.status} x", *(f"{name}: {value}" for name, value in head.items())]
            content = said.body[: len(said.body) // 2] if said.drop == "within" else said.body
            try:
                self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode() + content)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that goes away is no news."""

    running = Quiet(("127.0.0.1", 0), Handler)
    seen.url = f"http://127.0.0.1:{running.server_port}/v1"
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        running.shutdown()
        running.server_close()
