"""Talk to the tuned model, to its base, or to both."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late
from tunewright.app.cli.verbs.evaluate import refuse_sets
from tunewright.core.errors import UserError

progress = Late("tunewright.app.cli.progress")
projects = Late("tunewright.app.project")
talks = Late("tunewright.app.talk")


@click.command()
@options.project
@click.option("--message", "-m", help="Ask this and end.")
@click.option("--base", "who", flag_value="base", help="Talk to the base model.")
@click.option("--both", "who", flag_value="both", help="Both answer.")
def command(
    path: Path,
    sets: tuple[str, ...],
    home: Path | None,
    quiet: bool,
    as_json: bool,
    message: str | None,
    who: str | None,
) -> None:
    """Talk to the model of PATH (a recipe, a run's folder or a model's folder). An empty line begins anew."""
    if as_json and message is None:
        raise click.UsageError("--json needs --message: a conversation is not one document.")
    with progress.watch(quiet=quiet) as emit:
        talk = open_talk(path, sets, home=home, emit=emit)
    speakers = {"base": ("base",), "both": ("base", "tuned")}.get(who or "", ("tuned",))
    if message is None:
        converse(talk, speakers)
        return
    answers = {name: talk.answer([turn("user", message)], base=name == "base") for name in speakers}
    if as_json:
        out.document({"message": message, "answers": answers})
        return
    for name, answer in answers.items():
        out.say(line(name, answer, speakers=speakers))


def open_talk(path: Path, sets: tuple[str, ...], *, home: Path | None, emit: Any) -> Any:
    """Models ready to answer, of a recipe or of a finished run."""
    if projects.is_recipe(path):
        return talks.open_talk(projects.open_project(path, sets=sets, home=home), emit)
    refuse_sets(sets)
    project, run = projects.open_run(path, home=home)
    return talks.open_talk(project, emit, run=run)


def converse(talk: Any, speakers: tuple[str, ...]) -> None:
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
                answer = talk.answer(asked, base=name == "base")
                turns[name] = [*asked, turn("assistant", answer)]
                out.say(line(name, answer, speakers=speakers))
        except UserError as error:
            out.warn(str(error))


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


def line(name: str, answer: str, *, speakers: tuple[str, ...]) -> str:
    """An answer, with who gave it where two speak."""
    return f"{name}: {answer}" if len(speakers) > 1 else answer
