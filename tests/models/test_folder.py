"""Hostile and broken folders are refused with a sentence; the digest follows content, not place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tunewright.core.errors import UserError
from tunewright.core.workspace import Workspace
from tunewright.models.folder import checked_digest


@pytest.fixture
def copy(tiny_model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "model"))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


def test_equal_content_has_an_equal_digest(copy: Path, workspace: Workspace, tiny_model_folder: Path) -> None:
    assert checked_digest(copy, workspace) == checked_digest(tiny_model_folder, workspace)


def test_where_a_copy_came_from_does_not_count(copy: Path, workspace: Workspace) -> None:
    before = checked_digest(copy, workspace)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"transformers_version": "9", "_name_or_path": "x"}))
    assert checked_digest(copy, workspace) == before
    (copy / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.5}))
    assert checked_digest(copy, workspace) != before


def test_changed_weights_change_the_digest(copy: Path, workspace: Workspace) -> None:
    before = checked_digest(copy, workspace)
    content = bytearray((copy / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (copy / "model.safetensors").write_bytes(content)
    assert checked_digest(copy, workspace) != before


@pytest.mark.parametrize("keep", [0, 5, 8, 100, 5000, -1])
def test_a_truncated_weight_file_is_refused(keep: int, copy: Path, workspace: Workspace) -> None:
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"model\.safetensors: the weight file is damaged"):
        checked_digest(copy, workspace)


def test_pickle_weights_alone_are_refused(copy: Path, workspace: Workspace) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(UserError, match="pickle"):
        checked_digest(copy, workspace)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_missing_file_is_named(name: str, copy: Path, workspace: Workspace) -> None:
    (copy / name).unlink()
    with pytest.raises(UserError, match=f"there is no {name}"):
        checked_digest(copy, workspace)


def test_a_missing_shard_is_named(copy: Path, workspace: Workspace) -> None:
    (copy / "model.safetensors").rename(copy / "model-00001-of-00002.safetensors")
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    with pytest.raises(UserError, match=r"model-00002-of-00002.* is missing"):
        checked_digest(copy, workspace)


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/passwd", 3])
def test_an_index_that_points_elsewhere_is_refused(name: object, copy: Path, workspace: Workspace) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(UserError, match="names other places"):
        checked_digest(copy, workspace)


def test_code_in_the_config_is_refused(copy: Path, workspace: Workspace) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "modeling.Evil"}}))
    (copy / "modeling.py").write_text("raise SystemExit('code ran')")
    with pytest.raises(UserError, match="auto_map"):
        checked_digest(copy, workspace)
