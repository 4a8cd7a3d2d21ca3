"""Hold several methods and base models against one another on the same data, under one budget."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late

events = Late("tunewright.core.events")
comparing = Late("tunewright.app.comparing_methods")
progress = Late("tunewright.app.cli.progress")
tables = Late("tunewright.app.cli.method_tables")


@click.command()
@options.path
@click.option("--methods", multiple=True, metavar="A,B", help="Methods or presets: lora,dora,bottleneck:width=16,full.")
@click.option("--models", multiple=True, metavar="A,B", help="Base models; none: the recipe's.")
@click.option("--steps", type=click.IntRange(1), help="Optimiser steps of each.")
@click.option("--minutes", type=options.Number(0, min_open=True), help="Minutes of training of each, by its own pace.")
@click.option("--metric", metavar="SUITE.METRIC", help="What is compared; none: the main number of the report.")
@click.option("--forgetting", is_flag=True, help="Measure the loss on general text where the recipe does not.")
@click.option("--out", "page", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.html", help="The page.")
@options.sets
@options.home
@options.quiet
@options.as_json
def command(
    path: Path,
    methods: tuple[str, ...],
    models: tuple[str, ...],
    steps: int | None,
    minutes: float | None,
    metric: str | None,
    forgetting: bool,
    page: Path | None,
    sets: tuple[str, ...],
    home: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train and measure the recipe PATH with several methods, over several base models, and write a table and a page.

    Each is a run as `tunewright run` makes it, in a process of its own; what is done is not done again, and one that
    fails is a row with its reason. Neither --steps nor --minutes: each trains as long as the recipe says.
    """
    asked = comparing.Asked(
        path=path,
        methods=methods,
        models=models,
        steps=steps,
        minutes=minutes,
        metric=metric,
        forgetting=(comparing.GENERAL_SUITE,) if forgetting else (),
        sets=sets,
        home=home,
        page=page,
        shown_on=None if quiet else sys.stderr,
    )
    emit = events.silent if quiet else progress.Lines(sys.stderr, time.monotonic)  # each run has its own live line
    found = comparing.compare_methods(asked, emit)
    if as_json:
        out.document({**found.table.model_dump(mode="json"), "page": str(found.page)})
        return
    tables.methods(found.table)
    out.say(f"Page: {out.shown(found.page)}")
