"""Find sampling settings that make a trained model's answers better, and check them on held-out rows."""

from __future__ import annotations

from pathlib import Path

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late
from tunewright.app.cli.verbs.evaluate import refuse_sets

progress = Late("tunewright.app.cli.progress")
sampling = Late("tunewright.app.sampling")
tables = Late("tunewright.app.cli.sampling_tables")
targets = Late("tunewright.app.targets")


@click.command()
@click.argument("target", default=".")
@click.option("--metric", metavar="NAME", help="What is to be better; else the suite's main metric.")
@click.option("--suite", metavar="NAME", help="Who asks; else the recipe's first that writes answers to its rows.")
@click.option("--rows", type=click.IntRange(2), default=64, show_default=True, help="Validation rows to search on.")
@click.option(
    "--samples", type=click.IntRange(1, 64), default=2, show_default=True, help="Answers a row where answers are drawn."
)
@options.sets
@options.home
@options.quiet
@options.as_json
def command(
    target: str,
    metric: str | None,
    suite: str | None,
    rows: int,
    samples: int,
    sets: tuple[str, ...],
    home: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Tune temperature, top-p and repetition penalty of TARGET's model, without training it.

    TARGET is a recipe, whose model is trained first if that was not done, or a run's or model's folder. 21 settings are
    tried on validation rows; the winner is compared with greedy answers on test rows, and recommended only when its
    gain there is sure. The model's folder is not changed.
    """
    if sets and targets.kind_of(target) != "recipe":
        refuse_sets(sets)
    asked = sampling.Asked(metric, suite, rows, samples)
    with progress.watch(quiet=quiet) as emit:
        record, file = sampling.of_target(target, asked, sets=sets, home=home, emit=emit)
    if as_json:
        out.document(tables.document(record, file))
    else:
        tables.search(record, file)
