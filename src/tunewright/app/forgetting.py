"""What expiry takes beside a data set: files of the workspace with texts of its rows. Numbers about them stay.

These are evaluations on it (answers, judgements, sampling searches), answer sheets that hold any of its rows, and the
reports of runs on it. Examples are taken out of the records of evaluations, sampled answers out of the events of runs.
Models that were trained on it stay, and are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.app import lineage
from tunewright.core.digest import short
from tunewright.core.nouns import Evaluation, SamplingSearch
from tunewright.core.workspace import Workspace, write_text
from tunewright.data.retention import Traces
from tunewright.data.rows import SPLITS

REPORTS = ("report.html", "report.md", "report.json")
EVENTS, SAMPLED = "events.jsonl", "sampled"
LOOKED_AT = 80
"""Characters of an event that hold its time and its kind."""
ANSWERS, SHEETS = "answers.parquet", "sheets"
TEXTS = ("examples", "best", "worst")
"""What an evaluation's record has of rows."""


def traces_of(workspace: Workspace, name: str) -> Traces:
    """What was made from a data set: what goes with it, what may hold text and stays, and who was trained on it."""
    runs = lineage.runs_on(workspace, name)
    going = [path.relative_to(workspace.home).as_posix() for path in _going(workspace, name)]
    stays = [path for path in lineage.results_of(workspace, name) if path not in going]
    models = tuple(dict.fromkeys(run.name for run in runs))
    return Traces(tuple(going), tuple(stays), runs=tuple(run.key for run in runs), models=models)


def left(workspace: Workspace, name: str) -> bool:
    """True where texts of a deleted data set still lie in what goes with it: of an earlier version, or after a kill."""
    files = (*_evaluated(workspace, name), *_reports(workspace, name))
    return bool(files or _records(workspace, name) or _sampled(workspace, name))


def clean_records(workspace: Workspace, name: str) -> None:
    """Take rows out of the records of evaluations on a data set and out of the events of its runs; numbers stay."""
    for each in _records(workspace, name):
        workspace.keep_record("evaluations", each.key, each.model_copy(update=dict.fromkeys(TEXTS, ())))
    for path, lines in _sampled(workspace, name).items():
        write_text(path, "".join(f"{line}\n" for line in lines[:-1] if not _is_sampled(line)))


def _records(workspace: Workspace, name: str) -> list[Evaluation]:
    """Evaluations on a data set whose records hold rows of it."""
    found = [each for each in workspace.records("evaluations", Evaluation) if each.dataset == name]
    return [each for each in found if any(getattr(each, part) for part in TEXTS)]


def _sampled(workspace: Workspace, name: str) -> dict[Path, list[str]]:
    """Lines, and what stands after the last, of event files that hold answers sampled for rows of a data set."""
    found: dict[Path, list[str]] = {}
    for run in lineage.runs_on(workspace, name):
        path = workspace.runs / short(run.key) / EVENTS
        lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
        if any(map(_is_sampled, lines)):
            found[path] = lines
    return found


def _is_sampled(line: str) -> bool:
    """True for the event of an answer, also for what a kill left of one."""
    return f'"kind":"{SAMPLED}"' in line.replace(" ", "")[:LOOKED_AT]


def _going(workspace: Workspace, name: str) -> list[Path]:
    folders = list(_evaluated(workspace, name))
    rows = set(_ids(workspace.datasets / name / f"{split}.parquet" for split in SPLITS))
    asked = set(_ids((folder / ANSWERS for folder in folders), column="row"))
    sheets = sorted((workspace.evaluations / SHEETS).glob("*.parquet"))
    held = [sheet for sheet in sheets if not (rows | asked).isdisjoint(_ids([sheet], column="row"))]
    return [*folders, *held, *_reports(workspace, name)]


def _evaluated(workspace: Workspace, name: str) -> Iterator[Path]:
    """Folders of evaluations and searches on a data set."""
    measured = (*workspace.records("evaluations", Evaluation), *workspace.records("sampling", SamplingSearch))
    for key in dict.fromkeys(each.key for each in measured if each.dataset == name):
        if (workspace.evaluations / key).is_dir():
            yield workspace.evaluations / key


def _reports(workspace: Workspace, name: str) -> Iterator[Path]:
    """Reports of runs on a data set."""
    for run in lineage.runs_on(workspace, name):
        yield from (path for path in (workspace.runs / short(run.key) / each for each in REPORTS) if path.is_file())


def _ids(files: Iterable[Path], *, column: str = "id") -> Iterator[str]:
    """Row ids in tables; one that is gone or cannot be read has none."""
    for file in files:
        yield from _column(file, column)


def _column(file: Path, column: str) -> list[str]:
    """One column of a table; none of one that is gone or cannot be read."""
    try:
        return pq.read_table(file, columns=[column]).column(column).to_pylist()
    except (OSError, pa.ArrowException, KeyError):
        return []
