"""Files behind any address that fsspec reads: S3, Google Cloud Storage, Azure, HDFS, HTTP, local and in memory."""

from __future__ import annotations

import asyncio
import hashlib
import posixpath
import socket
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import fsspec

from tunewright.core.errors import OutsideError, UserError
from tunewright.core.store import Listing, RemoteFile, Wanted
from tunewright.recipe import remote
from tunewright.recipe.options.stores.files import Options

BLOCK_BYTES = 8 << 20
"""What is asked of a store at a time, and lost when a connection breaks."""
STAMPS = ("ETag", "etag", "generation", "md5Hash", "content_md5", "Content-MD5", "checksum")
TIMES = (
    "mtime",
    "LastModified",
    "last_modified",
    "updated",
    "modificationTime",
    "Last-Modified",
    "modified",
    "created",
)
"""What file systems call that which changes with the content; the first that is there counts."""
EXTRAS = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "azure"),
    **dict.fromkeys(("http", "https"), "http"),
}
MAGIC = "*?["
MAX_FILES = 10_000


class Work:
    """Fulfils the port Store."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def settled(self, wanted: Wanted) -> bool:
        """Stores say when a file changed."""
        return False

    def list(self, wanted: Wanted) -> Listing:
        """The file, the files that a glob names, or those below a folder whose format is known."""
        with sentences(wanted):
            system, path = opened(wanted)
            names = sorted(found(system, path, wanted=wanted))
            if not names:
                where = remote.shown(wanted.url)
                raise UserError("there is no file at this address.", where=where, do="Mend `path`: a file or a glob.")
            if len(names) > MAX_FILES:
                raise UserError(
                    f"there are {len(names):,} files at this address; at most {MAX_FILES:,} are read.",
                    where=remote.shown(wanted.url),
                    do="Name fewer by a glob.",
                )
            top = posixpath.dirname(names[0]) if len(names) == 1 else posixpath.commonpath(names)
            return Listing(tuple(described(system, name, top=top, wanted=wanted) for name in names))

    def fetch(self, wanted: Wanted, file: RemoteFile, *, part: Path, arrived: Callable[[int, str], None]) -> None:
        """A file block by block, from where `part` ends."""
        with sentences(wanted), part.open("ab") as target:
            system, _path = opened(wanted)
            if 0 < target.tell() == file.size:
                return
            with system.open(file.at, "rb", block_size=BLOCK_BYTES, cache_type="none") as source:
                _go_on(source, target)
                arrived(target.tell(), "bytes")
                while block := source.read(BLOCK_BYTES):
                    target.write(block)
                    arrived(len(block), "bytes")


def opened(wanted: Wanted) -> tuple[Any, str]:
    """The file system of an address and the path in it. Raises OutsideError when its package is missing."""
    kind = remote.scheme(wanted.url)
    url = wanted.url
    if kind == "file":
        url = f"file://{(wanted.folder / url.removeprefix('file://')).resolve()}"
    options: dict[str, Any] = {**wanted.storage, "skip_instance_cache": True, "use_listings_cache": False}
    if kind == "memory":
        options = dict(wanted.storage)
    try:
        return fsspec.core.url_to_fs(url, **options)
    except ImportError as error:
        package = EXTRAS.get(kind)
        do = f'Install it with: pip install "tunewright[{package}]"' if package else f"Install: {error}"
        raise OutsideError(f"reading {kind}:// needs a package that is not installed.", do=do) from error


def _go_on(source: Any, target: BinaryIO) -> None:
    """Put the source where the target ends; a server that gives files only whole is read from the beginning."""
    if not target.tell():
        return
    try:
        source.seek(target.tell())
    except ValueError:
        target.truncate(0)


def found(system: Any, path: str, *, wanted: Wanted) -> list[str]:
    """Paths of the files that an address names. Raises FileNotFoundError."""
    try:
        kind = system.info(path)["type"]
    except FileNotFoundError as error:
        if not any(letter in path for letter in MAGIC) or status_of(error) not in (None, 404):
            raise
        names: dict[str, Any] = system.glob(path, detail=True)
        return [name for name, info in names.items() if info["type"] == "file"]
    if kind == "file":
        return [path]
    below = system.find(path)
    return [name for name in below if name.rpartition(".")[2].lower() in wanted.endings and "/." not in name]


def status_of(error: BaseException) -> int | None:
    """The HTTP status behind an error: 0 where there was no answer at all, None where a store says it is not there."""
    cause = error.__cause__
    if cause is None or not (hasattr(cause, "status") or isinstance(cause, OSError)):
        return None
    return int(getattr(cause, "status", 0) or 0)


def described(system: Any, name: str, *, top: str, wanted: Wanted) -> RemoteFile:
    """A file with its size and what tells a change."""
    info: dict[str, Any] = system.info(name)
    mark = next((str(info[key]) for key in (*STAMPS, *TIMES) if info.get(key)), "")
    size = info.get("size")
    kind, inside = remote.scheme(wanted.url), system._strip_protocol(name)
    address = remote.shown(name if "://" in name else f"{kind}://{inside}")
    return RemoteFile(
        name=local_name(name, top),
        shown=f"memory://{inside.lstrip('/')}" if kind == "memory" else address,
        stamp=mark.strip('"'),
        size=int(size) if size is not None else -1,
        at=name,
    )


def local_name(name: str, top: str) -> str:
    """Where a file lies in the copy: below the folder that all share; names that the disk may refuse become digests."""
    rest = remote.shown(name[len(top) :]).lstrip("/") if name.startswith(top) else posixpath.basename(name)
    parts = [each for each in rest.split("/") if each not in ("", ".", "..")]
    safe = [each if each.isprintable() and len(each.encode()) < 200 else _digest(each) for each in parts]
    return "/".join(safe) or _digest(name)


def _digest(name: str) -> str:
    _stem, dot, ending = name.rpartition(".")
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:24] + (f".{ending[:12]}" if dot else "")


@contextmanager
def sentences(wanted: Wanted) -> Iterator[None]:
    """Turn errors of file systems into one sentence each, without secrets."""
    where = remote.shown(wanted.url)
    secret = remote.secrets(wanted.url, wanted.storage)
    try:
        yield
    except (UserError, OutsideError):
        raise
    except PermissionError as error:
        raise _not_let(where, error, secret) from None
    except FileNotFoundError as error:
        status = status_of(error)
        if status in (401, 403):
            raise _not_let(where, error, secret) from None
        if status not in (None, 404, 410):
            raise _failed(where, error.__cause__ or error, secret) from None
        raise UserError("there is no file at this address.", where=where, do="Mend `path`: a file or a glob.") from None
    except Exception as error:
        if isinstance(error, TypeError | ValueError) and not isinstance(error, OSError):
            what = f"the store cannot be opened{_because(error, secret)}."
            raise UserError(what, where=where, do="Mend `path` or `storage`.") from None
        kinds = (OSError, asyncio.TimeoutError, socket.gaierror, urllib.error.URLError)
        outside = isinstance(error, kinds) or not type(error).__module__.startswith(("builtins", "tunewright"))
        if not outside:
            raise
        raise _failed(where, error, secret) from None


def _not_let(where: str, error: BaseException, secret: list[str]) -> UserError:
    what = f"the store does not let you read this{_because(error, secret)}."
    do = "Set the store's keys in the environment, or `storage` from it (`${NAME}`)."
    return UserError(what, where=where, do=do)


def _failed(where: str, error: BaseException, secret: list[str]) -> OutsideError:
    return OutsideError(
        f"the store failed{_because(error, secret)}.",
        where=where,
        do="Check the network and the keys, then run again: a fetch goes on where it broke off.",
        retry="safe",
    )


def _because(error: BaseException, secret: list[str]) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return f" ({remote.hidden(remote.without_secrets(text), secret)[:200].rstrip('.')})"
