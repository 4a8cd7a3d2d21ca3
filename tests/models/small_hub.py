"""A small hub on loopback, as far as reading a model or a data set needs one: files with Range, tokens, faults."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

COMMIT = "c0ffee" + "0" * 34
NAME = "acme/tiny"
LARGE_BYTES = 20_000


HubT = TypeVar("HubT", bound="Hub")


@dataclass
class Hub:
    """What the hub holds, how it misbehaves, and what it was asked."""

    files: dict[str, bytes]
    token: str | None = None
    gated: bool = False
    cut_after: dict[str, int] = field(default_factory=dict)
    """File to bytes after which the connection is cut, once, and stays away until `status` is None again."""
    altered: dict[str, bytes] = field(default_factory=dict)
    """File to the content that is sent in place of the listed one."""
    status: int | None = None
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and Range header of each request."""
    url: str = ""

    def info(self) -> dict[str, Any]:
        return {"id": NAME, "sha": COMMIT, "siblings": [self.sibling(name) for name in self.files], "private": False}

    def sibling(self, name: str) -> dict[str, Any]:
        content = self.files[name]
        entry: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git_digest(content)}
        if len(content) > LARGE_BYTES:
            entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        return entry

    def gets(self, name: str) -> list[str | None]:
        """The Range header of each download of a file."""
        return [sought for method, path, sought in self.asked if method == "GET" and path.endswith(f"/{name}")]


def git_digest(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Answers as the model hub does; the server it belongs to carries the `hub`."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.answer(body=True)

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def answer(self, *, body: bool) -> None:
        self.hub.asked.append((self.command, self.path, self.headers.get("Range")))
        self.path = self.path.replace("/api/datasets/", "/api/models/").replace("/datasets/", "/")
        if self.hub.status is not None:
            return self.fault(self.hub.status, None)
        if self.hub.gated:
            return self.fault(403, "GatedRepo")
        if self.hub.token is not None and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            return self.fault(401, None)
        if re.fullmatch(rf"/api/models/{NAME}(/revision/(main|{COMMIT}))?(\?.*)?", self.path):
            return self.send(200, json.dumps(self.hub.info()).encode(), {"Content-Type": "application/json"}, body=body)
        if self.path.startswith("/api/") and NAME in self.path:
            return self.fault(404, "RevisionNotFound")
        found = re.fullmatch(rf"/{NAME}/resolve/{COMMIT}/([\w./-]+)", self.path)
        if not found or found.group(1) not in self.hub.files:
            return self.fault(404, "RepoNotFound" if not found else "EntryNotFound")
        self.file(found.group(1), body=body)

    def file(self, name: str, *, body: bool) -> None:
        listed = self.hub.files[name]
        content = self.hub.altered.get(name, listed)
        start = 0
        if sought := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or ""):
            start = int(sought.group(1))
        etag = hashlib.sha256(listed).hexdigest() if len(listed) > LARGE_BYTES else git_digest(listed)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        cut = self.hub.cut_after.pop(name, None) if body else None
        self.send(206 if start else 200, content[start:], headers, body=body, cut=cut)

    def send(self, status: int, content: bytes, headers: dict[str, str], *, body: bool, cut: int | None = None) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(content[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True
            self.hub.status = 503  # the network stays away until the test brings it back

    def fault(self, status: int, code: str | None) -> None:
        headers = {"X-Error-Code": code} if code else {}
        self.send(status, b"{}", headers, body=self.command != "HEAD")


@contextmanager
def serving(hub: HubT, handler: type[Handler] = Handler) -> Iterator[HubT]:
    """Serve a hub on a free port of loopback for the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Serving", (handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
