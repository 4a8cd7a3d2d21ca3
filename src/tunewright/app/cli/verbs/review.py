"""Let people rate, accept, reject and edit rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late

progress = Late("tunewright.app.cli.progress")
projects = Late("tunewright.app.project")
queue = Late("tunewright.data.review.queue")
reviewing = Late("tunewright.app.reviewing")
tables = Late("tunewright.app.cli.review_tables")


@click.command()
@options.project
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="train", show_default=True)
@click.option("--sample", type=click.IntRange(1), default=100, show_default=True, help="At most so many rows.")
@click.option("--seed", type=click.IntRange(0, (1 << 63) - 1), default=0, help="Of which rows, and in which order.")
@click.option(
    "--order",
    type=click.Choice(["random", "worst"]),
    default="random",
    show_default=True,
    help="worst: the lowest column quality first.",
)
@click.option("--rater", help="The name of the one person who reviews.")
@click.option("--raters", type=click.IntRange(1), help="End when so many are done; 1 with --rater, else 2.")
@click.option("--port", type=click.IntRange(0, 65535), default=8643, show_default=True, help="0 is any free.")
@click.option("--summary", is_flag=True, help="Show no page; say what the decisions so far amount to.")
def command(path: Path, sets: tuple[str, ...], home: Path | None, quiet: bool, as_json: bool, **how: Any) -> None:
    """Rate, accept, reject and edit rows of the recipe PATH on a page of this machine.

    Decisions go into review.jsonl beside the recipe, each as soon as it is made. They change nothing by themselves: the
    data step `review` carries them out.
    """
    project = projects.open_project(path, sets=sets, home=home)
    if not how["summary"]:
        with progress.watch(quiet=quiet) as emit:
            version = reviewing.prepare(project, emit)
        serve(project, version, how=how)
    found, file = reviewing.summary(project)
    if as_json:
        out.document({"file": str(file), "step": reviewing.carries_out(project), **found.model_dump(mode="json")})
        return
    tables.summary(found, file)
    if found.rows and not reviewing.carries_out(project):
        out.say("These decisions count once the recipe has the step: data: {steps: [..., review]}.")


def serve(project: Any, version: Any, *, how: dict[str, Any]) -> None:
    """Show the page until everybody is done."""
    asked = reviewing.Asked(how["split"], queue.Draw(how["sample"], how["seed"], how["order"]))
    desk = reviewing.Desk(how["port"], how["raters"] or (1 if how["rater"] else 2))
    name = f"#{quote(how['rater'], safe='')}" if how["rater"] else ""
    told: list[str] = []

    def invite(address: str) -> None:
        told.append(address)
        out.warn(f"Review here: {address}{name}")
        out.warn("Every decision is saved at once. Ctrl-C ends the page; the same command goes on.")

    reviewing.serve(project, version, asked=asked, desk=desk, ready=invite)
    if not told:
        out.warn("Everybody is done with these rows; a larger --sample or --raters goes on.")
