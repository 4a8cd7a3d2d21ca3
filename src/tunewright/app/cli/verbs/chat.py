"""Talk to the tuned model, to its base, or to both."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late
from tunewright.app.cli.verbs.evaluate import refuse_sets
from tunewright.core.errors import UserError

questions = Late("tunewright.core.language_model")
progress = Late("tunewright.app.cli.progress")
projects = Late("tunewright.app.project")
talks = Late("tunewright.app.talk")
Ask = Callable[[list[Any], str], Iterator[str]]


@click.command()
@options.project
@click.option("--message", "-m", help="Ask this and end.")
@click.option("--base", "who", flag_value="base", help="Talk to the base model.")
@click.option("--both", "who", flag_value="both", help="Both answer.")
@click.option("--temperature", type=options.Number(0, 100), default=0, help="Draw tokens; 0: the likeliest.")
@click.option("--top-p", type=options.Number(0, 1, min_open=True), default=1, help="Draw from this share.")
@click.option("--seed", type=click.IntRange(0, (1 << 64) - 1), default=0, help="Draws of one seed are the same.")
@click.option("--max-tokens", type=click.IntRange(1), default=256, show_default=True, help="Longest answer.")
def command(
    path: Path,
    sets: tuple[str, ...],
    home: Path | None,
    quiet: bool,
    as_json: bool,
    message: str | None,
    who: str | None,
    **how: Any,
) -> None:
    """Talk to the model of PATH (a recipe, a run's folder or a model's folder). An empty line begins anew."""
    if as_json and message is None:
        raise click.UsageError("--json needs --message: a conversation is not one document.")
    with progress.watch(quiet=quiet) as emit:
        talk = open_talk(path, sets, home=home, emit=emit)
    speakers = {"base": ("base",), "both": ("base", "tuned")}.get(who or "", ("tuned",))
    ask = asker(talk, how)
    if message is None:
        converse(ask, speakers)
    elif as_json:
        answers = {name: "".join(ask([turn("user", message)], name)) for name in speakers}
        forward = {name: getattr(talk.models, name).forward for name in speakers}
        out.document({"message": message, "answers": answers, "forward": forward})
    else:
        for name in speakers:
            say(ask([turn("user", message)], name), name, speakers=speakers)


def asker(talk: Any, how: dict[str, Any]) -> Ask:
    """A function of a conversation and who answers it, that gives the answer in pieces."""
    sampling = questions.Sampling(temperature=how["temperature"], top_p=how["top_p"], seed=how["seed"])
    return lambda turns, name: talk.stream(
        turns, base=name == "base", max_new_tokens=how["max_tokens"], sampling=sampling
    )


def open_talk(path: Path, sets: tuple[str, ...], *, home: Path | None, emit: Any) -> Any:
    """Models ready to answer, of a recipe or of a finished run."""
    if projects.is_recipe(path):
        return talks.open_talk(projects.open_project(path, sets=sets, home=home), emit)
    refuse_sets(sets)
    project, run = projects.open_run(path, home=home)
    return talks.open_talk(project, emit, run=run)


def converse(ask: Ask, speakers: tuple[str, ...]) -> None:
    """Read lines until the end of input; each model keeps its own conversation."""
    if sys.stdin.isatty():
        out.warn("Type a message and Enter. An empty line begins a new conversation; Ctrl-D ends.")
    turns: dict[str, list[Any]] = {name: [] for name in speakers}
    for said in lines():
        if not said:
            turns = {name: [] for name in speakers}
            continue
        try:
            for name in speakers:
                asked = [*turns[name], turn("user", said)]
                turns[name] = [*asked, turn("assistant", say(ask(asked, name), name, speakers=speakers))]
        except UserError as error:
            out.warn(str(error))


def say(pieces: Iterable[str], name: str, *, speakers: tuple[str, ...]) -> str:
    """Show an answer as it comes, with who gives it where two speak; returns it whole."""
    whole = ""
    for piece in pieces:
        if not whole and len(speakers) > 1:
            out.say(f"{name}: ", end="")
        whole += piece
        out.say(piece, end="")
    out.say("")
    return whole


def lines() -> Iterator[str]:
    """Lines of standard input without the space around them; a prompt is shown on a terminal."""
    while True:
        if sys.stdin.isatty():
            print("> ", end="", file=sys.stderr, flush=True)
        said = sys.stdin.readline()
        if not said:
            return
        yield said.strip()


def turn(role: str, content: str) -> dict[str, Any]:
    """One message of a conversation."""
    return {"role": role, "content": content}
