"""Make a folder with a commented recipe and some data."""

from __future__ import annotations

import difflib
import shutil
from pathlib import Path

import click

from tunewright.app.cli import options, out
from tunewright.core.errors import Problem, UserError

TEMPLATES = Path(__file__).parents[3] / "recipe" / "templates"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--template", default="classification", show_default=True, help="Which recipe to begin with.")
@options.as_json
def command(folder: Path, template: str, as_json: bool) -> None:
    """Make FOLDER with a commented recipe and a small data set. Existing files are never overwritten."""
    source = find(template)
    files = sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file())
    refuse_overwriting(folder, files)
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file, folder / file)
    if as_json:
        out.document({"folder": str(folder), "template": template, "files": [file.as_posix() for file in files]})
        return
    out.say(f"{folder} holds {', '.join(file.as_posix() for file in files)}.")
    out.say(f"Next: tunewright run {folder}")


def names() -> list[str]:
    """The templates there are."""
    return sorted(path.name for path in TEMPLATES.iterdir() if (path / "recipe.yaml").exists())


def find(template: str) -> Path:
    """A template's folder. Raises UserError with the nearest name."""
    known = names()
    if template not in known:
        close = difflib.get_close_matches(template, known, n=1, cutoff=0.4)
        hint = f'Did you mean "{close[0]}"?' if close else f"There is: {', '.join(known)}."
        raise UserError(f'no template is called "{template}".', do=hint)
    return TEMPLATES / template


def refuse_overwriting(folder: Path, files: list[Path]) -> None:
    """Raise UserError when a file of the template is there already, or the folder is a file."""
    if folder.exists() and not folder.is_dir():
        raise UserError("this is a file, not a folder.", where=str(folder), do="Name another folder.")
    there = [folder / file for file in files if (folder / file).exists()]
    if there:
        do = "Name another folder, or move it away."
        raise UserError.many(tuple(Problem("this file exists already.", str(path), do) for path in there))
