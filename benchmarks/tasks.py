"""What every side of the generating and scoring benchmark is asked, and how it is timed.

32 chat prompts of 150 to 220 tokens, 64 tokens out whatever comes, greedy, bf16, 2 threads; four adapters of rank 16 on
all linear layers with random values. Multiple choice: 48 questions over contexts of 150 to 250 tokens with 4 options.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import LoraConfig, get_peft_model
from rows import words
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

OUT, STREAMS, PROMPTS = 64, 16, 32
QUESTIONS, OPTIONS = 48, 4
SEED = 20261124
ADAPTERS = ("north", "east", "south", "west")
Tasks = dict[str, Callable[[], Any]]


def run(sides: dict[str, Callable[[Path, Path], Tasks]]) -> None:
    """Measure one side in this process and print one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--side", choices=sides, required=True)
    parser.add_argument("--only", action="append")
    parser.add_argument("--order", type=int, default=0, help="rotates the order of the tasks")
    asked = parser.parse_args()
    torch.set_num_threads(2)
    transformers.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as work:
        tasks = sides[asked.side](asked.model, Path(work))
        names = [name for name in tasks if not asked.only or name in asked.only]
        turn = asked.order % len(names)
        found = {name: tasks[name]() for name in [*names[turn:], *names[:turn]]}
    print(json.dumps(found))


def tokens_of(model: Path, lengths: list[int]) -> list[tuple[int, ...]]:
    """Real text of these lengths, in the frame of a chat."""
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    rng = random.Random(SEED)
    text, found = words(), []
    head = tokenizer.encode("<|im_start|>user\n", add_special_tokens=False).ids
    tail = tokenizer.encode("<|im_end|>\n<|im_start|>assistant\n", add_special_tokens=False).ids
    for length in lengths:
        start = rng.randrange(len(text) - 600)
        body = tokenizer.encode(" ".join(text[start : start + 500]), add_special_tokens=False).ids
        found.append((*head, *body[: length - len(head) - len(tail)], *tail))
    return found


def prompts_of(model: Path) -> list[tuple[int, ...]]:
    """The prompts that are answered."""
    rng = random.Random(SEED)
    return tokens_of(model, [rng.randint(150, 220) for _ in range(PROMPTS)])


def adapter_folders(model: Path, work: Path) -> dict[str, Path]:
    """Four random adapters as PEFT saves them, made in a process of its own, whose memory nobody counts."""
    subprocess.run([sys.executable, __file__, str(model), str(work)], check=True, stdout=subprocess.DEVNULL)
    return {name: work / name for name in ADAPTERS}


def make_adapters(model: Path, work: Path) -> None:
    """Write the adapters."""
    base: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    for seed, name in enumerate(ADAPTERS):
        torch.manual_seed(seed)
        config = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
        tuned: Any = get_peft_model(base, config)
        with torch.no_grad():
            for key, parameter in tuned.named_parameters():
                if "lora_B" in key:
                    parameter.normal_(std=0.005)
        tuned.save_pretrained(str(work / name))
        base = tuned.unload()


def timed(work: Callable[[], int]) -> dict[str, float]:
    """Tokens a second of a piece of work that returns its tokens."""
    began = time.perf_counter()
    tokens = work()
    return {"tokens_per_s": tokens / (time.perf_counter() - began)}


def questions(model: Path, *, short: bool) -> list[tuple[tuple[int, ...], list[tuple[int, ...]]]]:
    """Contexts with four options each: of one token, or of 3 to 12."""
    rng = random.Random(SEED)
    contexts = tokens_of(model, [rng.randint(150, 250) for _ in range(QUESTIONS)])
    pool = tokens_of(model, [400] * 8)
    options = []
    for _ in contexts:
        own = [rng.choice(pool) for _ in range(OPTIONS)]
        starts = [rng.randrange(20, 300) for _ in own]
        lengths = [1 if short else rng.randint(3, 12) for _ in own]
        options.append([row[at : at + many] for row, at, many in zip(own, starts, lengths, strict=True)])
    return list(zip(contexts, options, strict=True))


def per_question(work: Callable[[], Any]) -> dict[str, Any]:
    """Questions a second, and the scores themselves."""
    began = time.perf_counter()
    scores = work()
    return {"per_s": QUESTIONS / (time.perf_counter() - began), "scores": scores}


if __name__ == "__main__":
    make_adapters(Path(sys.argv[1]), Path(sys.argv[2]))
