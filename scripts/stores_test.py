"""Fetch from real stores on loopback: S3 (moto), Google Cloud Storage (an emulator), Azure (Azurite from npm).

    python scripts/stores_test.py            # makes an environment for servers and drivers once, in .cache/stores
    python scripts/stores_test.py --only s3

The drivers (s3fs, gcsfs, adlfs) do not go into the main environment: they pin what others pin otherwise. For each
store: files, globs and folders arrive byte for byte; nothing is fetched twice until it changes; a connection that is
cut in the middle is gone on from; a wrong bucket is one sentence; memory stays flat. Ends with "OK" lines and 0.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import site
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if "--inside" in sys.argv:  # the packages of the main environment behind those of this one
    site.addsitedir(sys.argv[sys.argv.index("--inside") + 1])

import fsspec
import psutil

from tunewright.app.resolve import stores
from tunewright.core import digest
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import Note
from tunewright.core.workspace import Workspace
from tunewright.data.fetch import Fetch
from tunewright.data.files import find_files
from tunewright.recipe.recipe import DataOptions

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDER = REPOSITORY / ".cache" / "stores"
AMAZON = ("botocore==1.43.117", "boto3==1.43.117", "aiobotocore==3.10.0", "s3fs==2026.9.0", "fsspec==2026.9.0")
MOTO = ("aiohttp==3.14.5", "moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5")
OTHERS = ("fsspec==2026.9.0", "gcsfs==2026.10.1", "gcp-storage-emulator==2026.7.19", "adlfs==2026.8.0")
PACKAGES = ((*AMAZON, *MOTO), OTHERS)
"""Pinned in two rounds: together their resolver takes minutes."""
AZURITE = "azurite@3.37.0"
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's well-known key; it opens nothing else."""
LARGE_BYTES = 100 << 20
MEMORY_BYTES = 48 << 20
WAIT_S = 60
LINE = b'{"question": "What is one and one?", "answer": "Two."}\n'


@dataclass
class Proxy:
    """A relay to a server on loopback that cuts every connection after so many bytes, when it is told to."""

    target: int
    cut_after: int | None = None
    port: int = 0
    passed: int = 0
    _sockets: list[socket.socket] = field(default_factory=list)

    def start(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            near, _address = listening.accept()
            far = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self._relay, args=(near, far), daemon=True).start()
            threading.Thread(target=self._relay, args=(far, near, "back"), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket, way: str = "") -> None:
        with suppress(OSError):
            while block := source.recv(1 << 16):
                if way and self.cut_after is not None:
                    if self.passed >= self.cut_after:
                        break
                    self.passed += len(block)
                sink.sendall(block)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@dataclass(frozen=True)
class Kind:
    """A store under test: the command of its server, its address, and what opens it."""

    name: str
    command: Callable[[Path, int], Sequence[str]]
    scheme: str
    storage: Callable[[int], dict[str, Any]]


def amazon_storage(port: int) -> dict[str, Any]:
    """What opens moto; it gives up soon, where the drivers' own patience is minutes."""
    patience = {"retries": {"max_attempts": 0}, "connect_timeout": 5, "read_timeout": 10}
    address = {"endpoint_url": f"http://127.0.0.1:{port}", "key": "testing", "secret": "testing-secret"}
    return {**address, "config_kwargs": patience}


def azure_storage(port: int) -> dict[str, Any]:
    """What opens Azurite."""
    words = {
        "DefaultEndpointsProtocol": "http",
        "AccountName": ACCOUNT,
        "AccountKey": ACCOUNT_KEY,
        "BlobEndpoint": f"http://127.0.0.1:{port}/{ACCOUNT}",
    }
    return {"account_name": ACCOUNT, "connection_string": ";".join(f"{key}={value}" for key, value in words.items())}


