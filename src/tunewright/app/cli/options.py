"""Arguments and options that verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

CommandT = TypeVar("CommandT", bound=Callable[..., object])

path = click.argument("path", type=click.Path(path_type=Path), default=Path())
"""A recipe, or a folder with `recipe.yaml`; where it is left out, the folder one is in."""

sets = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key, such as training.epochs=2.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
home = click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="The workspace folder.")
quiet = click.option("--quiet", "-q", is_flag=True, help="No progress on standard error.")


processes = click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that train together on this machine.",
)


def project(function: CommandT) -> CommandT:
    """PATH, --set, --home, --json and --quiet: what verbs that do work take."""
    return path(sets(home(quiet(as_json(function)))))
