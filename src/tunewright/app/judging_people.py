"""People who judge: the page is served on this machine until they are done, and their votes become results."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from tunewright.app.found import Found
from tunewright.app.judging import PEOPLE
from tunewright.core.errors import OutsideError
from tunewright.core.workspace import lock
from tunewright.evaluate.judging.pairs import Duel
from tunewright.evaluate.judging.people.page import make_app
from tunewright.evaluate.judging.people.results import People, make_people, write_people
from tunewright.evaluate.judging.people.session import Session

HOST = "127.0.0.1"


def open_session(found: Found, duel: Duel) -> Session:
    """The session of these pairs, new or gone on with. Raises UserError when no pair can be judged."""
    return Session(duel, found.folder / PEOPLE, clock=found.now)


def serve(session: Session, *, port: int, raters: int, ready: Callable[[str], None]) -> None:
    """Serve the page until so many raters said that they are done, or Ctrl-C.

    `ready` is told the address once it can be opened. Port 0 takes a free one. Raises UserError while another process
    serves the same session, and OutsideError when the port is taken.
    """
    with lock(session.folder / "lock", purpose="judge people"), _listening(port) as listener:
        server = uvicorn.Server(
            uvicorn.Config(
                make_app(session, finished=lambda: _end(server, session, raters)),
                log_config=None,
                log_level="critical",
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=2,
            )
        )
        ready(f"http://{HOST}:{listener.getsockname()[1]}/{session.token}/")
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:  # the way to end a page before everybody is done
            server.should_exit = True


def results(session: Session, found: Found) -> tuple[People, Path]:
    """The record of the votes so far, written with its files; returns it and its file."""
    people = make_people(session, evaluation=found.evaluation.name, made_at=found.now())
    return people, write_people(session, people)


def _end(server: uvicorn.Server, session: Session, raters: int) -> None:
    """End the server when so many raters are done."""
    if session.finished() >= raters:
        server.should_exit = True


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise OutsideError(
            "this port is taken.", where=f"{HOST}:{port}", do="Give another --port, or 0 for any that is free."
        ) from error
    return listener