KINDS = (
    Kind(
        "s3",
        lambda _folder, port: [str(FOLDER / "env/bin/moto_server"), "-H", "127.0.0.1", "-p", str(port)],
        "s3",
        amazon_storage,
    ),
    Kind(
        "gcs",
        lambda _folder, port: [
            *(str(FOLDER / "env/bin/gcp-storage-emulator"), "start", "--host=127.0.0.1"),
            *(f"--port={port}", "--in-memory", "--default-bucket=other"),
        ],
        "gs",
        lambda port: {"endpoint_url": f"http://127.0.0.1:{port}", "token": "anon", "project": "testing"},
    ),
    Kind(
        "azure",
        lambda folder, port: [
            *("node", str(FOLDER / "node_modules/azurite/dist/src/blob/main.js"), "--silent", "--skipApiVersionCheck"),
            *("--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder), "--disableTelemetry"),
        ],
        "az",
        azure_storage,
    ),
)


def make_environment(names: Sequence[str]) -> None:
    """The environment of servers and drivers, once."""
    python = FOLDER / "env" / "bin" / "python"
    if not (FOLDER / "env" / "whole").exists():
        shutil.rmtree(FOLDER / "env", ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER / "env")], check=True)
        for packages in PACKAGES:
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True, timeout=600)
        (FOLDER / "env" / "whole").touch()
    if "azure" in names and not (FOLDER / "node_modules" / "azurite").exists():
        words = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(FOLDER), AZURITE]
        subprocess.run(words, check=True, timeout=600)


@contextmanager
def served(kind: Kind, folder: Path) -> Iterator[Proxy]:
    """A server of a kind behind a proxy."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(kind.command(folder, port), stdout=log, stderr=log, start_new_session=True)
    try:
        end_s = time.monotonic() + WAIT_S
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert process.poll() is None and time.monotonic() < end_s, (folder / "server.log").read_text()
            time.sleep(0.1)
        proxy = Proxy(port)
        proxy.start()
        yield proxy
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test(kind: Kind, folder: Path, proxy: Proxy) -> None:
    """All checks of one store."""
    storage = kind.storage(proxy.port)
    system = fsspec.filesystem(kind.scheme, **storage, skip_instance_cache=True, use_listings_cache=False)
    system.mkdir("rows")
    files = {"in/a.jsonl": LINE * 100, "in/deep/b.jsonl": LINE * 7, "in/c.csv": b"question,answer\na,b\n"}
    for name, content in files.items():
        system.pipe(f"rows/{name}", content)
    url = f"{kind.scheme}://rows/in"
    got, events = fetched(folder, url, storage)
    wanted = {f"{kind.scheme}://rows/{name}": content for name, content in files.items()}
    assert got == wanted, sorted(got)
    got, events = fetched(folder, f"{url}/*.jsonl", storage)
    assert list(got) == [f"{url}/a.jsonl"]
    print(f"OK   {kind.name}: files, folders and globs")

    _got, events = fetched(folder, url, storage)
    assert events == [], events
    system.pipe("rows/in/c.csv", b"question,answer\na,c\n")
    got, events = fetched(folder, url, storage)
    assert got[f"{url}/c.csv"] == b"question,answer\na,c\n" and len(events) == 1
    print(f"OK   {kind.name}: nothing is fetched again until it changes")
    broken(kind, folder, proxy, system=system)
    refused(kind, folder, storage)


def broken(kind: Kind, folder: Path, proxy: Proxy, *, system: Any) -> None:
    """A large file over a connection that is cut."""
    with (folder / "large").open("wb") as file:
        for _megabyte in range(LARGE_BYTES >> 20):
            file.write(LINE * ((1 << 20) // len(LINE)))
    size = (folder / "large").stat().st_size
    system.put_file(str(folder / "large"), "rows/large.jsonl")
    url, storage = f"{kind.scheme}://rows/large.jsonl", kind.storage(proxy.port)
    proxy.cut_after, proxy.passed = LARGE_BYTES // 2, 0
    began_s = time.monotonic()
    try:
        fetched(folder, url, storage)
    except OutsideError as error:
        assert error.retry == "safe", error
    else:
        raise AssertionError("a cut connection was not noticed")
    (part,) = folder.rglob("large.jsonl.part")
    have = part.stat().st_size
    assert 0 < have < LARGE_BYTES, have
    told_s = time.monotonic() - began_s
    proxy.cut_after = None
    began_s = time.monotonic()
    with growth() as grown_by:
        got, events = fetched(folder, url, storage, read=False)
    grown, seconds = max(grown_by), time.monotonic() - began_s
    assert events[0].startswith(f"{url} was fetched") and got
    (copy,) = folder.rglob("cache/sources/*/*/large.jsonl")
    assert digest.of_file(copy) == digest.of_file(folder / "large")
    rate = (size - have) / seconds / 1e6
    print(f"OK   {kind.name}: cut at {have / 1e6:.0f} MB (said after {told_s:.0f} s), gone on with {rate:.0f} MB/s")
    assert grown < MEMORY_BYTES, f"memory grew by {grown / 1e6:.0f} MB"
    print(f"OK   {kind.name}: memory grew by {grown / 1e6:.0f} MB over {(size - have) / 1e6:.0f} MB")


def refused(kind: Kind, folder: Path, storage: dict[str, Any]) -> None:
    """What is not there is the user's mistake, and no secret is shown or written."""
    for place in ("rows/no.jsonl", "no-such-bucket/a.jsonl"):
        try:
            fetched(folder, f"{kind.scheme}://{place}", storage)
        except UserError as error:
            said = str(error)
            assert "testing-secret" not in said and ACCOUNT_KEY not in said, said
        else:
            raise AssertionError(f"{place} was taken for a file")
    for path in folder.rglob("source.json"):
        text = path.read_text()
        assert "testing-secret" not in text and ACCOUNT_KEY not in text, text
    print(f"OK   {kind.name}: what is not there is one sentence, and no secret is written: {said}")


