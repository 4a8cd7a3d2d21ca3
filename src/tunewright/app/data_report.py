"""The report on prepared data, for people: where it lies, and what it is called."""

from __future__ import annotations

from pathlib import Path

from tunewright.app.project import Project
from tunewright.core.nouns import DatasetVersion
from tunewright.data.report.write import NAME, Told, check_files, write_report


def file_of(project: Project, version: DatasetVersion) -> Path:
    """Where a report lies that nobody named: in the data set's folder, so that it goes when the data set goes."""
    return project.workspace.datasets / version.name / NAME


def check(path: Path) -> None:
    """Raise UserError for a place where no report may be written, before any work is done."""
    check_files([path, path.with_suffix(".md"), path.with_suffix(".json")])


def write(project: Project, version: DatasetVersion, *, path: Path | None) -> Path:
    """Write the report; returns its file. Raises UserError where something else would be overwritten."""
    told = Told(
        title=project.recipe.output.title or project.recipe.name,
        command=f"tunewright data {project.file.name} --report",
        steps=[step.type for step in project.recipe.data.steps],
    )
    folder = project.workspace.datasets / version.name
    return write_report(path or file_of(project, version), folder, version=version, told=told)
