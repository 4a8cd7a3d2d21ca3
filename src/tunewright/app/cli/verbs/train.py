"""Train, or go on where a run stopped."""

from __future__ import annotations

import os
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
training = Late("tunewright.app.training")


@click.command()
@options.project
@options.processes
def command(path: Path, sets: tuple[str, ...], home: Path | None, quiet: bool, as_json: bool, processes: int) -> None:
    """Train a model by the recipe PATH. A run that was stopped goes on where its last checkpoint stands."""
    project = projects.open_project(path, sets=sets, home=home)
    if training.rank() > 0:
        flow.assist(project)
        return
    if processes > 1:
        with progress.watch(quiet=quiet) as emit:
            flow.prepare(project, emit)
        words = ranks.train_words(sys.argv[1:])
        sys.exit(ranks.launch(words, processes, environment=os.environ, stdout=out.descriptor()))
    with progress.watch(quiet=quiet) as emit:
        run = flow.train(project, emit)
    if as_json:
        out.document(documents.of_run(run))
        return
    tables.run(run)
    out.say(f"Model: {out.shown(project.workspace.models / run.name)}")
