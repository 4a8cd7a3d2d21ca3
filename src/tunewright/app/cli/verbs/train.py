"""Train, or go on where a run stopped."""

from __future__ import annotations

from pathlib import Path

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late

documents = Late("tunewright.app.cli.documents")
flow = Late("tunewright.app.flow")
progress = Late("tunewright.app.cli.progress")
projects = Late("tunewright.app.project")
tables = Late("tunewright.app.cli.tables")


@click.command()
@options.project
def command(path: Path, sets: tuple[str, ...], home: Path | None, quiet: bool, as_json: bool) -> None:
    """Train a model by the recipe PATH. A run that was stopped goes on where its last checkpoint stands."""
    with progress.watch(quiet=quiet) as emit:
        project = projects.open_project(path, sets=sets, home=home)
        run = flow.train(project, emit)
    if as_json:
        out.document(documents.of_run(run))
        return
    tables.run(run)
    out.say(f"Model: {out.shown(project.workspace.models / run.name)}")
