"""Make a folder with a commented recipe and some data."""

from __future__ import annotations

import difflib
import shutil
from pathlib import Path
from typing import Any

import click

from tunewright.app.cli import options, out
from tunewright.app.cli.late import Late
from tunewright.core.errors import Problem, UserError

drafts = Late("tunewright.recipe.draft")
TEMPLATES = Path(__file__).parents[3] / "recipe" / "templates"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--template", default="classification", show_default=True, help="Which recipe to begin with.")
@click.option("--list", "listed", is_flag=True, help="Say which recipes there are, with their data rules and gates.")
@options.as_json
def command(folder: Path | None, template: str, listed: bool, as_json: bool) -> None:
    """Make FOLDER with a commented recipe and a small data set. Existing files are never overwritten."""
    if listed:
        show_templates(as_json=as_json)
        return
    if folder is None:
        raise UserError("no folder is named.", do="Write: tunewright init FOLDER, or tunewright init --list")
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


def show_templates(*, as_json: bool) -> None:
    """Every template: what it is for, its data steps in order, and what its gates measure."""
    found = [{"template": name, **described(TEMPLATES / name)} for name in names()]
    if as_json:
        out.document({"templates": found})
        return
    for each in found:
        out.say(f"{each['template']}: {each['about']}")
        out.say(f"  data steps: {', '.join(each['steps'])}")
        out.say(f"  gates: {', '.join(each['gates']) or 'none'}")
    out.say("Next: tunewright init FOLDER --template NAME")


def described(folder: Path) -> dict[str, Any]:
    """A template's first line, its data steps by name, and its gates as "metric of suite"."""
    draft = drafts.read_draft(folder)
    about = (folder / "recipe.yaml").read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
    steps = draft.plain["data"].get("steps", ["deduplicate"])
    gates = draft.plain.get("gates", [])
    return {
        "about": about,
        "steps": [step if isinstance(step, str) else step["type"] for step in steps],
        "gates": [f"{gate['metric']} of {gate['suite']}" for gate in gates],
    }


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
