"""The export is OpenLineage: every event and facet is read, strictly, by the classes that OpenLineage generates.

openlineage-python's classes are generated from the specification's JSON schemas, one a facet with the schema's address.
`scripts/openlineage_test.py` holds an export against spec/OpenLineage.json and spec/facets themselves, which no package
has: done on 2026-11-30 (commit 8f02abfb): 2 events and 20 facets, with column lineage, no fault.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import typing
from pathlib import Path
from typing import Any

import attr
import pytest
from openlineage.client import generated
from openlineage.client.generated import base
from pydantic import TypeAdapter

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.app import openlineage
from tunewright.core.nouns import DatasetVersion, ModelVersion, Numbers, Run
from tunewright.core.workspace import Workspace
from tunewright.text.chat import ChatFormat, load_chat

OWN = openlineage.RUN_FACET


def classes() -> dict[str, type]:
    """Generated classes by the address of their schema."""
    found: dict[str, type] = {}
    for info in pkgutil.iter_modules(generated.__path__):
        module = importlib.import_module(f"{generated.__name__}.{info.name}")
        for value in vars(module).values():
            if inspect.isclass(value) and "_get_schema" in vars(value) and attr.has(value):
                found[value._get_schema()] = value
    return found


CLASSES = classes()


def read(kind: Any, value: Any) -> Any:
    """A value as a type says: no unknown key, none missing, no other type. Raises TypeError and ValueError."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Union or type(kind).__name__ == "UnionType":
        options = [one for one in inside if one is not type(None)]
        return read(options[0], value) if len(options) == 1 else TypeAdapter(kind).validate_python(value, strict=True)
    if origin is list:
        return [read(inside[0], each) for each in value]
    if origin is dict:
        return {
            str(key): read_facet(each) if _is_facet(inside[1]) else read(inside[1], each) for key, each in value.items()
        }
    if not attr.has(kind):
        return TypeAdapter(kind).validate_python(value, strict=not inspect.isclass(kind) or kind in (str, int, float))
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in attr.fields(kind)}
    if unknown := set(value) - set(fields):
        raise TypeError(f"{kind.__name__} has no {sorted(unknown)}")
    given = {name: read(hints[name], each) for name, each in value.items()}
    return kind(**{name.lstrip("_"): each for name, each in given.items() if fields[name].init})


def _is_facet(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, base.BaseFacet)


def read_facet(value: dict[str, Any]) -> Any:
    """A facet by the class of its schema; one of ours by the base of all."""
    if value["_schemaURL"] != OWN:
        return read(CLASSES[value["_schemaURL"]], value)
    assert {"_producer", "_schemaURL"} < set(value)
    return value


@pytest.fixture(scope="module")
def chat(tiny_tokenizer_folder: Path) -> ChatFormat:
    return load_chat(tiny_tokenizer_folder)


@pytest.fixture
def version(tmp_path: Path, chat: ChatFormat) -> DatasetVersion:
    rows = [{"text": f"thing {number}", "label": "ab"[number % 2]} for number in range(30)]
    write_jsonl(tmp_path / "rows.jsonl", [*rows, rows[0]])
    found = prepared(tmp_path, chat, options={"train": "rows.jsonl"})
    workspace_of(tmp_path).keep_record("data", found.key, found)
    return found


@pytest.fixture
def workspace(tmp_path: Path, version: DatasetVersion) -> Workspace:
    """A workspace with a data set and a run on it."""
    numbers = Numbers(weights="fp32", products="fp32")
    model = ModelVersion(
        name="m" * 64,
        key="k",
        base="b",
        base_digest="d",
        method="lora",
        chat_digest="c",
        numbers=numbers,
        trained_parameters=1,
    )
    run = Run(
        name="m" * 64,
        key="r" * 64,
        made_at="2026-11-29T10:00:00+00:00",
        recipe={"name": "letters"},
        used={"batch_size": 4},
        model=model,
        dataset=version.name,
        steps=3,
        loss=1.5,
        tokens=100,
        trained_tokens=50,
        tokens_per_s=10.0,
        train_s=10.0,
        peak_memory_bytes=1,
    )
    found = workspace_of(tmp_path)
    found.keep_record("runs", run.key, run)
    return found


def events(workspace: Workspace) -> list[dict[str, Any]]:
    file = workspace.home / "events.jsonl"
    count = openlineage.export(workspace, file)
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(found) == count
    return found


def test_every_event_and_facet_has_the_form_of_the_standard(workspace: Workspace) -> None:
    found = events(workspace)
    assert len(found) == 2
    for event in found:
        assert event["schemaURL"] == base.RunEvent._get_schema()
        whole = read(base.RunEvent, {**event, "eventType": base.EventType(event["eventType"])})
        assert (whole.run.runId, whole.job.namespace) == (event["run"]["runId"], "tunewright")


