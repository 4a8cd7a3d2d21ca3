"""Send a run's numbers to trackers that missed them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late
from tunewright.core.errors import OutsideError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tunewright.app.delivery import Delivered

progress = Late("tunewright.app.cli.progress")
resend = Late("tunewright.app.resend")


@click.command()
@options.project
def command(path: Path, sets: tuple[str, ...], home: Path | None, quiet: bool, as_json: bool) -> None:
    """Give the trackers of PATH (a recipe, or a run's folder) what they did not get.

    Of a recipe, it is the newest run, and the trackers are those that the recipe names now.
    """
    with progress.watch(quiet=quiet) as emit:
        run, reports = resend.resend(path, sets=sets, home=home, emit=emit)
    behind = [each for each in reports if not each.complete]
    if behind:
        raise OutsideError(
            f"{names(behind)} did not get everything.",
            where=str(run.folder),
            do="Nothing is lost: run the same command again when it answers.",
            retry="safe",
        )
    if as_json:
        out.document({"run": run.key, "trackers": {each.tracker: each.steps for each in reports}})
        return
    for each in reports:
        out.say(f"{each.tracker}: {each.steps} of {each.of} steps")


def names(reports: Sequence[Delivered]) -> str:
    """Trackers by name, with the reason."""
    return ", ".join(f"{each.tracker} ({each.why})" if each.why else each.tracker for each in reports)
