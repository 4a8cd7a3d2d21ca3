"""Do all of it; what has not changed is skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.gated import refuse
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
    """Do all that the recipe PATH says: data, training, measuring, gates, report. Stages that are done are skipped.

    Ends with 1 when a gate is not met.
    """
    project = projects.open_project(path, sets=sets, home=home)
    if processes > 1:
        with progress.watch(quiet=quiet) as emit:
            flow.ready(project, emit)
        words = ranks.train_words(sys.argv[1:], leave_out=["--json"])
        if code := ranks.launch(words, processes, environment=os.environ, stdout=subprocess.DEVNULL):
            sys.exit(code)
    with progress.watch(quiet=quiet) as emit:
        outcome = flow.run(project, emit)
    if as_json:
        out.document(documents.of_outcome(outcome))
    else:
        tables.receipt(outcome.dataset)
        tables.run(outcome.run)
        tables.evaluation(outcome.evaluation)
        tables.verdict(outcome.verdict)
        out.say(f"Report: {out.shown(outcome.report)}")
        if outcome.verdict.passed:
            out.say(f"Next: tunewright chat {path}")
    refuse([(outcome.verdict, outcome.evaluation)], as_json=as_json)
