"""People who judge: the page is served on this machine until they are done, and their votes become results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tunewright.app.found import Found
from tunewright.app.judging import PEOPLE
from tunewright.app.local_page import Address, serve_page
from tunewright.core.workspace import lock
from tunewright.evaluate.judging.pairs import Duel
from tunewright.evaluate.judging.people.page import make_app
from tunewright.evaluate.judging.people.results import People, make_people, write_people
from tunewright.evaluate.judging.people.session import Session


def open_session(found: Found, duel: Duel) -> Session:
    """The session of these pairs, new or gone on with. Raises UserError when no pair can be judged."""
    return Session(duel, found.folder / PEOPLE, clock=found.now)


def serve(session: Session, *, port: int, raters: int, ready: Callable[[str], None]) -> None:
    """Serve the page until so many raters said that they are done, or Ctrl-C.

    `ready` is told the address once it can be opened. Port 0 takes a free one. Raises UserError while another process
    serves the same session, and OutsideError when the port is taken.
    """
    place = session.folder / "lock"
    with lock(place, purpose="judge people"):
        serve_page(
            lambda end: make_app(session, finished=lambda: end() if session.finished() >= raters else None),
            Address(session.token, port),
            ready=ready,
        )


def results(session: Session, found: Found) -> tuple[People, Path]:
    """The record of the votes so far, written with its files; returns it and its file."""
    people = make_people(session, evaluation=found.evaluation.name, made_at=found.now())
    return people, write_people(session, people)
