"""OpenLineage events of a workspace: one for each data preparation and each training run, as JSON objects.

The form is that of OpenLineage 2-0-2 (its spec/OpenLineage.json, read 2026-11-29). A preparation says which columns of
which files became the turns, labels and tools of its rows, through `data.map` and the shape.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tunewright import __version__
from tunewright.core.nouns import DatasetVersion, Run
from tunewright.core.workspace import Workspace, write_text
from tunewright.data.catalogue import entries
from tunewright.data.store import SCHEMA

PRODUCER = f"urn:tunewright:{__version__}"
NAMESPACE = "tunewright"
FILES = "file"
"""Namespace of sources, whose names are those of the recipe."""
SPEC = "https://openlineage.io/spec"
EVENT = f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
RUN_FACET = f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunFacet"
RUNS = uuid.UUID("5f1ff9f0-2d7b-5e0e-9a52-3c4b6f3f1a77")
"""Space of run ids: the same key gives the same id in every export."""


def export(workspace: Workspace, file: Path) -> int:
    """Write every event as JSON Lines, the oldest first; returns how many."""
    found = sorted(events(workspace), key=lambda event: event["eventTime"])
    write_text(file, "".join(json.dumps(event) + "\n" for event in found))
    return len(found)


def events(workspace: Workspace) -> Iterator[dict[str, Any]]:
    """An event for each data set that was prepared and each run that ended."""
    versions = {each.name: each for each in reversed(workspace.records("data", DatasetVersion))}
    versions |= {each.name: each.version for each in entries(workspace) if each.version is not None}
    for version in versions.values():
        yield of_preparation(version, sizes=_sizes(workspace, version))
    for run in workspace.records("runs", Run):
        yield of_training(run, versions.get(run.dataset))


def of_preparation(version: DatasetVersion, *, sizes: Sequence[int]) -> dict[str, Any]:
    """The event of one preparation: files in, a data set out, and what became of every row."""
    receipt = version.receipt
    sources = [
        {
            "namespace": FILES,
            "name": name,
            "facets": {"version": _facet("DatasetVersion", "1-0-1", datasetVersion=counts.digest)},
            "inputFacets": {"dataQualityMetrics": _facet("DataQualityMetricsInput", "1-0-3", **_rows(counts.rows.in_))},
        }
        for name, counts in receipt.sources.items()
        if counts.rows.in_
    ]
    named = {file for files in version.columns.values() for file in files}
    sources += [{"namespace": FILES, "name": name} for name in sorted(named - set(receipt.sources))]
    written = _facet(
        "OutputStatisticsOutput", "1-0-2", rowCount=sum(receipt.splits.values()), size=sum(sizes), fileCount=len(sizes)
    )
    output: dict[str, Any] = _dataset(version.name, receipt=receipt.splits)
    output["outputFacets"] = {"outputStatistics": written}
    if version.columns:
        output["facets"]["columnLineage"] = _facet("ColumnLineage", "1-2-0", fields=_columns(version))
    facets = {
        "tunewright_receipt": _own(rows=receipt.rows, tokens=receipt.tokens, splits=receipt.splits),
        "tunewright_steps": _own(steps=list(version.steps)),
    }
    job = _job(f"{version.recipe or 'unnamed'}.data")
    return _event(version.made_at, key=version.key, job=job, facets=facets, inputs=sources, outputs=[output])


def of_training(run: Run, version: DatasetVersion | None) -> dict[str, Any]:
    """The event of one run: a data set in, a model out."""
    splits = version.receipt.splits if version else {}
    given: dict[str, Any] = _dataset(run.dataset, receipt=splits)
    if splits:
        given["inputFacets"] = {
            "dataQualityMetrics": _facet("DataQualityMetricsInput", "1-0-3", **_rows(splits.get("train", 0)))
        }
    version_facet = _facet("DatasetVersion", "1-0-1", datasetVersion=run.name)
    model = {"namespace": NAMESPACE, "name": f"models/{run.name}", "facets": {"version": version_facet}}
    numbers = {"steps": run.steps, "loss": run.loss, "tokens": run.tokens, "trained_tokens": run.trained_tokens}
    facets = {"tunewright_training": _own(base=run.model.base, base_digest=run.model.base_digest, **numbers)}
    job = _job(f"{run.recipe.get('name', 'unnamed')}.train")
    return _event(run.made_at, key=run.key, job=job, facets=facets, inputs=[given], outputs=[model])


def _event(
    time: str, *, key: str, job: dict[str, Any], facets: dict[str, Any], inputs: list[Any], outputs: list[Any]
) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "eventTime": time,
        "run": {"runId": str(uuid.uuid5(RUNS, key)), "facets": facets},
        "job": job,
        "inputs": inputs,
        "outputs": outputs,
        "producer": PRODUCER,
        "schemaURL": EVENT,
    }


def _job(name: str) -> dict[str, Any]:
    kind = _facet("JobType", "2-0-4", of="Job", processingType="BATCH", integration="TUNEWRIGHT", jobType="JOB")
    return {"namespace": NAMESPACE, "name": name, "facets": {"jobType": kind}}


def _dataset(name: str, *, receipt: dict[str, int]) -> dict[str, Any]:
    fields = [{"name": field.name, "type": str(field.type)} for field in SCHEMA]
    facets = {
        "schema": _facet("Schema", "1-2-0", fields=fields),
        "version": _facet("DatasetVersion", "1-0-1", datasetVersion=name),
    }
    if receipt:
        facets["dataQualityMetrics"] = _facet("DataQualityMetrics", "1-0-1", **_rows(sum(receipt.values())))
    return {"namespace": NAMESPACE, "name": f"datasets/{name}", "facets": facets}


def _columns(version: DatasetVersion) -> dict[str, Any]:
    """For each column of a stored row the columns of files that it was made of."""
    how = [{"type": "DIRECT", "subtype": "TRANSFORMATION", "description": f"data.map and the shape {version.shape}"}]
    return {
        column: {
            "inputFields": [
                {"namespace": FILES, "name": file, "field": name, "transformations": how}
                for file, names in files.items()
                for name in names
            ]
        }
        for column, files in version.columns.items()
    }


def _rows(count: int) -> dict[str, Any]:
    return {"rowCount": count, "columnMetrics": {}}


def _facet(name: str, version: str, *, of: str = "Dataset", **values: Any) -> dict[str, Any]:
    kind = f"{name}{of}Facet"
    return {"_producer": PRODUCER, "_schemaURL": f"{SPEC}/facets/{version}/{kind}.json#/$defs/{kind}", **values}


def _own(**values: Any) -> dict[str, Any]:
    """A facet of ours on a run."""
    plain = {name: _plain(value) for name, value in values.items()}
    return {"_producer": PRODUCER, "_schemaURL": RUN_FACET, **plain}


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json", by_alias=True) if hasattr(value, "model_dump") else value


def _sizes(workspace: Workspace, version: DatasetVersion) -> list[int]:
    folder = workspace.datasets / version.name
    return [path.stat().st_size for path in sorted(folder.glob("*")) if path.is_file()]
