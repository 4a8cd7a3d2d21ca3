"""Prepare the data and print the receipt."""

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
    """Prepare the data of the recipe PATH: read, check, divide, encode; then print the receipt."""
    with progress.watch(quiet=quiet) as emit:
        project = projects.open_project(path, sets=sets, home=home)
        version = flow.prepare(project, emit)
    if as_json:
        out.document(documents.of_dataset(version))
        return
    tables.receipt(version)
    out.say(f"Data: {out.shown(project.workspace.datasets / version.name)}")
