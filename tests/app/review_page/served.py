"""The page of a review, served for real on this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tunewright.app.review_page.page import make_app
from tunewright.data.review.session import Review


@contextmanager
def serving(review: Review, *, port: int = 0) -> Iterator[tuple[str, int]]:
    """The page of a review on a port of this machine: its address and the port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    app = make_app(review, finished=lambda: None)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="critical", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    number = listener.getsockname()[1]
    try:
        yield f"http://127.0.0.1:{number}/{review.token}/", number
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(10)
        listener.close()
