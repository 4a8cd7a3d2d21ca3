"""Arguments and options that verbs share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

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


class Number(click.FloatRange):
    """A number in a range; what is no number ("nan") is refused, too, though no comparison says so."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number. Raises click.BadParameter."""
        found = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value} is not a number", param, ctx)
        return found


def project(function: CommandT) -> CommandT:
    """PATH, --set, --home, --json and --quiet: what verbs that do work take."""
    return path(sets(home(quiet(as_json(function)))))
