"""Check this machine, and whether a recipe's method fits its model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late

doctor = Late("tunewright.app.doctor")
projects = Late("tunewright.app.project")
tables = Late("tunewright.app.cli.findings")


@click.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@options.sets
@options.home
@options.as_json
def command(path: Path | None, sets: tuple[str, ...], home: Path | None, as_json: bool) -> None:
    """Check processors, memory, disk, libraries and speed; with a recipe PATH also its model and method.

    Exit code 1 when something needed is missing.
    """
    found = doctor.examine(home)
    if path is not None:
        found += doctor.examine_recipe(projects.open_project(path, sets=sets, home=home))
    if as_json:
        out.document({"checks": [asdict(each) for each in found]})
    else:
        tables.show(found)
    if any(each.status == "fail" for each in found):
        raise click.exceptions.Exit(1)
