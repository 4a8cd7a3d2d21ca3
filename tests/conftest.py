"""Fixtures that many rooms share: a tiny random model, its tokenizer alone, and the real SmolLM2 converted once.

Nothing heavy is imported unless a test asks for a fixture that needs it.
"""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tunewright.models.find import FoundModel

REPOSITORY = Path(__file__).parent.parent
BUILTIN = "builtin:smollm2-135m-instruct"
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\n" + SYSTEM + "<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CORPUS = [
    SYSTEM,
    "system user assistant question answer label positive negative neutral",
    "The heart pumps blood through the body. The liver cleans it. What is the capital of France? Paris.",
    "A patient with pneumonia has fever and cough; the diagnosis belongs to the respiratory system.",
    "one two three four five six seven eight nine ten hundred thousand",
    *(f"This is sentence {letter} with words that come back again and again." for letter in string.ascii_letters),
]


def write_tiny_tokenizer(folder: Path) -> None:
    """A byte-level BPE tokenizer of at most 512 tokens with ChatML specials, as Transformers saves it; no torch."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        min_frequency=1,
        special_tokens=[AddedToken(text, special=True, normalized=False) for text in SPECIALS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 2048,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)


def tiny_config() -> dict[str, Any]:
    """A Llama of 2 layers, width 64, 4 heads, 2 key-value heads, vocabulary 512, tied embeddings."""
    return {
        "vocab_size": 512,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": True,
        "initializer_range": 0.2,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
    }


@pytest.fixture(scope="session")
def tiny_tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only the tokenizer files of the tiny model: for rooms without torch."""
    folder = tmp_path_factory.mktemp("tiny_tokenizer")
    write_tiny_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of 0.1 million float32 weights with tokenizer and template; the same bytes each time."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("tiny_model")
    state = torch.random.get_rng_state()
    torch.manual_seed(7)
    model = LlamaForCausalLM(LlamaConfig(**tiny_config()))
    torch.random.set_rng_state(state)
    model.save_pretrained(folder)
    write_tiny_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def smollm2() -> FoundModel:
    """The real SmolLM2-135M-Instruct, converted once into `.cache/tests` of the repository and reused later."""
    from tunewright.core.events import silent
    from tunewright.core.workspace import Workspace
    from tunewright.models.find import find
    from tunewright.recipe.recipe import ModelOptions

    workspace = Workspace(REPOSITORY / ".cache" / "tests")
    return find(ModelOptions(name=BUILTIN), folder=REPOSITORY, workspace=workspace, emit=silent)
