"""Written forms read back: by our loader, by plain Transformers, and GGUF by Transformers' own reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFReader
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM

from tests.conftest import tiny_config
from tests.models.export.trained import logits, numbers, save_plain
from tests.models.test_lora_forms import base as random_qwen
from tunewright.core.errors import UserError
from tunewright.models.convert import convert
from tunewright.models.export.forms import FORMS, Wanted, check_form, open_form, readable, resolve_form, write_form
from tunewright.models.export.gguf_file import turned
from tunewright.models.export.gguf_text import check_tokenizer
from tunewright.models.export.int8 import rounded
from tunewright.models.export.proof import text_problems
from tunewright.models.load import load
from tunewright.models.tensors import read_weights
from tunewright.models.version import GGUF, content_digest
from tunewright.text.chat import ChatFormat, load_chat

LARGEST_DISTANCE = {
    "merged-fp32": 0.0,
    "merged-bf16": 0.05,
    "int8": 0.1,
    "gguf-f16": 0.01,
    "gguf-q8_0": 0.1,
    "gguf-q4_0": 0.9,
}
"""Relative L2 distance of scores; the random weights of these models are wide, so that rounding shows."""
TALK = [{"role": "user", "content": "What is 123?\n\n1"}, {"role": "assistant", "content": "A number."}]


def write(model: Any, form: str, chat: ChatFormat, folder: Path) -> tuple[Wanted, Path]:
    """A form written and made readable."""
    wanted = Wanted(form, chat, "tiny", system="Be brief.", context_tokens=128)
    check_form(wanted, model.config)
    write_form(model, wanted, folder=folder / form)
    return wanted, readable(folder / form, form, scratch=folder / f"{form}-read")


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_model_and_its_text_back(form: str, tiny_model_folder: Path, tmp_path: Path) -> None:
    model = load(tiny_model_folder, numbers=numbers("fp32"), device="cpu")
    chat = load_chat(tiny_model_folder)
    wanted, read = write(model, form, chat, tmp_path)
    assert text_problems(chat, read, talks=[TALK], only_eos=wanted.is_gguf) == []
    distance = apart(logits(open_form(read, form, device="cpu")), logits(model))
    assert distance <= LARGEST_DISTANCE[form]
    assert (distance == 0) == (form == "merged-fp32")
    name = content_digest(tmp_path / form)
    write_form(model, wanted, folder=tmp_path / "again")
    assert content_digest(tmp_path / "again") == name, "the same weights give the same file"


def test_plain_transformers_loads_a_merged_folder_with_template_and_stops(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    model, chat = load(tiny_model_folder, numbers=numbers("fp32"), device="cpu"), load_chat(tiny_model_folder)
    _, folder = write(model, "merged-fp32", chat, tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(folder)
    assert torch.equal(logits(theirs), logits(model))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer.apply_chat_template(TALK[:1], add_generation_prompt=True, return_dict=False)
    assert prompt == chat.prompt_ids(TALK[:1])
    stops = GenerationConfig.from_pretrained(folder).eos_token_id
    assert chat.stop_ids <= set(stops if isinstance(stops, list) else [stops])


def test_int8_keeps_its_integers_through_our_loader_and_transformers_own(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    model, chat = load(tiny_model_folder, numbers=numbers("fp32"), device="cpu"), load_chat(tiny_model_folder)
    _, folder = write(model, "int8", chat, tmp_path)
    stored = read_weights(folder)
    name = "model.layers.0.mlp.down_proj"
    weight = model.get_submodule(name).weight
    back = stored[f"{name}.weight"].float() * stored[f"{name}.SCB"][:, None] / 127
    assert float((back - weight).abs().max()) <= float(weight.abs().max()) / 127 / 2 * 1.001
    ours = open_form(folder, "int8", device="cpu").get_submodule(name)
    theirs = AutoModelForCausalLM.from_pretrained(folder).get_submodule(name)
    for layer in (ours, theirs):
        assert torch.equal(layer.weight.data, stored[f"{name}.weight"])
        assert torch.equal(layer.weight.SCB, stored[f"{name}.SCB"])


def test_a_row_of_zeros_stays_one_in_eight_bits() -> None:
    integers, scales = rounded(torch.tensor([[0.0, 0.0], [1.0, -2.0], [1e-38, 5e-39]]))
    assert integers.tolist()[:2] == [[0, 0], [64, -127]]
    assert scales.tolist()[:2] == [0.0, 2.0]


def test_a_model_with_biases_and_a_head_of_its_own_comes_back_from_gguf(
    tiny_tokenizer_folder: Path, tmp_path: Path
) -> None:
    folder = save_plain(random_qwen(torch.float32), tmp_path / "qwen", tiny_tokenizer_folder)
    model, chat = load(folder, numbers=numbers("fp32"), device="cpu"), load_chat(folder)
    _, read = write(model, "gguf-f16", chat, tmp_path)
    assert apart(logits(open_form(read, "gguf-f16", device="cpu")), logits(model)) < 0.01


LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 64.0,
    "original_max_position_embeddings": 2000,
}


@pytest.mark.parametrize("rope", [LLAMA3, {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}])
def test_scaled_rotary_positions_come_back(rope: dict[str, Any], tiny_tokenizer_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(4)
    config = LlamaConfig(**{**tiny_config(), "rope_parameters": rope, "attention_bias": True})
    folder = save_plain(LlamaForCausalLM(config), tmp_path / "llama", tiny_tokenizer_folder)
    model, chat = load(folder, numbers=numbers("fp32"), device="cpu"), load_chat(folder)
    _, read = write(model, "gguf-f16", chat, tmp_path)
    assert apart(logits(open_form(read, "gguf-f16", device="cpu")), logits(model)) < 0.01
    plain = LlamaForCausalLM(LlamaConfig(**{**tiny_config(), "attention_bias": True}))
    plain.load_state_dict(model.state_dict())
    assert apart(logits(plain), logits(model)) > 0.02, "the scaling changes what is computed"
    convert(tmp_path / "gguf-f16" / GGUF, tmp_path / "converted")
    again = load(tmp_path / "converted", numbers=numbers("fp32"), device="cpu")
    assert apart(logits(again), logits(model)) < 0.02, "a base model out of such a file, in bf16"


def test_transformers_own_reader_finds_the_same_model(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Another reader of the same file: names, turned rows and keys are not only what our own reader takes them for."""
    model, chat = load(tiny_model_folder, numbers=numbers("fp32"), device="cpu"), load_chat(tiny_model_folder)
    _, read = write(model, "gguf-q8_0", chat, tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "gguf-q8_0", gguf_file=GGUF, dtype=torch.float32)
    assert apart(logits(theirs), logits(open_form(read, "gguf-q8_0", device="cpu"))) < 1e-6


