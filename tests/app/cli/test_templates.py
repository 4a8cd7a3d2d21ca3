"""What `init` writes is data that loads whole: no row set aside, none twice, every split filled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewright.app import flow
from tunewright.app.cli.main import main
from tunewright.app.cli.verbs.init import names
from tunewright.app.project import open_project
from tunewright.core.events import silent


@pytest.mark.parametrize("name", names())
def test_every_row_of_a_template_is_kept(name: str, tmp_path: Path, tiny_model_folder: Path) -> None:
    assert main(["init", str(tmp_path / name), "--template", name]) == 0
    sets = (f"model.name={tiny_model_folder}", "data.max_tokens=2048")
    receipt = flow.prepare(open_project(tmp_path / name, sets=sets, home=tmp_path / "home"), silent).receipt
    rows = receipt.rows
    assert (rows.quarantined, rows.duplicate, rows.dropped) == (0, 0, {})
    assert rows.kept == rows.in_ == sum(receipt.splits.values())
    assert all(receipt.splits[split] >= 5 for split in ("train", "validation", "test"))