def test_the_data_set_of_a_preparation_is_what_the_run_reads(workspace: Workspace, version: DatasetVersion) -> None:
    preparation, training = events(workspace)
    assert preparation["eventTime"] == "2026-01-01T00:00:00Z"
    (made,), (given,) = preparation["outputs"], training["inputs"]
    assert (made["namespace"], made["name"]) == (given["namespace"], given["name"])
    assert made["name"] == f"datasets/{version.name}"
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 30
    (source,) = preparation["inputs"]
    assert (source["name"], source["facets"]["version"]["datasetVersion"]) == ("rows.jsonl", version.parents[0])
    assert source["inputFacets"]["dataQualityMetrics"]["rowCount"] == 31
    receipt = preparation["run"]["facets"]["tunewright_receipt"]
    assert (receipt["rows"]["in"], receipt["rows"]["duplicate"], receipt["rows"]["kept"]) == (31, 1, 30)
    assert given["inputFacets"]["dataQualityMetrics"]["rowCount"] == version.receipt.splits["train"]
    assert [each["name"] for each in training["outputs"]] == ["models/" + "m" * 64]
    assert [event["job"]["name"] for event in (preparation, training)] == ["unnamed.data", "letters.train"]


def test_an_export_is_the_same_each_time(workspace: Workspace) -> None:
    assert events(workspace) == events(workspace)
    assert len({event["run"]["runId"] for event in events(workspace)}) == 2


def test_a_data_set_that_is_gone_is_still_in_the_export(workspace: Workspace, version: DatasetVersion) -> None:
    folder = workspace.datasets / version.name
    for path in folder.iterdir():
        path.unlink()
    preparation = events(workspace)[0]
    assert preparation["outputs"][0]["outputFacets"]["outputStatistics"]["fileCount"] == 0
    assert preparation["run"]["facets"]["tunewright_receipt"]["rows"]["in"] == 31


@pytest.mark.parametrize("damage", ["unknown", "type", "time", "uuid", "facet"])
def test_the_reader_finds_what_is_wrong(workspace: Workspace, damage: str) -> None:
    event = {**events(workspace)[0], "eventType": base.EventType.COMPLETE}
    if damage == "unknown":
        event["more"] = 1
    elif damage == "type":
        event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] = "30"
    elif damage == "time":
        event["eventTime"] = "yesterday"
    elif damage == "uuid":
        event["run"]["runId"] = "one"
    else:
        del event["outputs"][0]["facets"]["version"]["datasetVersion"]
    with pytest.raises((TypeError, ValueError)):
        read(base.RunEvent, event)


def test_columns_are_traced_through_the_map_and_the_shape(tmp_path: Path, chat: ChatFormat) -> None:
    rows = [{"head": f"thing {number}", "body": "of wood", "id": number, "unread": 1} for number in range(30)]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    write_jsonl(tmp_path / "kinds.jsonl", [{"id": number, "kind": "ab"[number % 2]} for number in range(30)])
    options = {
        "train": "rows.jsonl",
        "map": {
            "rename": {"head": "title"},
            "join": {"path": "kinds.jsonl", "on": "id"},
            "columns": {"text": "{{ title }} {{ body }}", "label": "{{ kind }}"},
        },
        "keep": ["id"],
    }
    version = prepared(tmp_path, chat, options=options)
    assert version.columns == {
        "messages": {"rows.jsonl": ("body", "head"), "kinds.jsonl": ("kind",)},
        "label": {"kinds.jsonl": ("kind",)},
        "details": {"rows.jsonl": ("id",)},
    }
    event = openlineage.of_preparation(version, sizes=[1])
    read(base.RunEvent, {**event, "eventType": base.EventType(event["eventType"])})
    fields = event["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert [(each["name"], each["field"]) for each in fields["label"]["inputFields"]] == [("kinds.jsonl", "kind")]
    assert {(each["namespace"], each["name"]) for each in event["inputs"]} >= {
        (each["namespace"], each["name"]) for every in fields.values() for each in every["inputFields"]
    }


def test_columns_of_another_name_are_traced_where_they_are(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"q": f"what {number}", "a": "that"} for number in range(30)])
    write_jsonl(tmp_path / "b.jsonl", [{"q": f"who {number}", "a": "she", "c": "there"} for number in range(30)])
    shape = {"type": "question_answer", "question": "q", "answer": "a", "context": "c"}
    version = prepared(tmp_path, chat, options={"train": [{"path": "a.jsonl"}, {"path": "b.jsonl"}], "shape": shape})
    assert version.columns == {"messages": {"a.jsonl": ("q", "a"), "b.jsonl": ("q", "c", "a")}}


def test_a_record_of_an_earlier_version_has_no_columns(version: DatasetVersion) -> None:
    assert version.columns == {"messages": {"rows.jsonl": ("text", "label")}, "label": {"rows.jsonl": ("label",)}}
    earlier = DatasetVersion.model_validate(version.model_dump(exclude={"columns"}, by_alias=True))
    assert "columnLineage" not in openlineage.of_preparation(earlier, sizes=[])["outputs"][0]["facets"]
