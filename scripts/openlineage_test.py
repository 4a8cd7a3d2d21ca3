"""Hold exported OpenLineage events against the JSON schemas of the specification themselves.

    tunewright datasets export --openlineage events.jsonl
    python scripts/openlineage_test.py events.jsonl --spec OpenLineage/spec

`--spec` is the folder `spec` of a clone of the OpenLineage repository: no package of a registry holds the schemas, and
this repository keeps no copy. Every event is held against OpenLineage.json, every facet against the schema that its
address names, or where the folder has another version of it, against that one, which is said. Ends with counts and 0,
or with 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable


def registry_of(spec: Path) -> Registry[Any]:
    """The schemas of a folder by their ids."""
    found: list[tuple[str, Resource[Any]]] = []
    for path in (spec / "OpenLineage.json", *sorted((spec / "facets").glob("*.json"))):
        schema = json.loads(path.read_text(encoding="utf-8"))
        found.append((schema["$id"], Resource.from_contents(schema)))
    return Registry().with_resources(found)


def facets_of(value: Any) -> Iterator[dict[str, Any]]:
    """Every facet below a value."""
    if isinstance(value, dict):
        if "_schemaURL" in value:
            yield value
        for each in value.values():
            yield from facets_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from facets_of(each)


def here(address: str, registry: Registry[Any]) -> str:
    """The address of a schema, in the version that the folder has."""
    place, _, inside = address.partition("#")
    name = place.rpartition("/")[2]
    found = [each for each in registry if each == place or each.endswith(f"/{name}")]
    return f"{place if place in found or not found else found[0]}#{inside}"


def faults(value: dict[str, Any], address: str, registry: Registry[Any]) -> list[str]:
    """What is wrong with a value by the schema of an address."""
    checker = Draft202012Validator.FORMAT_CHECKER
    validator = Draft202012Validator({"$ref": here(address, registry)}, registry=registry, format_checker=checker)
    try:
        found = list(validator.iter_errors(value))
    except Unresolvable:
        return [f"{address}: this folder has no such schema"]
    return [f"{address}: {'/'.join(map(str, each.absolute_path))}: {each.message[:200]}" for each in found]


def main() -> int:
    """Print what is wrong; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=Path)
    parser.add_argument("--spec", type=Path, required=True)
    given = parser.parse_args()
    registry = registry_of(given.spec)
    events = [json.loads(line) for line in given.events.read_text(encoding="utf-8").splitlines()]
    facets = [facet for event in events for facet in facets_of(event)]
    problems = [fault for event in events for fault in faults(event, event["schemaURL"], registry)]
    problems += [fault for facet in facets for fault in faults(facet, facet["_schemaURL"], registry)]
    if events and not faults({**events[0], "run": {"runId": "none"}}, events[0]["schemaURL"], registry):
        problems.append("a run id that is no UUID is not found: the schema checks nothing")
    for address in sorted({each["_schemaURL"] for each in facets}):
        if here(address, registry) != address:
            print(f"{address} is held against {here(address, registry)}")
    print("\n".join([*dict.fromkeys(problems), f"{len(events)} events, {len(facets)} facets, {len(problems)} faults"]))
    return 1 if problems or not events else 0


if __name__ == "__main__":
    sys.exit(main())
