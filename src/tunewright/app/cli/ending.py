"""How a command ends: whatever was raised becomes sentences and an exit code."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

import click

from tunewright.app.cli import out
from tunewright.app.cli.late import Late
from tunewright.core.errors import EXIT_BUG, EXIT_DONE, EXIT_OUTSIDE, EXIT_USER, Problem, TunewrightError

EXIT_INTERRUPTED = 130
EXIT_PIPE = 141
tempfile = Late("tempfile")
traceback = Late("traceback")
TRACEBACK_VARIABLE = "TUNEWRIGHT_TRACEBACK"
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
_ACCESS = (errno.EACCES, errno.EPERM, errno.EROFS)


class Ending:
    """A block whose errors end the command; `code` is what the process returns, `command` what `--help` is asked of."""

    def __init__(self, *, as_json: bool, command: str) -> None:
        self.code = EXIT_DONE
        self._as_json = as_json
        self._command = command

    def __enter__(self) -> Ending:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            return False
        if isinstance(error, click.exceptions.Exit):
            self.code = error.exit_code
            return True
        if isinstance(error, SystemExit | GeneratorExit):
            return False
        if isinstance(error, BrokenPipeError):
            self.code = EXIT_PIPE
            out.close()
            return True
        self.code, problems = self._meaning(error)
        self._tell(problems)
        return True

    def _meaning(self, error: BaseException) -> tuple[int, tuple[Problem, ...]]:
        if isinstance(error, TunewrightError):
            return error.exit_code, error.problems
        if isinstance(error, click.ClickException):
            message = ended(error.format_message())
            return EXIT_USER, (Problem(message, "", f"Help: {self._command} --help"),)
        if isinstance(error, KeyboardInterrupt | click.Abort):
            return EXIT_INTERRUPTED, (Problem("stopped by you.", "", "What was finished is kept; run it again."),)
        if outside := outside_problem(error):
            return EXIT_OUTSIDE, (outside,)
        return EXIT_BUG, (bug(error),)

    def _tell(self, problems: tuple[Problem, ...]) -> None:
        if self._as_json:
            out.document({"error": {"problems": [asdict(each) for each in problems], "exit_code": self.code}})
            return
        for problem in problems:
            out.warn(problem.sentence())


def ended(message: str) -> str:
    """A message as a sentence: another follows it."""
    return message if message.endswith((".", "?", "!")) else f"{message}."


def outside_problem(error: BaseException) -> Problem | None:
    """The sentence for a failure of disk or memory that no room has put in words; None for anything else."""
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "allocate memory" in str(error)):
        return Problem("there is not enough memory.", "", "Close other programs, or lower training.micro_batch_tokens.")
    if isinstance(error, OSError) and error.errno in _DISK:
        return Problem(f"the disk refuses: {error.strerror}.", str(error.filename or ""), "Free some space.")
    if isinstance(error, OSError) and error.errno in _ACCESS:
        return Problem(f"no access: {error.strerror}.", str(error.filename or ""), "Give yourself the right to it.")
    return None


def bug(error: BaseException) -> Problem:
    """One sentence for a mistake of ours; the traceback goes to a file, or to the terminal where it is asked for."""
    text = "".join(traceback.format_exception(error))
    head = f"this is our bug ({type(error).__name__}), not your mistake."
    if os.environ.get(TRACEBACK_VARIABLE):
        out.warn(text)
        return Problem(head, "", "Please report it with the lines above.")
    file = Path(os.environ.get("TUNEWRIGHT_HOME") or tempfile.gettempdir()) / f"tunewright-bug-{time.time_ns()}.txt"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError:
        out.warn(text)
        return Problem(head, "", "Please report it with the lines above.")
    return Problem(head, "", f"Please report it with the file {file}.")
