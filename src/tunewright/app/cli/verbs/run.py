"""Do all of it; what has not changed is skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late

documents = Late("tunewright.app.cli.documents")
flow = Late("tunewright.app.flow")
ranks = Late("tunewright.app.processes")
progress = Late("tunewright.app.cli.progress")
projects = Late("tunewright.app.project")
tables = Late("tunewright.app.cli.tables")


@click.command()
@options.project
@options.processes
def command(path: Path, sets: tuple[str, ...], home: Path | None, quiet: bool, as_json: bool, processes: int) -> None:
    """Do all that the recipe PATH says: data, training, measuring, report. Stages that are done are skipped."""
    project = projects.open_project(path, sets=sets, home=home)
    if processes > 1:
        with progress.watch(quiet=quiet) as emit:
            flow.prepare(project, emit)
        words = ranks.train_words(sys.argv[1:], leave_out=["--json"])
        if code := ranks.launch(words, processes, environment=os.environ, stdout=subprocess.DEVNULL):
            sys.exit(code)
    with progress.watch(quiet=quiet) as emit:
        outcome = flow.run(project, emit)
    if as_json:
        out.document(documents.of_outcome(outcome))
        return
    tables.receipt(outcome.dataset)
    tables.run(outcome.run)
    tables.evaluation(outcome.evaluation)
    out.say(f"Report: {out.shown(outcome.report)}")
    out.say(f"Next: tunewright chat {path}")
