"""Which data sets there are, in whatever state, and which one a name means."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.nouns import DatasetVersion
from tunewright.core.workspace import Workspace
from tunewright.data.catalogue import chosen, entries, find
from tunewright.text.chat import ChatFormat


@pytest.fixture
def workspace(tmp_path: Path, chat: ChatFormat) -> Workspace:
    for name in ("one", "two"):
        rows = [{"text": f"{name} {number}", "label": "ab"[number % 2]} for number in range(20)]
        write_jsonl(tmp_path / f"{name}.jsonl", rows)
        prepared(tmp_path, chat, options={"train": f"{name}.jsonl"})
    return workspace_of(tmp_path)


def test_a_record_carries_its_parents_and_steps(workspace: Workspace) -> None:
    for entry in entries(workspace):
        version = entry.opened()
        assert version.parents == tuple(counts.digest for counts in version.receipt.sources.values())
        assert [step["type"] for step in version.steps] == ["deduplicate"]


def test_a_record_of_an_earlier_version_is_read(workspace: Workspace) -> None:
    entry = entries(workspace)[0]
    record = json.loads((entry.folder / "version.json").read_text())
    for name in ("recipe", "steps", "parents"):
        del record[name]
    (entry.folder / "version.json").write_text(json.dumps(record))
    again = find(workspace, entry.name)
    assert again.opened().steps == ()
    assert again.opened().receipt == entry.opened().receipt


def test_an_empty_workspace_has_none(tmp_path: Path) -> None:
    assert entries(Workspace(tmp_path)) == []
    with pytest.raises(UserError, match="this workspace has no data sets"):
        find(Workspace(tmp_path), "abc")
    assert chosen(Workspace(tmp_path), ()) == []


def test_a_name_is_found_by_its_first_characters(workspace: Workspace) -> None:
    for entry in entries(workspace):
        assert find(workspace, entry.name[:10]) == find(workspace, entry.name.upper()) == entry


@pytest.mark.parametrize("text", ["zzz", "", "  ", "../..", "a" * 500])
def test_an_unknown_name_is_refused_with_those_that_are_known(workspace: Workspace, text: str) -> None:
    with pytest.raises(UserError, match=r"no data set is called .* There is: [0-9a-f]{12}"):
        find(workspace, text)


def test_a_name_of_several_is_refused(workspace: Workspace) -> None:
    first = entries(workspace)[0]
    twin = first.folder.with_name(first.name[:20] + "0" * 44)
    shutil.copytree(first.folder, twin)
    with pytest.raises(UserError, match="means 2 data sets"):
        find(workspace, first.name[:12])
    assert find(workspace, first.name).name == first.name


@pytest.mark.parametrize("damage", ["{", "[]", "\udcff", "gone"])
def test_a_damaged_folder_is_listed_and_not_opened(workspace: Workspace, damage: str) -> None:
    entry = entries(workspace)[0]
    file = entry.folder / "version.json"
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(damage.encode(errors="surrogateescape"))
    found = find(workspace, entry.name[:12])
    assert found.version is None
    assert not found.whole
    assert "version.json is gone or cannot be read" in found.problem
    assert len(entries(workspace)) == 2
    with pytest.raises(OutsideError, match="the record of this data set is damaged"):
        found.opened()


def test_the_name_of_a_recipe_means_its_only_data_set(workspace: Workspace) -> None:
    entry = entries(workspace)[1]
    named = DatasetVersion.model_validate({**entry.opened().model_dump(by_alias=True), "recipe": "letters"})
    (entry.folder / "version.json").write_text(named.model_dump_json(by_alias=True))
    assert find(workspace, "letters").name == entry.name


def test_files_and_unfinished_folders_are_none(workspace: Workspace) -> None:
    (workspace.datasets / "note.txt").write_text("x")
    (workspace.datasets / ".half").mkdir()
    assert len(entries(workspace)) == 2
