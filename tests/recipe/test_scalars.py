"""YAML 1.2 scalars."""

from __future__ import annotations

import pytest

from tunewright.recipe.scalars import read_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.5E3", 1500.0),
        ("12", 12),
        ("-3", -3),
        ("0o17", 15),
        ("0xff", 255),
        (".5", 0.5),
        ("true", True),
        ("False", False),
        ("", None),
        ("null", None),
        ("~", None),
    ],
)
def test_numbers_truths_and_nothing(text: str, value: object) -> None:
    assert read_scalar(text) == value
    assert type(read_scalar(text)) is type(value)


@pytest.mark.parametrize("text", ["no", "yes", "on", "off", "y", "1_000", "012a", "12:30:45", "2026-01-01", "-", "."])
def test_what_yaml_1_1_changed_is_text(text: str) -> None:
    assert read_scalar(text) == text


@pytest.mark.parametrize("text", [".inf", "-.inf", ".nan", "1e999", "9" * 5000])
def test_numbers_that_no_key_takes_stay_text(text: str) -> None:
    assert read_scalar(text) == text
