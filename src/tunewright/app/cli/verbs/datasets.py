"""List data sets, compare them, and trace rows and texts to runs and models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late

archives = Late("tunewright.app.archives")
datasets = Late("tunewright.app.datasets")
documents = Late("tunewright.app.cli.dataset_documents")
openlineage = Late("tunewright.app.openlineage")
projects = Late("tunewright.app.project")
tables = Late("tunewright.app.cli.dataset_tables")

NAMES = {"list": (0, 0), "show": (1, 1), "diff": (2, 2), "lineage": (1, 1), "find": (1, 1), "export": (0, 0)}
"""How many arguments an action takes; `expire` takes any number."""
SAYS = {
    "list": "it takes no names",
    "show": "name one data set",
    "diff": "name two data sets",
    "lineage": "name one row: an id, or FILE:LINE",
    "find": "give one text, in quotation marks",
    "export": "it takes no names",
}


@click.command()
@click.argument(
    "action", type=click.Choice(["list", "show", "diff", "lineage", "find", "export", "expire"]), default="list"
)
@click.argument("names", nargs=-1)
@click.option("--dataset", "among", multiple=True, metavar="NAME", help="lineage, find: only in these data sets.")
@click.option(
    "--limit", type=click.IntRange(0), default=20, show_default=True, help="find: rows listed; diff: examples."
)
@click.option("--openlineage", "events", type=click.Path(path_type=Path, dir_okay=False), help="export: the file.")
@options.home
@options.quiet
@options.as_json
def command(action: str, names: tuple[str, ...], home: Path | None, quiet: bool, as_json: bool, **how: Any) -> None:
    """List the data sets of a workspace, or do one of these with them.

    \b
    show NAME       its receipt, sources, steps, checklist, files, and the runs on it
    diff A B        rows added, removed and changed; numbers side by side
    lineage ROW     from a line of a file (FILE:LINE) or a row's id to the runs that trained on it
    find TEXT       which data sets, runs and models saw this text
    export          what was prepared and trained, as OpenLineage events (--openlineage FILE)
    expire [NAME]   delete data sets whose last day (data.retention.until) is over

    A NAME is the first characters of a data set's name, or the name of its recipe.
    """
    least, most = NAMES.get(action, (0, len(names)))
    if not least <= len(names) <= most:
        raise click.UsageError(f"datasets {action}: {SAYS[action]}.")
    if (action == "export") != (how["events"] is not None):
        raise click.UsageError("export and --openlineage FILE go together.")
    workspace = archives.workspace_of(home)
    found = done(action, names, workspace=workspace, how=how)
    if as_json:
        out.document(documents.of(action, found))
    else:
        tables.show(action, found, limit=how["limit"])


def done(action: str, names: tuple[str, ...], *, workspace: Any, how: dict[str, Any]) -> Any:
    """What an action finds or does."""
    match action:
        case "list":
            return datasets.shelf(workspace)
        case "show":
            return datasets.show(workspace, *names)
        case "diff":
            return datasets.diff(workspace, a=names[0], b=names[1], examples=how["limit"])
        case "lineage":
            return datasets.trace(workspace, *names, names=how["among"])
        case "find":
            return datasets.find(workspace, *names, names=how["among"], limit=how["limit"])
        case "export":
            return how["events"], openlineage.export(workspace, how["events"])
        case _:
            return datasets.expire(projects.Place(workspace), names=names)
