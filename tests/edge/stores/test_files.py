"""Files of stores that fsspec reads, over a real HTTP server on loopback and the store in memory."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import Event
from tunewright.core.workspace import Workspace
from tunewright.data.fetch import Fetch
from tunewright.data.files import find_files
from tunewright.edge.stores.files import Work, local_name
from tunewright.recipe.options.stores.files import Options
from tunewright.recipe.recipe import DataOptions

SECRET = "k3y-of-the-test"
CONTENT = b'{"question": "a", "answer": "b"}\n' * 400_000


@dataclass
class Web:
    """What a server holds, what it was asked for, and how it misbehaves."""

    files: dict[str, bytes]
    etags: bool = True
    cut_after: int | None = None
    token: str | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def log_message(self, *_args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        web, path = self.web, self.path.partition("?")[0]
        sought = self.headers.get("Range")
        if body:
            web.asked.append((path, sought))
        if web.token and f"token={web.token}" not in self.path:
            return self.send(403, b"", {}, body=body)
        if path not in web.files:
            return self.send(404, b"", {}, body=body)
        content, headers = web.files[path], {"Accept-Ranges": "bytes"}
        if web.etags:
            headers["ETag"] = f'"{hash(content)}"'
        if found := re.fullmatch(r"bytes=(\d+)-(\d*)", sought or ""):
            start, end = int(found[1]), int(found[2] or len(content) - 1)
            end = min(end, len(content) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
            return self.send(206, content[start : end + 1], headers, body=body)
        self.send(200, content, headers, body=body)

    def send(self, status: int, content: bytes, headers: dict[str, str], *, body: bool) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if not body:
            return
        cut = self.web.cut_after
        if cut is not None:
            self.web.cut_after = max(0, cut - len(content))
        self.wfile.write(content[:cut])
        if cut is not None and cut < len(content):
            self.wfile.flush()
            self.close_connection = True


@pytest.fixture
def web() -> Iterator[Web]:
    held = Web({"/in/a.jsonl": CONTENT, "/in/b.csv": b"question,answer\na,b\n"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Serving", (Handler,), {"web": held}))
    held.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield held
    server.shutdown()
    server.server_close()
    thread.join()


def fetched(folder: Path, source: Any, events: list[Event] | None = None) -> dict[str, bytes]:
    """Names and contents of the training files."""
    data = DataOptions.model_validate({"train": source})
    emit = (events if events is not None else []).append
    copies = Fetch({"files": Work(Options())}, Workspace(folder / "w"), folder, emit, lambda: 1.0).all(data)
    return {file.name: file.path.read_bytes() for file in find_files(data, folder=folder, fetched=copies)["train"]}


def test_a_file_is_fetched_and_not_again_until_it_changes(web: Web, tmp_path: Path) -> None:
    url = f"{web.url}/in/a.jsonl"
    assert fetched(tmp_path, url) == {url: CONTENT}
    web.asked.clear()
    assert fetched(tmp_path, url) == {url: CONTENT}
    assert not [each for each in web.asked if each[1]]
    web.files["/in/a.jsonl"] = b"{}\n"
    assert fetched(tmp_path, url) == {url: b"{}\n"}


def test_a_file_without_a_stamp_is_always_fetched_again(web: Web, tmp_path: Path) -> None:
    web.etags = False
    url = f"{web.url}/in/b.csv"
    fetched(tmp_path, url)
    web.files["/in/b.csv"] = b"question,answer\na,c\n"
    assert fetched(tmp_path, url) == {url: b"question,answer\na,c\n"}


def test_a_broken_connection_is_gone_on_from(web: Web, tmp_path: Path) -> None:
    url = f"{web.url}/in/a.jsonl"
    web.cut_after = 10_000_000
    with pytest.raises(OutsideError, match="goes on where it broke off"):
        fetched(tmp_path, url)
    (part,) = tmp_path.rglob("*.part")
    assert 0 < part.stat().st_size < len(CONTENT)
    have = part.stat().st_size
    web.cut_after = None
    web.asked.clear()
    assert fetched(tmp_path, url) == {url: CONTENT}
    starts = [int(re.findall(r"\d+", sought)[0]) for _path, sought in web.asked if sought]
    assert min(starts) >= have


def test_keys_in_addresses_are_shown_nowhere(web: Web, tmp_path: Path) -> None:
    web.token = SECRET
    url = f"{web.url}/in/b.csv"
    assert list(fetched(tmp_path, f"{url}?token={SECRET}")) == [url]
    with pytest.raises((UserError, OutsideError)) as caught:
        fetched(tmp_path, f"{url}?token=no{SECRET}")
    assert SECRET not in str(caught.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and SECRET in path.read_text()]


def test_what_is_not_there_is_the_users_mistake(web: Web, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file at this address"):
        fetched(tmp_path, f"{web.url}/in/no.jsonl")
    with pytest.raises(OutsideError, match="the store failed"):
        fetched(tmp_path, "http://127.0.0.1:1/a.jsonl")
    with pytest.raises(UserError, match="cannot be opened"):
        fetched(tmp_path, {"path": f"{web.url}/in/a.jsonl", "storage": {"client_kwargs": {"no_such_option": 1}}})


def test_a_missing_package_is_named_with_its_command(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match=r'pip install "tunewright\[s3\]"'):
        fetched(tmp_path, "s3://bucket/a.jsonl")


@pytest.mark.parametrize(
    ("name", "top", "local"),
    [
        ("b/in/a.jsonl", "b/in", "a.jsonl"),
        ("b/in/deep/a.jsonl", "b/in", "deep/a.jsonl"),
        ("b/in/../../a.jsonl", "b/in", "a.jsonl"),
        ("http://h/a.jsonl?token=x", "http://h", "a.jsonl"),
    ],
)
def test_a_file_lies_inside_the_copy(name: str, top: str, local: str) -> None:
    assert local_name(name, top) == local


def test_names_that_a_disk_refuses_become_digests() -> None:
    for name in ("b/" + "x" * 300 + ".jsonl", "b/a\nb.jsonl"):
        assert re.fullmatch(r"[0-9a-f]{24}\.jsonl", local_name(name, "b"))
