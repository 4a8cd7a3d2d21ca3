"""A process that carries out steps for another one: started by `crew`, spoken to over a pair of pipes.

It takes the steps first, then batches of rows as Arrow streams, one after the other, and answers each.
"""

from __future__ import annotations

import signal
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

import pyarrow as pa

from tunewright.core.errors import TunewrightError
from tunewright.data.carry import Failed, to_rows, transform
from tunewright.data.step import GlobalStep


def serve(work: Connection) -> None:
    """Answer until nothing comes. An exception of a step is sent as its text."""
    steps: Any = work.recv()
    while content := received(work):
        batch = read(content)
        try:
            found = steps.map(to_rows(batch)) if isinstance(steps, GlobalStep) else write(transform(batch, steps))
        except TunewrightError as error:
            found = Failed("", "", error.problems)
        except Exception as error:
            work.send(Failed(repr(error), traceback.format_exc()))
            raise SystemExit(1) from error
        work.send(found)


def received(work: Connection) -> bytes:
    """The next batch; nothing where the process that asks is gone."""
    try:
        return work.recv_bytes()
    except (EOFError, ConnectionResetError):
        return b""


def write(batch: pa.RecordBatch) -> bytes:
    """A record batch as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return sink.getvalue().to_pybytes()


def read(content: bytes) -> pa.RecordBatch:
    """The record batch of an Arrow stream."""
    with pa.ipc.open_stream(content) as stream:
        return stream.read_next_batch()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asks is told to stop, and ends this one
    serve(Connection(int(sys.argv[1])))
