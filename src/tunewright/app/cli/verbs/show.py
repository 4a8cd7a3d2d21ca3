"""Show one row as tokens: which are trained, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late
from tunewright.core.errors import UserError

datasets = Late("tunewright.data.dataset")
documents = Late("tunewright.app.cli.documents")
flow = Late("tunewright.app.flow")
loaded = Late("tunewright.app.loaded")
progress = Late("tunewright.app.cli.progress")
projects = Late("tunewright.app.project")
tables = Late("tunewright.app.cli.tables")


@click.command()
@options.project
@click.option("--row", type=int, default=0, show_default=True, help="Which row, from 0.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="train", show_default=True)
def command(
    path: Path, sets: tuple[str, ...], home: Path | None, quiet: bool, as_json: bool, row: int, split: str
) -> None:
    """Show one row of the recipe PATH as the model sees it: the exact tokens, those trained, and why."""
    with progress.watch(quiet=quiet) as emit:
        project = projects.open_project(path, sets=sets, home=home)
        version = flow.prepare(project, emit)
        chat = loaded.base_of(project, emit).chat
    rows = datasets.open_dataset(project.workspace, version).split(split)
    refuse_outside(row, split, count=len(rows))
    view = look(rows, row, chat=chat, loss_on=project.recipe.objective.loss_on)
    if as_json:
        out.document({"split": split, "row": row, **view})
    else:
        tables.tokens(view)


def refuse_outside(row: int, split: str, *, count: int) -> None:
    """Raise UserError when a split of `count` rows has no such row."""
    if not count:
        raise UserError(f"{split} has no rows.", where=f"--split {split}", do="Choose another split.")
    if not 0 <= row < count:
        raise UserError(f"there is no row {row} in {split}.", where=f"--row {row}", do=f"It has rows 0 to {count - 1}.")


def look(rows: Any, index: int, *, chat: Any, loss_on: str) -> dict[str, Any]:
    """A row's turns with the reason why each is trained or not, and its tokens, ids and loss weights."""
    encoded, row = rows.encoded(index), rows.row(index)
    ids = [int(number) for number in encoded.tokens]
    last = len(row.messages) - 1
    turns = [
        {"role": turn["role"], "content": turn["content"], "why": reason(turn, loss_on, last=place == last)}
        for place, turn in enumerate(row.messages)
    ]
    return {
        "source": f"{row.source}:{row.line}",
        "label": row.label,
        "turns": turns,
        "tokens": chat.pieces(ids),
        "ids": ids,
        "weights": [float(weight) for weight in encoded.weights],
    }


def reason(turn: Any, loss_on: str, *, last: bool) -> str:
    """Why a turn is trained, or not."""
    if turn["role"] == "assistant" and turn.get("weight", 1) == 0:
        return "not trained: the row gives it weight 0"
    if loss_on == "all":
        return "trained: objective.loss_on is all"
    if turn["role"] != "assistant":
        return "not trained: the model should not learn to write it"
    if loss_on == "last_answer" and not last:
        return "not trained: objective.loss_on is last_answer"
    return "trained: it is an answer, and the token that ends it"
