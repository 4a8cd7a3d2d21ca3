"""Let a model or people compare the answers of two models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late

evaluations = Late("tunewright.app.found")
judging = Late("tunewright.app.judging")
judging_people = Late("tunewright.app.judging_people")
limits = Late("tunewright.evaluate.judging.limits")
progress = Late("tunewright.app.cli.progress")
tables = Late("tunewright.app.cli.judge_tables")

OF_MODEL = ("url", "model", "rubric", "labels", "max_usd", "usd_per_million", "max_requests", "max_tokens", "timeout")
OF_PEOPLE = ("port", "raters", "results")


@click.command()
@click.argument("who", type=click.Choice(["model", "people"]))
@click.argument("evaluation", type=click.Path(path_type=Path), default=Path())
@click.option("--way", help="Which answers, by way of asking; else the first that were written.")
@click.option("--between", nargs=2, default=("base", "tuned"), metavar="A B", help="Two models; B's wins are counted.")
@click.option("--pairs", type=click.IntRange(1), help="At most so many pairs, drawn with the seed.")
@click.option("--seed", type=click.IntRange(0, (1 << 63) - 1), default=0, help="Of the order of pairs and sides.")
@click.option("--url", help="model: an OpenAI-compatible server; its key in TUNEWRIGHT_API_KEY.")
@click.option("--model", help="model: the name of the judge on that server.")
@click.option("--rubric", default="", help="model: what the judge should look at above all.")
@click.option("--labels", type=click.Path(path_type=Path), help="model: people's votes to compare with.")
@click.option("--max-usd", type=options.Number(0), help="model: stop before this is spent.")
@click.option("--usd-per-million", nargs=2, type=options.Number(0), metavar="READ WRITTEN", help="model: token prices.")
@click.option("--max-requests", type=click.IntRange(0), help="model: stop after so many requests.")
@click.option("--max-tokens", type=click.IntRange(1), default=512, show_default=True, help="model: longest answer.")
@click.option("--timeout", type=options.Number(0, min_open=True), default=120, help="model: seconds for an answer.")
@click.option("--port", type=click.IntRange(0, 65535), default=8642, show_default=True, help="people: 0 is any free.")
@click.option(
    "--raters", type=click.IntRange(1), default=2, show_default=True, help="people: end when so many have done."
)
@click.option("--results", is_flag=True, help="people: show no page; write what the votes so far amount to.")
@options.home
@options.quiet
@options.as_json
@click.pass_context
def command(
    context: click.Context,
    who: str,
    evaluation: Path,
    way: str | None,
    between: tuple[str, str],
    pairs: int | None,
    seed: int,
    home: Path | None,
    quiet: bool,
    as_json: bool,
    **how: Any,
) -> None:
    """Compare two models' answers pair by pair, judged by a model or by people.

    EVALUATION is a folder below evaluations/ of a workspace; of a recipe, a run or a model it is the newest. A model is
    asked in both orders. People judge on a page of this machine, by keyboard, and never see which model is which.
    """
    refuse_others(context, OF_PEOPLE if who == "model" else OF_MODEL, who=who)
    found = evaluations.find_evaluation(evaluation, home=home)
    duel = judging.duel_of(found, judging.Asked(way, between, seed, pairs))
    if who == "model":
        with progress.watch(quiet=quiet) as emit:
            record, file = by_model(found, duel, how=how, emit=emit)
        show = tables.judging
    else:
        record, file = by_people(found, duel, how=how)
        show = tables.people
    if as_json:
        out.document({"file": str(file), **record.model_dump(mode="json")})
    else:
        show(record, file)


def by_model(found: Any, duel: Any, *, how: dict[str, Any], emit: Any) -> Any:
    """A model judges; the record and its file."""
    if not how["url"] or not how["model"]:
        raise click.UsageError("a judging model needs --url and --model.")
    if how["max_usd"] is not None and not how["usd_per_million"]:
        raise click.UsageError("--max-usd needs the server's prices: --usd-per-million READ WRITTEN.")
    server = judging.Server(how["url"], how["model"], how["rubric"], how["max_tokens"], how["timeout"])
    terms = judging.Terms(
        limits.Limits(how["max_requests"], how["max_usd"]),
        limits.Prices(*(how["usd_per_million"] or ())),
        how["labels"],
    )
    return judging.judge_by_model(found, duel, server=server, terms=terms, emit=emit)


def by_people(found: Any, duel: Any, *, how: dict[str, Any]) -> Any:
    """People judge, until they are done or Ctrl-C; the record and its file."""
    session = judging_people.open_session(found, duel)
    if not how["results"] and session.finished() >= how["raters"]:
        out.warn(f"{session.finished()} raters are done already; a larger --raters lets more people in.")
    elif not how["results"]:
        judging_people.serve(session, port=how["port"], raters=how["raters"], ready=invite)
    return judging_people.results(session, found)


def invite(address: str) -> None:
    """Say where the page is; on standard error, which `--json` leaves free."""
    out.warn(f"Judge here: {address}")
    out.warn("Every vote is saved at once. Ctrl-C ends the page and shows the results; the same command goes on.")


def refuse_others(context: click.Context, names: tuple[str, ...], *, who: str) -> None:
    """Options of the other kind of judge mean nothing here."""
    given = [name for name in names if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
    if given:
        raise click.UsageError(f"--{given[0].replace('_', '-')} means nothing to `judge {who}`.")
