"""Options of the detector `spacy`."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """spaCy's small English pipeline (OntoNotes 5): people that a text names, from a package; nothing is downloaded."""

    type: Literal["spacy"] = "spacy"
    version: Literal[1] = 1
    window: int = option(
        10_000,
        "Longest stretch that is read at once; a longer text is cut at a blank.",
        why="10,000: spaCy needs about 10 KB of memory a letter, and a name needs only its sentence",
        unit="letters",
        ge=200,
        le=1_000_000,
    )
