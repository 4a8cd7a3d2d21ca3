"""Sessions of people on planted answers, served for real on this machine."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from tunewright.evaluate.judging.pairs import Duel, Pair
from tunewright.evaluate.judging.people.page import make_app
from tunewright.evaluate.judging.people.session import Session


def planted(count: int, *, seed: int = 0) -> Duel:
    """Pairs whose answers say who wrote them; in row r of three, the better is tuned, tuned, base by turns."""
    pairs = tuple(
        Pair(f"row{n}", ({"role": "user", "content": f"Question {n}?"},), (f"alpha {n}", f"beta {n}"), f"row{n}")
        for n in range(count)
    )
    return Duel("answers", ("base", "tuned"), pairs, seed)


def session_of(duel: Duel, folder: Path) -> Session:
    """A session whose clock goes on by a second each time."""
    seconds = itertools.count()
    return Session(duel, folder, clock=lambda: f"2026-01-01T00:{next(seconds) % 3600 // 60:02}:00+00:00")


def vote_by(session: Session, rater: str, choose) -> None:
    """Let a rater judge every pair that is left: `choose` is given a row's number and says base, tuned, tie or skip."""
    while (state := session.state(rater))["place"] is not None:
        choice = choose(int(state["left"].split()[1]))
        left = "base" if state["left"].startswith("alpha") else "tuned"
        place = {"base": "left", "tuned": "right"} if left == "base" else {"base": "right", "tuned": "left"}
        session.vote(rater, place=state["place"], choice=place.get(choice, choice))


@contextmanager
def serving(session: Session, *, port: int = 0) -> Iterator[tuple[str, int]]:
    """The page of a session on a port of this machine: its address and the port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    app = make_app(session, finished=lambda: None)
    config = uvicorn.Config(app, log_config=None, log_level="critical", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    number = listener.getsockname()[1]
    try:
        yield f"http://127.0.0.1:{number}/{session.token}/", number
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(10)
        listener.close()
