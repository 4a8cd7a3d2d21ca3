"""GGUF to safetensors, as a process of its own: `python -m tunewright.models.convert FILE.gguf FOLDER`.

Transformers unpacks the blocks to float32; weights are rounded once to bf16 and saved with config, tokenizer, template.
Exit status 2: the file is the mistake, standard error is one sentence.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from gguf import GGUFReader
from tokenizers import Regex, Tokenizer, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from tunewright.core.workspace import write_json
from tunewright.models.gguf import NOT_WANTED
from tunewright.models.gguf_rope import FACTORS, rope_parameters

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
SPLITS = {"llama-bpe": LLAMA3, "llama3": LLAMA3, "qwen2": QWEN2, "deepseek-r1-qwen": QWEN2}
DIGITS = frozenset({"smollm", "starcoder", "refact", "codeshell"})
VOLATILE = frozenset({"_from_model_config", "_model_name_or_path", "_name_or_path", "transformers_version"})
PLAIN = frozenset({"gpt-2", "default", "phi-2", "olmo"})


class NotWanted(Exception):
    """The file cannot become a model that we can stand for; the message is one sentence."""


def pre_tokenizer(name: str) -> pre_tokenizers.PreTokenizer:
    """How text is cut before merges, by the GGUF key `tokenizer.ggml.pre`.

    Transformers ignores that key and cuts as GPT-2 does, which gives other tokens, say for "\\n\\n1" with SmolLM.
    Rules: llama.cpp's `llama-vocab.cpp` and the `tokenizer.json` of the models named there. Raises NotWanted otherwise.
    """
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    if name in PLAIN:
        return plain
    if name in DIGITS:
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), plain])
    if name in SPLITS:
        split = pre_tokenizers.Split(Regex(SPLITS[name]), behavior="isolated")
        return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    raise NotWanted(f'the tokenizer\'s rule "{name}" of this GGUF file is not known, so its tokens would be wrong.')


def read_keys(gguf: Path) -> dict[str, Any]:
    """The short keys of a GGUF file (no token lists). Raises NotWanted when the file is cut short."""
    wanted = ("general.architecture", "tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.chat_template")
    try:
        reader = GGUFReader(gguf)
        keys = {name: reader.fields[name].contents() for name in reader.fields if name in wanted or ".rope." in name}
        factors = next((tensor.data for tensor in reader.tensors if tensor.name == FACTORS), None)
        context = reader.fields.get(f"{keys.get('general.architecture')}.context_length")
    except (ValueError, IndexError, KeyError, OSError) as error:
        raise NotWanted("the GGUF file is damaged or cut short.") from error
    return {**keys, "context_length": context.contents() if context else None, FACTORS: factors}


def rope_of(keys: dict[str, Any]) -> dict[str, Any] | None:
    """What scales rotary positions; None where nothing does. Raises NotWanted for what a config cannot say."""
    try:
        rope = rope_parameters(keys, keys[FACTORS])
    except ValueError as error:
        raise NotWanted(f"this GGUF file cannot be used: {error}.") from error
    return None if rope["rope_type"] == "default" else rope


def rule_of(keys: dict[str, Any]) -> pre_tokenizers.PreTokenizer | None:
    """The cut before merges that a byte-level tokenizer needs; None for SentencePiece, which Transformers rebuilds."""
    if keys.get("tokenizer.ggml.model") != "gpt2":
        return None
    return pre_tokenizer(keys.get("tokenizer.ggml.pre", "default"))


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, keys: dict[str, Any], *, folder: Path) -> None:
    """Write the tokenizer files, with the right cut before merges and settings that any version reads."""
    tokenizer.save_pretrained(folder)
    rule = rule_of(keys)
    if rule is not None:
        plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
        plain.pre_tokenizer = rule
        plain.save(str(folder / "tokenizer.json"))
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    kept = {name: value for name, value in settings.items() if name.endswith("_token")}
    kept |= {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    write_json(path, kept | ({"model_max_length": keys["context_length"]} if keys["context_length"] else {}))


def dense(source: PreTrainedModel) -> PreTrainedModel:
    """A bf16 model with the weights of an unpacked one, which cannot be saved: it still says that it is quantised."""
    config = source.config
    vars(config).pop("quantization_config", None)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    state = {name: tensor.to(torch.bfloat16) for name, tensor in source.state_dict().items()}
    model.load_state_dict(state, strict=True)
    model.tie_weights()
    model.generation_config = source.generation_config
    return model


def convert(gguf: Path, folder: Path) -> None:
    """Write the model folder. Raises NotWanted when the file is damaged or of an unknown kind."""
    keys = read_keys(gguf)
    rule_of(keys)  # before the long work
    rope = rope_of(keys)
    with tempfile.TemporaryDirectory() as alone:  # a folder of its own: files that lie beside the GGUF are not read
        (Path(alone) / gguf.name).symlink_to(gguf.resolve())
        try:
            tokenizer = AutoTokenizer.from_pretrained(alone, gguf_file=gguf.name)
            packed = GgufConfig(dequantize=True)
            source = AutoModelForCausalLM.from_pretrained(
                alone, gguf_file=gguf.name, dtype=torch.float32, quantization_config=packed
            )
        except (ValueError, KeyError, NotImplementedError, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise NotWanted(f"Transformers cannot read this GGUF file: {reason}") from error
    if rope is not None:  # Transformers reads the frequency alone
        source.config.rope_parameters = rope
    save_tokenizer(tokenizer, keys, folder=folder)
    dense(source).save_pretrained(folder)
    clean(folder / "config.json")
    clean(folder / "generation_config.json")


def clean(path: Path) -> None:
    """Take out of a JSON file what differs between machines though the model is the same."""
    values = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, {name: value for name, value in values.items() if name not in VOLATILE})


def main(arguments: list[str]) -> int:
    """Convert one file; returns the exit status."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        convert(Path(arguments[0]), Path(arguments[1]))
    except NotWanted as error:
        sys.stderr.write(f"{error}\n")
        return NOT_WANTED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
