"""Print the recipe's JSON Schema, for editors."""

from __future__ import annotations

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late

schemas = Late("tunewright.recipe.schema")


@click.command()
@options.as_json
def command(as_json: bool) -> None:
    """Print the JSON Schema (draft 2020-12) of recipes; it is JSON with and without --json."""
    print(schemas.text(), end="", file=out.stream() if as_json else None, flush=True)
