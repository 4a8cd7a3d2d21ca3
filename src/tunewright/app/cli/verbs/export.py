"""Export a trained model: merged, GGUF or int8, proved against what was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late
from tunewright.app.cli.verbs.evaluate import refuse_sets
from tunewright.core.errors import EXIT_GATE, LimitNotMet, Problem

exporting = Late("tunewright.app.exporting")
models = Late("tunewright.app.models")
progress = Late("tunewright.app.cli.progress")
projects = Late("tunewright.app.project")
tables = Late("tunewright.app.cli.export_tables")
talks = Late("tunewright.app.talk")
FORMS = ("merged", "merged-fp32", "merged-bf16", "int8", "gguf-f16", "gguf-q8_0", "gguf-q4_0")


@click.command()
@options.project
@click.option(
    "--form",
    "forms",
    multiple=True,
    type=click.Choice(FORMS),
    default=("merged",),
    show_default=True,
    help="May be given several times; merged: in the number format it was trained to compute in.",
)
def command(
    path: Path, sets: tuple[str, ...], home: Path | None, quiet: bool, as_json: bool, forms: tuple[str, ...]
) -> None:
    """Export the model of PATH (a recipe, a run's folder or a model's folder), and prove each form.

    A form that is further from the trained model than the recipe's `proof` allows is not kept, and the command ends
    with 1.
    """
    with progress.watch(quiet=quiet) as emit:
        project, run = found(path, sets, home=home)
        results = exporting.export(project, run, forms=forms, emit=emit)
        models.accompany(project.workspace, [each.folder for each in results if each.folder])
    if as_json:
        out.document({"exports": [tables.document(each) for each in results]})
    else:
        for each in results:
            tables.show(each)
    refuse(results, as_json=as_json)


def found(path: Path, sets: tuple[str, ...], *, home: Path | None) -> tuple[Any, Any]:
    """A project and its newest run, or those of a finished run's or model's folder."""
    if projects.is_recipe(path):
        project = projects.open_project(path, sets=sets, home=home)
        return project, talks.run_of(project)
    refuse_sets(sets)
    return projects.open_run(path, home=home)


def refuse(results: list[Any], *, as_json: bool) -> None:
    """Raise LimitNotMet with every reason why a form was not kept; with `as_json` the document said it."""
    problems = tuple(
        Problem(f"this form was not kept: {why}.", each.form, "The numbers are kept with the record of the proof.")
        for each in results
        for why in each.proof.problems
    )
    if problems and as_json:
        raise click.exceptions.Exit(EXIT_GATE)
    if problems:
        error = LimitNotMet(problems[0].what, where=problems[0].where, do=problems[0].do)
        error.problems = problems
        raise error
