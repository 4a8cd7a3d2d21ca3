"""Find every mistake of a recipe, each with its line."""

from __future__ import annotations

from pathlib import Path

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late
from tunewright.recipe.draft import read_draft
from tunewright.recipe.screen import surely_good

checker = Late("tunewright.recipe.check")


@click.command()
@options.path
@options.sets
@options.as_json
def command(path: Path, sets: tuple[str, ...], as_json: bool) -> None:
    """Find every mistake of the recipe PATH: unknown keys, wrong values, missing files."""
    draft = read_draft(path, sets=sets)
    if not surely_good(draft):
        checker.check_recipe(path, sets=sets)
    if as_json:
        out.document({"recipe": str(draft.file), "problems": []})
    else:
        out.say(f"{draft.file}: no mistakes.")
