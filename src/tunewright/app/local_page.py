"""A page that is served on this machine alone, until it ends itself or Ctrl-C."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import NamedTuple

import uvicorn
from starlette.types import ASGIApp

from tunewright.core.errors import OutsideError

HOST = "127.0.0.1"


class Address(NamedTuple):
    """Where a page is: the secret part of its address, and the port, of which 0 is any that is free."""

    token: str
    port: int


def serve_page(
    make: Callable[[Callable[[], None]], ASGIApp], address: Address, *, ready: Callable[[str], None]
) -> None:
    """Serve an application, made with a function that ends it; `ready` is told the address once it can be opened.

    Raises OutsideError when the port is taken.
    """
    with _listening(address.port) as listener:

        def end() -> None:
            server.should_exit = True

        server = uvicorn.Server(
            uvicorn.Config(
                make(end),
                log_config=None,
                log_level="critical",
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=2,
            )
        )
        ready(f"http://{HOST}:{listener.getsockname()[1]}/{address.token}/")
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:  # the way to end a page before everybody is done
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
