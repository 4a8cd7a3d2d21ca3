"""A PostgreSQL server of our own: in a folder of its own, on a free port of loopback, as a user who is not root."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

PASSWORD = "s3cr3t-Of-The-Test"
NEWEST_FIRST = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)


@dataclass
class Server:
    """A running server; `url` names neither user nor password."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"postgresql://tester:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def run(self, *statements: str) -> None:
        """Statements as the owner of the database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for each in statements:
                connection.execute(each)  # type: ignore[arg-type]

    def kill(self) -> None:
        """As a power cut: every process of the server at once, none with time to say goodbye."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def start(self) -> None:
        """Start, or start again after `kill`, on the same port."""
        self.process = _started(self.folder, self.port)


def binaries() -> Path:
    """The folder of the server's programs."""
    found = shutil.which("postgres")
    assert found or NEWEST_FIRST, "tests of databases need PostgreSQL: apt-get install postgresql"
    return Path(found).parent if found else NEWEST_FIRST[0].parent


def account() -> dict[str, str]:
    """PostgreSQL refuses to run as root."""
    return {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}


@contextmanager
def serving() -> Iterator[Server]:
    """A server with a user `tester` who has a password."""
    folder = Path(tempfile.mkdtemp(prefix="tunewright-pg-"))
    try:
        if account():
            shutil.chown(folder, "postgres", "postgres")
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        command = [binaries() / "initdb", "-D", folder / "data", "-U", "tester", "-A", "scram-sha-256", "-N"]
        words = [*map(str, command), f"--pwfile={secret}", "--encoding=UTF8", "--locale=C"]
        subprocess.run(words, check=True, capture_output=True, cwd=folder, **account())  # type: ignore[call-overload]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = Server(folder, port, _started(folder, port))
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(folder: Path, port: int) -> subprocess.Popen[bytes]:
    settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "port": str(port)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = [str(binaries() / "postgres"), "-D", str(folder / "data"), *options]
    log = (folder / "log").open("ab")
    process = subprocess.Popen(
        command,
        stdout=log,
        stderr=log,
        cwd=folder,
        start_new_session=True,
        **account(),  # type: ignore[call-overload]
    )
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        try:
            psycopg.connect(f"postgresql://tester:{PASSWORD}@127.0.0.1:{port}/postgres").close()
            return process
        except psycopg.OperationalError:
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
    raise AssertionError("PostgreSQL does not answer")
