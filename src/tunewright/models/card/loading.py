"""How a version is loaded without Tunewright: a few lines for plain PEFT, Transformers or llama.cpp."""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.core.nouns import Numbers
from tunewright.models.card.story import Story

ADAPTER = "adapter_config.json"
BASE_FOLDER = "path/to/the/base/model"
ROUNDED = (
    "bitsandbytes has kernels of its own for products over quantised weights, which round more than training did: "
    "numbers can differ a little from those that are measured here. "
)
TYPES = {"bf16": "torch.bfloat16", "fp32": "torch.float32", "fp64": "torch.float64"}


@dataclass(frozen=True)
class Loading:
    """A program, its language, and what has to be said about it. `code` is empty where no program of others reads it.

    `library`: the name that hubs have for what reads it.
    """

    library: str
    code: str
    language: str
    note: str = ""


def loading(story: Story, *, place: str) -> Loading:
    """How to load a version that lies at `place`: a folder, or the name of a repository."""
    files = story.files
    if "model.gguf" in files:
        given = f"-m {place}/model.gguf" if _is_folder(place) else f"-hf {place}"
        return Loading("gguf", f"llama-server {given} --jinja", "sh")
    if "under.safetensors" in files:
        note = (
            "It was trained over another adapter, which lies beside it in `under.safetensors`. Plain PEFT reads one "
            "adapter, not such a stack: export it merged (`tunewright export --form merged`) for other programs."
        )
        return Loading("tunewright", "", "", note)
    if "bottleneck_config.json" in files:
        return Loading("tunewright", "", "", "PEFT has no bottleneck adapters: Tunewright alone reads this one.")
    adapter = ADAPTER in files
    code = _adapter(story, place) if adapter else _whole(story, place)
    note = _note(story) if adapter else ""
    return Loading("peft" if adapter else "transformers", code + (_head(place) if story.head else ""), "python", note)


def _adapter(story: Story, place: str) -> str:
    numbers, base = story.version.numbers, story.hub_base
    name = f'"{base[0]}", revision="{base[1]}"' if base else f'"{BASE_FOLDER}"'
    added = bool(story.version.added_tokens)
    return "\n".join(
        [
            "import torch",
            "from peft import PeftModel",
            f"from transformers import AutoModelForCausalLM, AutoTokenizer{_imports(numbers)}",
            "",
            f'tokenizer = AutoTokenizer.from_pretrained("{place}")',
            f"model = AutoModelForCausalLM.from_pretrained({name}, {_numbers(numbers)})",
            *(
                [
                    "if len(tokenizer) > model.get_input_embeddings().num_embeddings:",
                    "    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)",
                ]
                if added
                else []
            ),
            f'model = PeftModel.from_pretrained(model, "{place}").eval()',
            "",
        ]
    )


def _whole(story: Story, place: str) -> str:
    numbers = story.version.numbers
    kind = TYPES[numbers.products]
    return "\n".join(
        [
            "import torch",
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            f'tokenizer = AutoTokenizer.from_pretrained("{place}")',
            f'model = AutoModelForCausalLM.from_pretrained("{place}", dtype={kind}).eval()',
            "",
        ]
    )


def _imports(numbers: Numbers) -> str:
    return ", BitsAndBytesConfig" if numbers.weights in ("nf4", "int8") else ""


def _numbers(numbers: Numbers) -> str:
    """The arguments that hold the base as training held it."""
    kind = TYPES[numbers.products]
    if numbers.weights == "int8":
        return f"dtype={kind}, quantization_config=BitsAndBytesConfig(load_in_8bit=True)"
    if numbers.weights == "nf4":
        return (
            f"dtype={kind}, quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type='nf4', "
            f"bnb_4bit_compute_dtype={kind}, bnb_4bit_use_double_quant={numbers.double_quantisation})"
        )
    return f"dtype={kind}"


def _is_folder(place: str) -> bool:
    return place.startswith((".", "/"))


def _head(place: str) -> str:
    file = "head/head.safetensors"
    fetched = f'"{place}/{file}"' if _is_folder(place) else f'hf_hub_download("{place}", "{file}")'
    return "\n".join(
        [
            "",
            "# The head: a linear map of the last token's state. head/head.json says what its numbers mean.",
            *([] if _is_folder(place) else ["from huggingface_hub import hf_hub_download"]),
            "from safetensors.torch import load_file",
            "",
            f'head = load_file({fetched})["head.weight"]',
            "",
            "",
            "def numbers(text):",
            '    tokens = tokenizer(text, add_special_tokens=False, return_tensors="pt")',
            "    states = model(**tokens, output_hidden_states=True).hidden_states[-1]",
            "    return states[0, -1].to(head.dtype) @ head.T",
            "",
        ]
    )


def _note(story: Story) -> str:
    rounded = ROUNDED if story.version.numbers.weights in ("nf4", "int8") else ""
    if story.hub_base:
        return rounded.strip()
    return rounded + (
        f"`{BASE_FOLDER}` stands for the base, `{story.base_name}`: a folder whose config and weights have the digest "
        f"`{story.version.base_digest[:12]}`."
    )