def fetched(
    folder: Path, url: str, storage: dict[str, Any], *, read: bool = True
) -> tuple[dict[str, bytes], list[str]]:
    """Names and contents of what the product fetches, and the notes that it gave."""
    events: list[Any] = []
    data = DataOptions.model_validate({"train": {"path": url, "storage": storage}})
    copies = Fetch(stores(data), Workspace(folder / "workspace"), folder, events.append, time.time).all(data)
    files = find_files(data, folder=folder, fetched=copies)["train"]
    notes = [event.text for event in events if isinstance(event, Note)]
    return {file.name: file.path.read_bytes() if read else b"" for file in files}, notes


@contextmanager
def growth() -> Iterator[list[int]]:
    """By how many bytes this process is larger than before, looked at every 20 ms during the block."""
    process, done = psutil.Process(), threading.Event()
    before = process.memory_info().rss
    seen = [0]

    def look() -> None:
        while not done.wait(0.02):
            seen.append(process.memory_info().rss - before)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def main() -> int:
    """The test; makes the environment and starts itself in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[kind.name for kind in KINDS], action="append")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    given = parser.parse_args()
    names = given.only or [kind.name for kind in KINDS]
    if not given.inside:
        make_environment(names)
        words = [str(FOLDER / "env" / "bin" / "python"), __file__, "--inside", sysconfig.get_path("purelib")]
        # gcsfs asks a Google service of its own for the kind of a bucket, for a minute each, unless it is told not to
        gcs = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false", "NO_GCE_CHECK": "true"}
        quiet = {**gcs, "AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": "us-east-1"}
        more = [word for name in names for word in ("--only", name)]
        return subprocess.run([*words, *more], env={**os.environ, **quiet}, check=False).returncode
    for kind in KINDS:
        if kind.name in names:
            folder = Path(tempfile.mkdtemp(prefix=f"tunewright-{kind.name}-"))
            try:
                with served(kind, folder) as proxy:
                    test(kind, folder, proxy)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
