"""Measure a trained model beside its base, on the same rows; or several models, or a server."""

from __future__ import annotations

from pathlib import Path

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.gated import refuse
from tunewright.app.cli.late import Late

documents = Late("tunewright.app.cli.documents")
progress = Late("tunewright.app.cli.progress")
tables = Late("tunewright.app.cli.tables")
targets = Late("tunewright.app.targets")


@click.command()
@click.argument("target", nargs=-1)
@click.option("--suite", "suites", multiple=True, metavar="NAME", help="Measure this suite and not the recipe's.")
@click.option("--data", type=click.Path(path_type=Path), help="A recipe whose rows models without one answer.")
@options.sets
@options.home
@options.quiet
@options.as_json
def command(
    target: tuple[str, ...],
    suites: tuple[str, ...],
    data: Path | None,
    sets: tuple[str, ...],
    home: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Measure TARGET: a recipe, a run's or model's folder, a model, or a server (http://HOST/v1#MODEL).

    A recipe's model is trained first if that was not done, and held against its base; a model without a recipe is held
    against the first target. Ends with 1 when a gate of the recipe is not met.
    """
    found = target or (".",)
    if sets and not any(targets.kind_of(each) == "recipe" for each in (*found, *([str(data)] if data else []))):
        refuse_sets(sets)
    with progress.watch(quiet=quiet) as emit:
        answers = targets.evaluate(targets.Asked(found, suites, sets, data, home), emit)
    if as_json:
        out.document(documents.of_answers(answers))
    else:
        for answer in answers:
            tables.answer(answer)
            if answer.report:
                out.say(f"Report: {out.shown(answer.report)}")
    refuse([(answer.verdict, answer.evaluation) for answer in answers if answer.verdict], as_json=as_json)


def refuse_sets(sets: tuple[str, ...]) -> None:
    """A finished run has its recipe inside; it is measured as it was made."""
    if sets:
        raise click.UsageError("--set works on recipes only; this is a finished run.")
