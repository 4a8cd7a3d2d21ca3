"""Carries out steps on one process or several; the result is the same, row by row."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Pipe
from queue import SimpleQueue
from typing import Any

from tunewright.core import machine
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.ports import Row
from tunewright.data.carry import Failed, Line, carry, to_batch, to_lines
from tunewright.data.step import BatchStep, GlobalStep
from tunewright.data.worker import read, write

AHEAD = 2
"""Batches a process that are under way: one is computed while the next is written."""
WORTH_ROWS = 20_000
"""Fewer rows are done before another process has started."""


def workers(wanted: int | str, *, rows: int) -> int:
    """How many processes carry out steps; `auto`: one a core where there are rows enough to pay for their start."""
    if isinstance(wanted, int):
        return wanted
    return machine.cores() if rows >= WORTH_ROWS else 1


class Crew:
    """`workers` processes; 1: this one alone."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def through(self, batches: Iterable[list[Row]], steps: Sequence[BatchStep]) -> Iterator[list[Line]]:
        """What becomes of each batch under batch steps, in order. Lines of unchanged rows may come without the row."""
        if self.workers == 1:
            yield from (carry(batch, steps) for batch in batches)
            return
        with self._processes(tuple(steps)) as ask:
            for answer in self._in_order(batches, ask):
                yield to_lines(read(answer))

    def map(self, batches: Iterable[list[Row]], step: GlobalStep) -> Iterator[Any]:
        """What a global step finds of each row, in order."""
        if self.workers == 1:
            for batch in batches:
                yield from step.map(batch)
            return
        with self._processes(step) as ask:
            for answer in self._in_order(batches, ask):
                yield from answer

    def _in_order(self, batches: Iterable[list[Row]], ask: Callable[[list[Row]], Any]) -> Iterator[Any]:
        waiting: deque[Future[Any]] = deque()
        with ThreadPoolExecutor(self.workers) as threads:
            try:
                for batch in batches:
                    waiting.append(threads.submit(ask, batch))
                    if len(waiting) >= AHEAD * self.workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    @contextmanager
    def _processes(self, steps: Any) -> Iterator[Callable[[list[Row]], Any]]:
        """A function that has a batch answered by a process that is free."""
        free: SimpleQueue[Process] = SimpleQueue()
        processes = [Process(steps) for _ in range(self.workers)]
        for each in processes:
            free.put(each)

        def ask(batch: list[Row]) -> Any:
            process = free.get()
            try:
                return process.ask(batch)
            finally:
                free.put(process)

        try:
            yield ask
        finally:
            for each in processes:
                each.end()


class Process:
    """One worker."""

    def __init__(self, steps: Any) -> None:
        self._pipe, theirs = Pipe()
        command = [sys.executable, "-m", "tunewright.data.worker", str(theirs.fileno())]
        alone = os.environ | {"OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=alone)
        theirs.close()
        self._pipe.send(steps)

    def ask(self, batch: list[Row]) -> Any:
        """The worker's answer to a batch. Raises what a step raised, and OutsideError when the worker is gone."""
        try:
            self._pipe.send_bytes(write(to_batch(batch)))
            answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise OutsideError(
                "a process that prepares data has ended before its work was done.",
                where="data.workers",
                do="Is memory short? Write data.workers: 1, and run again.",
                retry="safe",
            ) from error
        if isinstance(answer, Failed) and answer.problems:
            raise UserError.many(answer.problems)
        if isinstance(answer, Failed):
            raise RuntimeError(f"a data step failed: {answer.what}\n{answer.where}")
        return answer

    def end(self) -> None:
        """End the worker; it holds nothing that could be lost."""
        self._pipe.close()
        self._process.kill()
        self._process.wait()
