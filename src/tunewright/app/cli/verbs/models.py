"""List models, write their cards and bills of materials, and push them to a hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late

archives = Late("tunewright.app.archives")
models = Late("tunewright.app.models")
pushing = Late("tunewright.app.pushing")
tables = Late("tunewright.app.cli.model_tables")

SAYS = {
    "list": (0, "it takes no names"),
    "show": (1, "name one model"),
    "card": (1, "name one model"),
    "bom": (1, "name one model"),
    "push": (2, "name one model and a repository: organisation/name"),
}
"""How many names an action takes, and what to write."""


@click.command()
@click.argument("action", type=click.Choice(list(SAYS)), default="list")
@click.argument("names", nargs=-1)
@click.option("--dry-run", is_flag=True, help="push: show what would be sent, and send nothing.")
@click.option("--public", is_flag=True, help="push: everybody may read it; without this the repository is private.")
@options.home
@options.quiet
@options.as_json
def command(action: str, names: tuple[str, ...], home: Path | None, quiet: bool, as_json: bool, **how: Any) -> None:
    """List the models of a workspace, or do one of these with them.

    \b
    show NAME        its parents, files, evaluations, and the forms made from it with their proofs
    card NAME        write its model card (README.md) beside it
    bom NAME         write its bill of materials (bom.cdx.json, CycloneDX) beside it
    push NAME REPO   send it with both to a hub (HF_ENDPOINT), with the token in HF_TOKEN

    A NAME is the first characters of a model's name, its folder, or the name of its recipe.
    """
    count, says = SAYS[action]
    if len(names) != count:
        raise click.UsageError(f"models {action}: {says}.")
    if action != "push" and (how["dry_run"] or how["public"]):
        raise click.UsageError("--dry-run and --public go with push.")
    found = done(action, names, workspace=archives.workspace_of(home), how=how | {"quiet": quiet})
    if as_json:
        out.document(tables.document(action, found))
    else:
        tables.show(action, found)


def done(action: str, names: tuple[str, ...], *, workspace: Any, how: dict[str, Any]) -> Any:
    """What an action finds or does."""
    match action:
        case "list":
            return models.shelf(workspace)
        case "show":
            return models.show(workspace, *names)
        case "card":
            return models.write_card(workspace, *names)
        case "bom":
            return models.write_bom(workspace, *names)
        case _:
            return pushed(names, workspace=workspace, how=how)


def pushed(names: tuple[str, ...], *, workspace: Any, how: dict[str, Any]) -> Any:
    """What was sent, or would be; the list of files is shown before anything leaves."""
    parcel = pushing.parcel(workspace, names[0], repository=names[1])
    if how["dry_run"] or not how["quiet"]:
        tables.before(parcel, public=how["public"])
    if how["quiet"]:
        pushing.hide_bars()
    done = pushing.rehearse if how["dry_run"] else pushing.push
    return done(parcel, os.environ, public=how["public"])
