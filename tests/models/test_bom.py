"""The bill of materials: valid by the schema of CycloneDX's own library, and only what records say."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from tests.models.told import story
from tunewright.models.card.bom import SPEC_VERSION, bom

SCHEMAS = files("cyclonedx.schema") / "_res"


def schema(name: str) -> dict[str, Any]:
    return json.loads((SCHEMAS / f"{name}.SNAPSHOT.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    names = ("spdx", "jsf-0.82", "cryptography-defs")
    beside = {f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json": schema(name) for name in names}
    registry = Registry().with_resources([(name, Resource.from_contents(each)) for name, each in beside.items()])
    return jsonschema.Draft7Validator(
        schema(f"bom-{SPEC_VERSION}"), registry=registry, format_checker=jsonschema.FormatChecker()
    )


def test_the_newest_specification_of_the_library_is_used() -> None:
    names = [path.name for path in SCHEMAS.iterdir() if path.name.startswith("bom-") and path.name.endswith(".json")]
    newest = max(tuple(map(int, name.split("-")[1].split(".")[:2])) for name in names)
    assert ".".join(map(str, newest)) == SPEC_VERSION


def test_a_model_of_which_all_is_known_and_one_of_which_little_is_known_are_valid(
    validator: jsonschema.Draft7Validator, tmp_path: Path
) -> None:
    for known in (story(tmp_path), story(tmp_path, bare=True)):
        made = bom(known, hashes={"adapter_model.safetensors": "a" * 64})
        assert [error.message for error in validator.iter_errors(made)] == []
    broken = bom(story(tmp_path), hashes={}) | {"bomFormat": "other"}
    assert list(validator.iter_errors(broken))


def test_it_names_base_data_sources_metrics_limits_and_files(tmp_path: Path) -> None:
    made = bom(story(tmp_path), hashes={"adapter_model.safetensors": "a" * 64})
    model = made["metadata"]["component"]
    card = model["modelCard"]
    names = {each["name"]: each for each in made["components"]}
    assert names["acme/base"]["purl"] == f"pkg:huggingface/acme/base@{'c' * 40}"
    assert names["acme/base"]["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert names["rows.jsonl"]["hashes"][0]["content"] == "5" * 64
    assert names["torch"]["version"] == "2.13.0"
    assert card["modelParameters"]["datasets"] == [{"ref": names["letters"]["bom-ref"]}]
    (tuned, difference) = card["quantitativeAnalysis"]["performanceMetrics"]
    assert (tuned["type"], tuned["value"], tuned["slice"]) == ("answers: exact_match", "0.8", "test")
    assert difference["confidenceInterval"] == {"lowerBound": "0.3", "upperBound": "0.7"}
    assert model["components"][0]["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    facts = {each["name"]: each["value"] for each in model["properties"]}
    assert facts["tunewright:used.learning_rate"] == "0.01" and facts["tunewright:asked.method.rank"] == "8"
    assert facts["tunewright:gate: exact_match at least 0.9"] == "not met"
    assert facts["tunewright:export.int8"].startswith("refused, mean KL 0.5")


def test_what_nobody_recorded_is_left_out_and_one_model_has_one_number(tmp_path: Path) -> None:
    made = bom(story(tmp_path, bare=True), hashes={})
    card = made["metadata"]["component"]["modelCard"]
    assert "quantitativeAnalysis" not in card and "approach" not in card["modelParameters"]
    assert [each["type"] for each in made["components"]] == ["machine-learning-model"]
    assert "licenses" not in made["components"][0]
    assert made == bom(story(tmp_path, bare=True), hashes={})
    assert made["serialNumber"] != bom(story(tmp_path, bare=True), hashes={"a": "b" * 64})["serialNumber"]


def test_nothing_of_rows_and_no_place_of_this_machine_stands_in_it(tmp_path: Path) -> None:
    text = json.dumps(bom(story(tmp_path), hashes={}))
    assert "/home/me" not in text and "a row's own words" not in text
