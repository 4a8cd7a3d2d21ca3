"""What may leave this machine: a fixed list of files, and settings without its places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunewright.core.errors import UserError
from tunewright.models.push import Hub, checked_name, checked_token, contents, size_of, with_base


def test_only_files_of_the_list_are_sent(tmp_path: Path) -> None:
    names = ["adapter_model.safetensors", "model-00001-of-00002.safetensors", "head/head.json", "tokenizer.json"]
    others = ["version.json", "events.jsonl", "answers.parquet", "encoder/encoder.safetensors", "x/config.json", "a.py"]
    for name in (*names, *others):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12")
    found = contents(tmp_path, [*names, *others])
    assert list(found) == sorted(names)
    assert {size_of(each) for each in found.values()} == {2}


def test_settings_lose_places_and_keep_the_rest(tmp_path: Path) -> None:
    said = {
        "base_model_name_or_path": "/home/me/base",
        "tokenizer_name_or_path": "../tokenizer",
        "r": 8,
        "bias": "none",
    }
    plain = b'{"vocab_size":512,   "name": "acme/base"}'
    (tmp_path / "adapter_config.json").write_text(json.dumps(said), encoding="utf-8")
    (tmp_path / "config.json").write_bytes(plain)
    found = contents(tmp_path, ["adapter_config.json", "config.json"])
    assert found["config.json"] == plain, "what needs no change has none"
    config = found["adapter_config.json"]
    assert isinstance(config, bytes)
    cleaned = {"base_model_name_or_path": None, "tokenizer_name_or_path": None, "r": 8, "bias": "none"}
    assert json.loads(config) == cleaned
    named = json.loads(with_base(config, name="acme/base", commit="c" * 40))
    assert named == cleaned | {"base_model_name_or_path": "acme/base", "revision": "c" * 40}


def test_a_token_is_never_shown_and_a_strange_one_never_sent() -> None:
    assert "hf_secret" not in repr(Hub(None, "hf_secret"))
    assert checked_token("hf_secret") == "hf_secret"
    for wrong in (None, "", "hf_a b", "hf_a\nX-Other: 1"):
        with pytest.raises(UserError) as caught:
            checked_token(wrong)
        assert "hf_a" not in str(caught.value)


@pytest.mark.parametrize("name", ["letters", "a/b/c", "../b", "acme/", "https://x/y"])
def test_a_repository_has_an_owner_and_a_name(name: str) -> None:
    with pytest.raises(UserError, match="is no name of a repository"):
        checked_name(name)
    assert checked_name("acme/letters-2.0") == "acme/letters-2.0"
