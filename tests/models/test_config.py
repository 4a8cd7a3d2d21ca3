"""config.json: known families pass; code, places and unknown keys do not; sentences name key and file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import CONFIG_MAPPING

from tunewright.core.errors import UserError
from tunewright.models.config import check_config
from tunewright.models.config_keys import FAMILIES

SMOLLM2 = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_act": "silu",
    "is_llama_config": True,
    "model_type": "llama",
    "rope_interleaved": False,
    "rope_scaling": None,
    "rope_theta": 100000,
    "torch_dtype": "bfloat16",
    "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}},
    "transformers_version": "4.42.3",
    "_name_or_path": "/fsx/someone/checkpoints/final",
    "id2label": {"0": "either/or"},
}


def refusal(folder: Path, **more: Any) -> str:
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", **more}))
    with pytest.raises(UserError) as caught:
        check_config(folder)
    return str(caught.value)


def test_a_config_of_the_hub_passes(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(SMOLLM2))
    assert check_config(tmp_path)["model_type"] == "llama"


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_of_the_installed_library_passes(family: str, tmp_path: Path) -> None:
    CONFIG_MAPPING[family]().save_pretrained(tmp_path)
    assert check_config(tmp_path)["model_type"] == CONFIG_MAPPING[family].model_type


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("auto_map", {"AutoModelForCausalLM": "evil--Model"}),
        ("_attn_implementation", "org/kernel"),
        ("attn_implementation", "eager"),
        ("_attn_implementation_internal", "org/kernel"),
        ("trust_remote_code", True),
        ("custom_generate", "x"),
        ("custom_pipelines", {}),
        ("attention_class", "Evil"),
        ("_auto_class", "AutoModel"),
        ("adapter_path", "x"),
        ("weights_file", "x"),
        ("hidden_act", "../../evil"),
        ("hidden_act", "https://example.com/a"),
        ("hidden_act", "evil.py"),
        ("rope_scaling", {"type": "linear", "auto_map": {}}),
        ("rope_scaling", {"type": ["a", "b/c"]}),
        ("layer_types", ["full_attention", "org/kernel"]),
        ("quantization_config", {"quant_method": "gptq"}),
        ("hiden_size", 3),
        ("never_heard_of", 1),
    ],
)
def test_a_dangerous_or_unknown_key_is_refused_by_name(key: str, value: Any, tmp_path: Path) -> None:
    sentence = refusal(tmp_path, **{key: value})
    assert f'"{key}"' in sentence and "config.json" in sentence


def test_all_mistakes_are_told_at_once_and_the_nearest_key(tmp_path: Path) -> None:
    sentence = refusal(tmp_path, auto_map={}, hiden_size=3)
    assert len(sentence.splitlines()) == 2
    assert 'Did you mean "hidden_size"?' in sentence


@pytest.mark.parametrize("name", ["tokenizer_config.json", "generation_config.json"])
def test_code_in_the_other_settings_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(json.dumps({"auto_map": {"AutoTokenizer": ["evil", None]}}))
    sentence = refusal(tmp_path)
    assert '"auto_map"' in sentence and name in sentence


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'"text"'])
def test_a_broken_file_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError, match=r"config\.json: this file"):
        check_config(tmp_path)


def test_a_config_without_an_architecture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="model_type"):
        check_config(tmp_path)
