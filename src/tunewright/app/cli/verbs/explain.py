"""Say what a key of the recipe means, its default and why."""

from __future__ import annotations

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late

explaining = Late("tunewright.recipe.explain")


@click.command()
@click.argument("key", default="recipe")
@options.as_json
def command(key: str, as_json: bool) -> None:
    """Say what KEY means, such as training.learning_rate or method.lora; without KEY, list all."""
    text = explaining.explain(key)
    if as_json:
        out.document({"key": key, "text": text})
    else:
        out.say(text)
