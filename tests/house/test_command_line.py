"""The command line is frozen: a verb or an option that goes or changes its form breaks somebody's script."""

from __future__ import annotations

import click
from command_line import GOLDEN, frozen, verbs


def test_the_command_line_is_the_frozen_one() -> None:
    now = frozen(verbs())
    assert now == GOLDEN.read_text(encoding="utf-8"), "On purpose? python scripts/command_line.py --write"


def test_every_verb_can_answer_in_json() -> None:
    assert [verb.name for verb in verbs() if "--json flag" not in verb.parameters] == []


def test_every_verb_says_what_it_does() -> None:
    assert [verb.name for verb in verbs() if len(verb.help.splitlines()) < 3] == []


@click.group()
def before() -> None:
    pass


@before.command()
@click.argument("recipe", type=click.Path())
@click.option("--set", "sets", multiple=True)
@click.option("--json", is_flag=True)
def train(recipe: str, sets: tuple[str, ...], json: bool) -> None:
    """Train."""


@click.group()
def after() -> None:
    pass


@after.command("train")
@click.argument("recipe", type=click.Path())
@click.option("--set", "sets")
@click.option("--json", is_flag=True)
def train_once(recipe: str, sets: str, json: bool) -> None:
    """Train."""


def test_an_option_that_changes_its_form_changes_the_text() -> None:
    assert frozen(verbs(before)) == "train\n  --json flag\n  --set text many\n  RECIPE path required\n"
    assert frozen(verbs(after)) != frozen(verbs(before))
