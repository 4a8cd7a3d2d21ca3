"""Small recipes and parts for tests of the stage `data`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tunewright.core import catalog
from tunewright.core.events import Emit, silent
from tunewright.core.nouns import DatasetVersion
from tunewright.core.ports import Converted, Message, Row
from tunewright.core.workspace import Workspace
from tunewright.data.encode import TrainingChat
from tunewright.data.forms import Rows, learned
from tunewright.data.prepare import DataParts, Inputs, dataset_key, prepare
from tunewright.data.rows import make_row
from tunewright.recipe.recipe import DataOptions


def write_jsonl(path: Path, rows: Iterable[Any]) -> Path:
    """Rows as JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def every(kind: str) -> dict[str, Any]:
    """Every part of a kind with its defaults."""
    return {name: catalog.work(kind, name)(catalog.options(kind, name)()) for name in catalog.names(kind)}


def parts_of(options: DataOptions) -> DataParts:
    """The parts that a recipe's data need."""
    one = options.shape
    shapes = every("shapes") if one == "auto" else {one.type: catalog.work("shapes", one.type)(one)}
    steps = tuple(catalog.work("steps", step.type)(step) for step in options.steps)
    return DataParts(every("sources"), shapes, steps)


def prepared(
    folder: Path,
    chat: TrainingChat,
    *,
    options: Mapping[str, Any],
    loss_on: str = "answers",
    emit: Emit = silent,
    rows: Rows = "conversations",
) -> DatasetVersion:
    """The stage over files in a folder; the workspace is `folder/workspace`."""
    checked = DataOptions.model_validate(options)
    key = dataset_key(checked, chat, folder=folder, loss_on=learned(rows, loss_on))
    inputs = Inputs(chat, folder, loss_on, key, "2026-01-01T00:00:00Z", rows)
    return prepare(checked, parts_of(checked), inputs=inputs, workspace=workspace_of(folder), emit=emit)


def workspace_of(folder: Path) -> Workspace:
    """Where `prepared` puts things."""
    return Workspace(folder / "workspace")


def row(text: str, label: str | None = None, *, source: str = "f", line: int = 1) -> Row:
    """A row with one question; the answer is the label."""
    turns: tuple[Message, ...] = ({"role": "user", "content": text}, {"role": "assistant", "content": label or "yes"})
    return make_row(Converted(turns, label), source=source, line=line)
