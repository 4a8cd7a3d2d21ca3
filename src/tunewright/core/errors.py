"""Two families of errors that people see; everything else is a bug of ours.

A message says what is wrong, where, and what to do now. `exit_code` is what the command returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EXIT_DONE = 0
EXIT_GATE = 1
EXIT_USER = 2
EXIT_OUTSIDE = 3
EXIT_BUG = 70
EXIT_STOPPED = 75


@dataclass(frozen=True)
class Problem:
    """One mistake in one place.

    `where` is a file, with a line ("recipe.yaml:12") or without, or a recipe path ("training.epochs"); `do` is what
    to do next.
    """

    what: str
    where: str = ""
    do: str = ""

    def sentence(self) -> str:
        """The problem as one line for a person."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head} {self.do}".strip()


class TunewrightError(Exception):
    """What every error that we raise on purpose has in common."""

    exit_code = EXIT_BUG

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        self.problems: tuple[Problem, ...] = (Problem(what, where, do),)
        super().__init__(self.problems[0].sentence())


class UserError(TunewrightError):
    """The user's mistake: a recipe, a file or a command that cannot mean what it says."""

    exit_code = EXIT_USER

    @classmethod
    def many(cls, problems: tuple[Problem, ...]) -> UserError:
        """One error that carries every mistake found, in file order."""
        first = problems[0]
        error = cls(first.what, where=first.where, do=first.do)
        error.problems = problems
        error.args = ("\n".join(problem.sentence() for problem in problems),)
        return error


class OutsideError(TunewrightError):
    """The world outside failed: disk, network, memory, another program."""

    exit_code = EXIT_OUTSIDE

    def __init__(
        self, what: str, *, where: str = "", do: str = "", retry: Literal["safe", "useless"] = "useless"
    ) -> None:
        super().__init__(what, where=where, do=do)
        self.retry = retry


class LimitNotMet(TunewrightError):
    """A gate or a limit of the recipe is not met; the work is not done, and nothing is broken."""

    exit_code = EXIT_GATE


class Stopped(TunewrightError):
    """The process was asked to stop and saved its state; the same command goes on from there."""

    exit_code = EXIT_STOPPED
