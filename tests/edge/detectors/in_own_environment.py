"""Run by `test_spacy.py` with the Python that has spaCy; pytest does not find it by its name."""

from __future__ import annotations

import pickle
import time
from pathlib import Path

import pytest

from tests.data.builders import row
from tests.house.contracts import CONTRACTS
from tests.house.test_parts import load, options_form, work_form
from tunewright.app import resolve
from tunewright.core import catalog
from tunewright.core.ports import Detector
from tunewright.data.context import Context
from tunewright.data.steps.personal_data import Work
from tunewright.detect.personal import personal_spans
from tunewright.detect.personal_name_model import named_by
from tunewright.recipe.options.steps.personal_data import Options


@pytest.fixture(scope="module")
def spacy() -> Detector:
    return resolve.detector(catalog.options("detectors", "spacy")())


def found(text: str, spacy: Detector) -> list[str]:
    spans = personal_spans(text, ("name",), by=named_by(spacy.places))
    return [text[span.start : span.end] for span in spans]


def test_it_keeps_the_contracts_of_the_house(tmp_path: Path) -> None:
    part = load("detectors", "spacy")
    assert options_form(part) + work_form(part) == []
    assert CONTRACTS["detectors"](part.work(part.options()), tmp_path, tmp_path) == []


def test_it_finds_names_that_no_list_holds(spacy: Detector) -> None:
    text = "Yesterday Graeme Butcher told the board that Ngozi Obaseki-Whitlock would not sign."
    assert [text[one.start : one.end] for one in personal_spans(text, ("name",))] == []
    assert found(text, spacy) == ["Graeme Butcher", "Ngozi Obaseki-Whitlock"]


@pytest.mark.parametrize(
    "text",
    [
        "Die Rechnung liegt in der Akte, sagt die Tankstelle.",
        "Bill to: 12 Elm Street, Model A8-69162555, order C3-32769993.",
        "Schicken Sie die Unterlagen bitte als PDF.",
        "The Firewall of the Hospital is old.",
    ],
)
def test_words_of_other_languages_and_codes_are_no_names(text: str, spacy: Detector) -> None:
    assert found(text, spacy) == []


def test_what_was_found_before_is_no_name(spacy: Detector) -> None:
    text = "Write to graeme.butcher@mail.org or call Graeme Butcher at +49 30 901820."
    spans = personal_spans(text, by=named_by(spacy.places))
    assert [(one.kind, text[one.start : one.end]) for one in spans] == [
        ("email", "graeme.butcher@mail.org"),
        ("name", "Graeme Butcher"),
        ("phone", "+49 30 901820"),
    ]


def test_a_long_text_has_the_same_names_everywhere_and_hostile_ones_take_no_time(spacy: Detector) -> None:
    sentence = "Yesterday Graeme Butcher told the board that it would not sign. "
    text = sentence * 1000
    places = spacy.places(text)
    assert len(places) == 1000 and {text[slice(*place)] for place in places} == {"Graeme Butcher"}
    begun = time.monotonic()
    for hostile in ("a.", "(", "\u202e😀", "http://", "x", "\0", "( ", "a@b "):
        spacy.places(hostile * 50_000)
    assert time.monotonic() - begun < 30


def test_the_step_takes_them_out_and_goes_to_other_processes(spacy: Detector, tmp_path: Path) -> None:
    options = Options.model_validate({"names": "spacy", "kinds": {"name": "redact"}})
    context = Context(folder=tmp_path, cache=tmp_path, today="2026-01-01", chat=None, detector=resolve.detector)  # type: ignore[arg-type]
    step = Work(options)
    step.bind(context)
    assert step.parents(context) == [spacy.digest]
    given = row("Yesterday Graeme Butcher told the board that it would not sign the paper.")
    (outcome,) = step.batch([given])
    assert outcome.row is not None
    assert outcome.row.messages[0].get("content") == (
        "Yesterday [NAME] told the board that it would not sign the paper."
    )
    (again,) = pickle.loads(pickle.dumps(step)).batch([given])
    assert again == outcome
