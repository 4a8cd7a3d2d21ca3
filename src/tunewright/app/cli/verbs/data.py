"""Prepare the data and print the receipt."""

from __future__ import annotations

from pathlib import Path

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late

checklist = Late("tunewright.data.checklist")
documents = Late("tunewright.app.cli.documents")
data_report = Late("tunewright.app.data_report")
flow = Late("tunewright.app.flow")
progress = Late("tunewright.app.cli.progress")
projects = Late("tunewright.app.project")
tables = Late("tunewright.app.cli.tables")


@click.command()
@options.project
@click.option(
    "--report",
    is_flag=False,
    flag_value="",
    metavar="[FILE.html]",
    help="Write a report, too: into the data set's folder, or as FILE.",
)
def command(
    path: Path, sets: tuple[str, ...], home: Path | None, quiet: bool, as_json: bool, report: str | None
) -> None:
    """Prepare the data of the recipe PATH: read, check, divide, encode; then print the receipt."""
    if report:
        data_report.check(Path(report))
    with progress.watch(quiet=quiet) as emit:
        project = projects.open_project(path, sets=sets, home=home)
        version = flow.prepare(project, emit)
    checked = checklist.read(project.workspace.datasets / version.name)
    written = data_report.write(project, version, path=Path(report) if report else None) if report is not None else None
    if as_json:
        more = {"report": str(written)} if written is not None else {}
        out.document({**documents.of_dataset(version), "checklist": checklist.as_json(checked), **more})
        return
    tables.receipt(version)
    tables.checklist(checked)
    out.say(f"Data: {out.shown(project.workspace.datasets / version.name)}")
    if written is not None:
        out.say(f"Report: {out.shown(written)}")
