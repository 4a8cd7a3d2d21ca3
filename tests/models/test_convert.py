"""GGUF to safetensors: the same weights, the same tokens, the template kept; once, also with two at work."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gguf as gguf_library
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from tests.conftest import CHAT_TEMPLATE
from tests.models.numbers import plain
from tunewright.core.errors import UserError
from tunewright.core.events import Event, silent
from tunewright.core.workspace import Workspace
from tunewright.models.convert import NotWanted, pre_tokenizer
from tunewright.models.find import FoundModel, find
from tunewright.models.load import load
from tunewright.recipe.recipe import ModelOptions

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "model.layers": "blk",
}


def write_gguf(model: Path, path: Path, *, pre: str = "gpt-2") -> None:
    """The tiny model as llama.cpp's converter would write it: other names, rotary rows of q and k in another order."""
    config = json.loads((model / "config.json").read_text())
    writer = gguf_library.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(16)
    writer.add_rope_freq_base(10_000.0)
    add_tokenizer(writer, json.loads((model / "tokenizer.json").read_text()), pre)
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    for name, tensor in load_file(model / "model.safetensors").items():
        for theirs, ours in NAMES.items():
            name = name.replace(theirs, ours)
        count = next((count for part, count in heads.items() if f"{part}." in name), None)
        if count:
            tensor = tensor.view(count, 2, -1, tensor.shape[1]).transpose(1, 2).reshape(tensor.shape)
        writer.add_tensor(name, tensor.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_tokenizer(writer: gguf_library.GGUFWriter, tokenizer: dict, pre: str) -> None:
    vocabulary = tokenizer["model"]["vocab"]
    tokens = sorted(vocabulary, key=vocabulary.get)
    tokens += [f"[unused{at}]" for at in range(len(tokens), 512)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token.startswith("<|") else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_chat_template(CHAT_TEMPLATE)


def found(path: Path, home: Path, emit: object = silent) -> FoundModel:
    options = ModelOptions(name=str(path))
    return find(options, folder=path.parent, workspace=Workspace(home), emit=emit)  # type: ignore[arg-type]


def test_two_at_once_make_one_folder_with_the_same_model(tiny_model_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    write_gguf(tiny_model_folder, path)
    (tmp_path / "adapter_config.json").write_text("{}")  # a stranger beside the file is not read
    notes: list[Event] = []
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: found(path, tmp_path / "home", notes.append), range(2))
    assert one == two
    assert sum("Converting" in getattr(note, "text", "") for note in notes) == 1
    assert not list((tmp_path / "home" / "cache" / "models").glob(".*.*-*-*"))
    check_same(tiny_model_folder, one.path)


def check_same(original: Path, made: Path) -> None:
    expected = load(original, numbers=plain("fp32")).to(torch.bfloat16).state_dict()
    state = load(made, numbers=plain("bf16")).state_dict()
    assert expected.keys() == state.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())
    assert (made / "chat_template.jinja").read_text() == CHAT_TEMPLATE
    text = "<|im_start|>user\nThis is sentence 12 again.  1\n\n2<|im_end|>\n"
    tokenizers = [Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (original, made)]
    assert tokenizers[0].encode(text).ids == tokenizers[1].encode(text).ids
    assert json.loads((made / "tokenizer_config.json").read_text())["eos_token"] == "<|im_end|>"


def test_a_tokenizer_rule_that_is_not_known_is_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    write_gguf(tiny_model_folder, tmp_path / "tiny.gguf", pre="never-heard-of")
    with pytest.raises(UserError, match='rule "never-heard-of" of this GGUF file is not known'):
        found(tmp_path / "tiny.gguf", tmp_path / "home")
    assert not [path for path in (tmp_path / "home" / "cache" / "models").iterdir() if path.is_dir()]


def test_a_gguf_that_is_cut_short_is_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    write_gguf(tiny_model_folder, path)
    path.write_bytes(path.read_bytes()[:-100_000])
    with pytest.raises(UserError) as caught:
        found(path, tmp_path / "home")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "text", "pieces"),
    [
        ("smollm", "a\n\n12", ["a", "ĊĊ", "1", "2"]),
        ("gpt-2", "a\n\n12", ["a", "Ċ", "Ċ", "12"]),
        ("llama-bpe", "x 12345", ["x", "Ġ", "123", "45"]),
        ("qwen2", "x 12", ["x", "Ġ", "1", "2"]),
    ],
)
def test_text_is_cut_by_the_rule_of_the_file(rule: str, text: str, pieces: list[str]) -> None:
    assert [piece for piece, _place in pre_tokenizer(rule).pre_tokenize_str(text)] == pieces


def test_an_unknown_rule_is_not_guessed() -> None:
    with pytest.raises(NotWanted):
        pre_tokenizer("never-heard-of")


def test_the_builtin_cuts_numbers_as_the_original_does(smollm2: FoundModel) -> None:
    """The original's tokenizer.json cuts digits off before GPT-2's rule; "\\n\\n" before a digit is one token."""
    tokens = Tokenizer.from_file(str(smollm2.path / "tokenizer.json")).encode("In 2024:\n\n1. Yes").tokens
    assert tokens == ["In", "Ġ", "2", "0", "2", "4", ":", "ĊĊ", "1", ".", "ĠYes"]
