"""A page for this machine alone, on which people judge or review: a small web application.

Every address begins with a secret that no other page of the browser knows; requests must name this machine as their
host and this page as their origin. Nothing is loaded from elsewhere, and no model is named.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tunewright.core import nouns
from tunewright.core.errors import TunewrightError
from tunewright.evaluate.judging.people.session import Session

HERE, SHARED = Path(__file__).parent, Path(nouns.__file__).parent / "pages"
FILES = {
    "": HERE / "page.html",
    "page.css": SHARED / "page.css",
    "send.js": SHARED / "send.js",
    "page.js": HERE / "page.js",
}
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
HOSTS = ("127.0.0.1", "localhost")
LARGEST_BODY_BYTES = 4096
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Act = Callable[[str, dict[str, Any]], dict[str, Any] | None]
Read = Callable[[dict[str, Any]], dict[str, Any]]


class Served(Protocol):
    """Whose page it is."""

    def state(self, name: str) -> dict[str, Any]:
        """What the page shows a rater."""
        ...


@dataclass(frozen=True)
class Wishes:
    """What a page can ask for: `acts` by name, given the rater and what `read` made of the request's object.

    `token` is the secret part of its address. `read` raises ValueError for an object that holds no wish of this page;
    requests have at most `largest_bytes`.
    """

    token: str
    acts: Mapping[str, Act]
    read: Read
    largest_bytes: int = LARGEST_BODY_BYTES


def make_app(session: Session, *, finished: Callable[[], None]) -> ASGIApp:
    """The application of one session; `finished` is called after a rater said that they are done."""

    def done(name: str, _given: dict[str, Any]) -> dict[str, Any]:
        state = session.finish(name)
        finished()
        return state

    acts: dict[str, Act] = {
        "state": lambda name, _given: session.state(name),
        "vote": lambda name, given: session.vote(name, place=given["place"], choice=given["choice"]),
        "undo": lambda name, _given: session.undo(name),
        "finish": done,
    }
    return make_page(session, FILES, wishes=Wishes(session.token, acts, _vote))


def make_page(session: Served, files: Mapping[str, Path], *, wishes: Wishes) -> ASGIApp:
    """The application of a page: its files by address, and what it may ask for."""
    routes = [Route(f"/{{token}}/{name}", _file(path), methods=["GET"]) for name, path in files.items()]
    for name, act in wishes.acts.items():
        routes.append(Route(f"/{{token}}/{name}", _act(act, session, wishes=wishes), methods=["POST"]))
    return _Guard(Starlette(routes=routes), wishes.token)


class _Guard:
    """Lets only requests of this very page through, and gives every answer its headers."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = refused(Request(scope), self._token)
        answer = self._app if refusal is None else JSONResponse({"error": refusal[1]}, refusal[0])

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                head = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *head]}
            await send(message)

        await answer(scope, receive, with_headers)


def refused(request: Request, token: str) -> tuple[int, str] | None:
    """Why a request is none of this page's, as a status and a sentence; None for one that is."""
    host = request.headers.get("host", "")
    if host.rsplit(":", 1)[0] not in HOSTS:
        return 421, "this page is for this machine alone"
    given = request.url.path.split("/")[1] if "/" in request.url.path else ""
    if not secrets.compare_digest(given.encode(), token.encode()):
        return 404, "there is no such page; use the whole address that Tunewright printed"
    if request.method != "POST":
        return None
    origin = request.headers.get("origin", f"http://{host}")
    if origin != f"http://{host}" or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return 403, "another page sent this"
    if request.headers.get("content-type", "").split(";")[0] != "application/json":
        return 415, "this is not JSON"
    return None


def _file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    content, kind = path.read_bytes(), f"{KINDS[path.suffix]}; charset=utf-8"

    async def serve(_request: Request) -> Response:
        return Response(content, media_type=kind)

    return serve


def _act(act: Act, session: Served, *, wishes: Wishes) -> Callable[[Request], Awaitable[Response]]:
    """Do what a request asks and answer with the rater's state; with 409 where their vote came too late."""

    async def serve(request: Request) -> Response:
        try:
            given = await _body(request, wishes)
            state = await run_in_threadpool(act, given["rater"], given)
            if state is None:
                return JSONResponse(await run_in_threadpool(session.state, given["rater"]), 409)
            return JSONResponse(state)
        except (ValueError, ClientDisconnect) as error:
            return JSONResponse({"error": str(error) or "the request broke off"}, 400)
        except TunewrightError as error:
            return JSONResponse({"error": str(error)}, 400 if error.exit_code == 2 else 500)

    return serve


async def _body(request: Request, wishes: Wishes) -> dict[str, Any]:
    """The object of a request, with what every act needs. Raises ValueError for anything else."""
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > wishes.largest_bytes:
            raise ValueError("the request is too large")
    try:
        value = json.loads(content)
    except RecursionError as error:
        raise ValueError("the request is not JSON") from error
    if not isinstance(value, dict) or not isinstance(value.get("rater"), str):
        raise ValueError("the request names no rater")
    return {"rater": value["rater"], **wishes.read(value)}


def _vote(value: dict[str, Any]) -> dict[str, Any]:
    """What every act of judging needs."""
    place, choice = value.get("place", 0), value.get("choice", "")
    if not isinstance(place, int) or isinstance(place, bool) or not isinstance(choice, str):
        raise ValueError("the request holds no vote")
    return {"place": place, "choice": choice}
