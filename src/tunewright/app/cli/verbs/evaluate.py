"""Measure a trained model beside its base, on the same rows."""

from __future__ import annotations

from pathlib import Path

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late

documents = Late("tunewright.app.cli.documents")
flow = Late("tunewright.app.flow")
progress = Late("tunewright.app.cli.progress")
projects = Late("tunewright.app.project")
tables = Late("tunewright.app.cli.tables")


@click.command()
@options.project
def command(path: Path, sets: tuple[str, ...], home: Path | None, quiet: bool, as_json: bool) -> None:
    """Measure the model of PATH (a recipe, a run's folder or a model's folder) beside its base.

    Of a recipe, the model is trained first if that was not done.
    """
    with progress.watch(quiet=quiet) as emit:
        if projects.is_recipe(path):
            evaluation = flow.evaluate(projects.open_project(path, sets=sets, home=home), emit)
        else:
            refuse_sets(sets)
            project, run = projects.open_run(path, home=home)
            evaluation = flow.evaluate_run(project, run, emit=emit)
    if as_json:
        out.document(documents.of_evaluation(evaluation))
    else:
        tables.evaluation(evaluation)


def refuse_sets(sets: tuple[str, ...]) -> None:
    """A finished run has its recipe inside; it is measured as it was made."""
    if sets:
        raise click.UsageError("--set works on recipes only; this is a finished run.")
