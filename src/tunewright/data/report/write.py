"""The data report: one HTML file that opens anywhere, and beside it the same as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from tunewright.core.errors import UserError
from tunewright.core.markdown import cell
from tunewright.core.nouns import DatasetVersion
from tunewright.core.workspace import write_bytes
from tunewright.data.report.view import as_json, look, view_of

PAGE, TEXT = "data_report.html.j2", "data_report.md.j2"
NAME = "report.html"
"""In the data set's folder, where it goes when the data set goes."""
MARK = "tunewright data report"
"""Stands in the first lines of all three files, so that nothing else is ever overwritten."""
HEAD_BYTES = 512


class Told(NamedTuple):
    """What a report says beside numbers: its title, the command that makes it, and the steps of the recipe in order."""

    title: str
    command: str
    steps: Sequence[str]


def write_report(path: Path, folder: Path, *, version: DatasetVersion, told: Told) -> Path:
    """Write the report on the data set in a folder; returns `path`, which ends in `.html`.

    Raises UserError where one of the three files is there and is no report of ours.
    """
    files = [path, path.with_suffix(".md"), path.with_suffix(".json")]
    check_files(files)
    looked = look(folder, version, steps=told.steps)
    view = view_of(looked, folder, title=told.title, command=told.command)
    texts = [html(view), markdown(view), json.dumps(as_json(looked, view), indent=1, ensure_ascii=False) + "\n"]
    for file, text in reversed(list(zip(files, texts, strict=True))):
        write_bytes(file, text.encode("utf-8", "replace"))
    return path


def check_files(files: Sequence[Path]) -> None:
    """Raise UserError for a name that is no `.html`, and where a file would be overwritten that is no report."""
    if files[0].suffix != ".html":
        raise UserError("a report is an HTML file.", where=str(files[0]), do="Give a name that ends in .html.")
    for file in files:
        if file.is_dir() or (file.exists() and MARK.encode() not in _head(file)):
            raise UserError(
                "this is there already, and it is no data report.", where=str(file), do="Give the report another name."
            )


def _head(file: Path) -> bytes:
    with file.open("rb") as content:
        return content.read(HEAD_BYTES)


def html(view: Mapping[str, Any]) -> str:
    """The page. Text from rows and recipes is escaped by the template, never trusted."""
    return _environment(autoescape=True).get_template(PAGE).render(**view)


def markdown(view: Mapping[str, Any]) -> str:
    """The same without pictures, as Markdown tables."""
    environment = _environment(autoescape=False)
    environment.filters["cell"] = cell
    return environment.get_template(TEXT).render(**view)


def _environment(*, autoescape: bool) -> jinja2.Environment:
    places = [resources.files(room) / "pages" for room in ("tunewright.data.report", "tunewright.core")]
    loaders = [jinja2.FunctionLoader(lambda name, place=place: _text(place / name)) for place in places]
    environment = jinja2.Environment(
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.ChoiceLoader(loaders),
    )
    environment.globals["mark"] = MARK
    environment.filters["n"] = "{:,}".format
    return environment


def _text(file: Traversable) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None
