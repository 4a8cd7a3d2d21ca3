"""The rows of every template, prepared for real: no row that is measured stands among those that are trained.

The step `contamination` says so of the rows as they are divided; another test says it of every row, since another seed
divides them otherwise.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tunewright.app import evaluating, flow, resolve
from tunewright.app.project import Project, open_project
from tunewright.core.errors import LimitNotMet
from tunewright.core.events import silent
from tunewright.core.nouns import DatasetVersion
from tunewright.core.ports import Row
from tunewright.data.dataset import open_dataset
from tunewright.data.held import held
from tunewright.recipe.schema import FILE

TEMPLATES = FILE.parent / "templates"
NAMES = sorted(path.parent.name for path in TEMPLATES.glob("*/recipe.yaml"))


def opened(folder: Path, model: Path, *sets: str) -> Project:
    """The recipe of a folder over the tiny model, whose tokens are short."""
    tiny = (f"model.name={model}", "data.max_tokens=2048")
    return open_project(folder, sets=(*tiny, *sets), home=folder / "home")


def copied(name: str, folder: Path) -> Path:
    """A template as `tunewright init` copies it."""
    return shutil.copytree(TEMPLATES / name, folder / name)


def overlap_of(project: Project, version: DatasetVersion) -> dict[str, Any]:
    """What the step found."""
    path = project.workspace.datasets / version.name / "report-contamination.json"
    return json.loads(path.read_text(encoding="utf-8"))


def rows_of(project: Project, version: DatasetVersion) -> Iterator[Row]:
    """Rows of all splits."""
    found = open_dataset(project.workspace, version)
    for split in map(found.split, ("train", "validation", "test")):
        yield from map(split.row, range(len(split)))


@pytest.mark.parametrize("name", NAMES)
def test_no_training_row_of_a_template_holds_a_row_that_is_measured(
    name: str, tmp_path: Path, tiny_model_folder: Path
) -> None:
    project = opened(copied(name, tmp_path), tiny_model_folder)
    version = flow.prepare(project, silent)
    found = overlap_of(project, version)
    assert (found["exact"], found["near"], found["examples"]) == (0, 0, [])
    suites = {suite.name for suite in resolve.suites(project.recipe, labels=()) if suite.own}
    assert suites >= {"general"}
    assert set(found["against"]) == {"validation", "test"} | suites
    assert all(side["rows"] and side["held_by"] == 0 for side in found["against"].values())
    assert found["training_rows"] == version.receipt.splits["train"]


@pytest.mark.parametrize("name", NAMES)
def test_no_row_at_all_of_a_template_holds_a_row_of_its_suites(
    name: str, tmp_path: Path, tiny_model_folder: Path
) -> None:
    project = opened(copied(name, tmp_path), tiny_model_folder)
    rows = list(rows_of(project, flow.prepare(project, silent)))
    unseen: list[str] = []
    suites = [row for group in evaluating.measured_rows(project, tell=unseen.append)().values() for row in group]
    assert (suites == [], unseen) == (False, [])
    assert held(rows, suites) == {}


def test_a_task_that_a_suite_asks_would_be_found(tmp_path: Path, tiny_model_folder: Path) -> None:
    folder = copied("instruction", tmp_path)
    tasks = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    asked = {"instruction": "How many minutes are there in a day?", "input": "", "output": "1,440"}
    (folder / "tasks.json").write_text(json.dumps([*tasks, asked]), encoding="utf-8")
    project = opened(folder, tiny_model_folder, "data.split.validation=0", "data.split.test=0")
    found = overlap_of(project, flow.prepare(project, silent))
    assert (found["exact"], found["against"]["general"]["held_by"]) == (1, 1)


def test_where_no_message_may_be_lost_a_copy_across_the_splits_ends_the_run(
    tmp_path: Path, tiny_model_folder: Path
) -> None:
    folder = copied("healthcare", tmp_path)
    lines = (folder / "messages.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in lines.splitlines()[:20]]
    copies = [json.dumps({**row, "message": f"{row['message']} Many thanks."}) + "\n" for row in rows]
    (folder / "messages.jsonl").write_text(lines + "".join(copies), encoding="utf-8")
    with pytest.raises(LimitNotMet, match=r"training rows hold measured rows .*messages\.jsonl:\d+") as refused:
        flow.prepare(opened(folder, tiny_model_folder), silent)
    assert "data.steps.contamination" in str(refused.value)


def test_one_text_with_two_labels_ends_the_run_and_numbers_of_people_are_written_over(
    tmp_path: Path, tiny_model_folder: Path
) -> None:
    folder = copied("classification", tmp_path)
    train = (folder / "train.csv").read_text(encoding="utf-8")
    told = train + "Rash of ida.holm@mail.example after a walk in the wood,skin\n"
    (folder / "train.csv").write_text(told, encoding="utf-8")
    project = opened(folder, tiny_model_folder)
    texts = [row.messages[0].get("content", "") for row in rows_of(project, flow.prepare(project, silent))]
    assert [text for text in texts if "Rash of" in text] == ["Rash of [EMAIL] after a walk in the wood"]
    twice = train.splitlines()[1].rsplit(",", 1)[0] + ",skin\n"
    (folder / "train.csv").write_text(train + twice, encoding="utf-8")
    with pytest.raises(LimitNotMet, match="label_noise"):
        flow.prepare(project, silent)