def test_a_gguf_file_says_what_llama_cpp_needs(tiny_model_folder: Path, tmp_path: Path) -> None:
    model, chat = load(tiny_model_folder, numbers=numbers("fp32"), device="cpu"), load_chat(tiny_model_folder)
    wanted = Wanted("gguf-q4_0", chat, "tiny", system="Be brief.", context_tokens=128)
    write_form(model, wanted, folder=tmp_path)
    fields = GGUFReader(tmp_path / GGUF).fields
    said = {name: field.contents() for name, field in fields.items()}
    expected = {
        "general.architecture": "llama",
        "llama.block_count": 2,
        "llama.context_length": 2048,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.rope.dimension_count": 16,
        "llama.rope.freq_base": 10000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": chat.files.template,
    }
    assert {name: said[name] for name in expected} == expected
    assert len(said["tokenizer.ggml.tokens"]) == 512
    kinds = {tensor.name: tensor.tensor_type.name for tensor in GGUFReader(tmp_path / GGUF).tensors}
    assert kinds["token_embd.weight"] == "Q8_0"
    assert kinds["blk.0.attn_q.weight"] == "Q4_0"
    assert kinds["blk.0.attn_norm.weight"] == "F32"
    assert "output.weight" not in kinds, "the head is the embedding"


def test_turned_rows_are_the_pairs_of_the_two_halves() -> None:
    rows = np.arange(8, dtype=np.float32)
    assert turned(rows, 1).tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    assert turned(np.stack([rows, rows], 1), 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_the_real_tokenizer_is_known_by_its_rule(smollm2: Any) -> None:
    assert check_tokenizer(load_chat(smollm2.path)) == "smollm"


def test_what_gguf_cannot_hold_is_refused_before_anything_is_written(tiny_model_folder: Path, tmp_path: Path) -> None:
    model, chat = load(tiny_model_folder, numbers=numbers("fp32"), device="cpu"), load_chat(tiny_model_folder)
    model.config.model_type = "mamba"
    with pytest.raises(UserError, match="cannot be written as GGUF here: its architecture is mamba"):
        check_form(Wanted("gguf-f16", chat, "x"), model.config)
    check_form(Wanted("int8", chat, "x"), model.config)
    model.config.model_type = "llama"
    model.config.rope_parameters = {"rope_type": "longrope", "rope_theta": 1.0}
    with pytest.raises(UserError, match="rotary positions are scaled by longrope"):
        check_form(Wanted("gguf-f16", chat, "x"), model.config)
    settings = json.loads((tiny_model_folder / "tokenizer.json").read_text())
    settings["pre_tokenizer"] = {"type": "Whitespace"}
    for name in ("tokenizer_config.json", "chat_template.jinja"):
        (tmp_path / name).write_bytes((tiny_model_folder / name).read_bytes())
    (tmp_path / "tokenizer.json").write_text(json.dumps(settings))
    with pytest.raises(UserError, match="the way it cuts text before merging is none that llama"):
        check_tokenizer(load_chat(tmp_path))


def test_merged_means_the_numbers_that_were_trained_in() -> None:
    assert resolve_form("merged", products="bf16") == "merged-bf16"
    assert resolve_form("merged", products="fp32") == "merged-fp32"
    assert resolve_form("gguf-q8_0", products="bf16") == "gguf-q8_0"
