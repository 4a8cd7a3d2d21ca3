"""Reads what lies in the folders of the templates, without the room `data`: the files as a user sees them."""

from __future__ import annotations

import csv
import itertools
import json
import re
from pathlib import Path
from typing import Any

from tunewright.recipe.schema import FILE

FOLDERS = sorted(path.parent for path in (FILE.parent / "templates").glob("*/recipe.yaml"))
NAMES = [folder.name for folder in FOLDERS]


def folder(name: str) -> Path:
    """The folder of a template."""
    return FILE.parent / "templates" / name


def read(name: str, file: str) -> list[dict[str, Any]]:
    """The rows of a CSV, JSON or JSON Lines file of a template."""
    text = (folder(name) / file).read_text(encoding="utf-8")
    if file.endswith(".csv"):
        return list(csv.DictReader(text.splitlines()))
    return json.loads(text) if file.endswith(".json") else [json.loads(line) for line in text.splitlines()]


def pairs_of_words(text: str) -> frozenset[tuple[str, str]]:
    """Neighbouring words, case left out: what near duplicates share."""
    words = re.findall(r"\w+", text.lower())
    return frozenset(itertools.pairwise(words))


def alikeness(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> float:
    """Jaccard's share of two sets; 0 where both are empty."""
    return len(one & other) / len(one | other) if one | other else 0.0
