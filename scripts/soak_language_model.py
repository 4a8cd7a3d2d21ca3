"""A language model under a random load for long: rows join, leave and are cancelled, adapters come and go.

    python scripts/soak_language_model.py --minutes 20 --figures docs/evidence/language-model-soak.jsonl

Every answer is compared with what the same request got alone: equal, or parted where two tokens were nearly equal (a
greedy choice between scores within 0.001, a draw within 0.001 of a boundary). Memory must be flat: the highest of the
last third at most 3 % above that of the second third. Exit code 1 where either fails.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer

from tunewright.core.events import silent
from tunewright.core.language_model import BASE, Generated, Request, Sampling
from tunewright.core.nouns import Numbers
from tunewright.core.workspace import Workspace
from tunewright.models.find import find
from tunewright.models.language_model import open_language_model
from tunewright.models.llama.batching import Limits
from tunewright.models.load import load
from tunewright.models.sampling import choose, uniforms, wishes_of
from tunewright.recipe.recipe import ModelOptions

REPOSITORY = Path(__file__).resolve().parent.parent
TOPICS = ("rain", "bread", "the sea", "a library", "trains", "winter", "music", "maps")
NAMES = ("north", "east", "south", "west")
NEAR = 1e-3
LIMITS = Limits(cache_bytes=1 << 27, rows=24, chunk_tokens=256)


@dataclass
class Figures:
    """What was seen so far."""

    answers: int = 0
    equal: int = 0
    parted_near_ties: int = 0
    cancelled: int = 0
    loads: int = 0
    tokens: int = 0
    wrong: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)


def main() -> int:
    """Run for the minutes asked and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figures", type=Path, help="a line of JSON every ten seconds")
    asked = parser.parse_args()
    torch.set_num_threads(2)
    with TemporaryDirectory() as work:
        soak = Soak(Path(work), seed=asked.seed)
        soak.run(asked.minutes * 60, asked.figures)
    return soak.verdict()


class Soak:
    """The load and its checks."""

    def __init__(self, work: Path, *, seed: int) -> None:
        workspace = Workspace(REPOSITORY / ".cache" / "tests")
        name = "builtin:smollm2-135m-instruct"
        found = find(ModelOptions(name=name), folder=REPOSITORY, workspace=workspace, emit=silent)
        self.tokenizer = Tokenizer.from_file(str(found.path / "tokenizer.json"))
        numbers = Numbers(weights="fp32", products="fp32", double_quantisation=False)
        model = load(found.path, numbers=numbers)
        self.folders = {name: adapter(model, work / name, at) for at, name in enumerate(NAMES)}
        self.model: Any = open_language_model(
            model, decode=self.tokenizer.decode, limits=LIMITS, compiled=workspace.compiled
        )
        self.random = random.Random(seed)
        self.figures, self.loaded = Figures(), dict[str, str]()
        self.under_way: dict[int, tuple[Request, str, Any]] = {}
        self.alone: dict[Request, Generated] = {}
        self._tickets = iter(range(1 << 60))

    def requests(self) -> list[Request]:
        """What may be asked, each over every adapter; prompts of 20 to 400 tokens, some beginning alike."""
        long = " ".join(f"Remember that {topic} came before." for topic in TOPICS * 6)
        found = []
        for at, topic in enumerate(TOPICS):
            said = f"{long if at % 3 == 2 else ''} Write about {topic} in a few words."
            text = f"<|im_start|>user\n{said}<|im_end|>\n<|im_start|>assistant\n"
            sampling = Sampling(temperature=0.8, top_p=0.9, top_k=50, seed=at) if at % 2 else Sampling()
            stops = (".",) if at % 4 == 1 else ()
            prompt = tuple(self.tokenizer.encode(text, add_special_tokens=False).ids)
            found += [Request(prompt, 8 + 6 * at, frozenset({2}), stops, sampling, name) for name in (BASE, *NAMES)]
        return found

    def run(self, seconds: float, file: Path | None) -> None:
        """Learn every answer alone, then load the model at random until time is over, then let all rows end."""
        pool = self.requests()
        for name, folder in self.folders.items():
            self.model.load_adapter(name, folder)
        for request in pool:
            self.alone[request] = self.model.answer([request])[0]
        for name in NAMES:
            self.model.unload_adapter(name)
        began = told = time.monotonic()
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("", encoding="utf-8")
        while (now := time.monotonic()) < began + seconds:
            self.move(pool)
            if now >= told + 10:
                told = now
                self.tell(now - began, file)
        for ticket in list(self.under_way):
            self.finish(ticket)
        self.tell(time.monotonic() - began, file)

    def move(self, pool: list[Request]) -> None:
        """One random thing: an adapter comes or goes, rows join, a row is cancelled, or some tokens are computed."""
        dice = self.random.random()
        if dice < 0.03:
            self.switch(self.random.choice(NAMES))
        elif dice < 0.25 and len(self.under_way) < 40:
            able = [each for each in pool if each.adapter == BASE or each.adapter in self.loaded]
            request = self.random.choice(able)
            ticket = next(self._tickets)
            self.under_way[ticket] = (request, request.adapter, self.model.stream([request]))
            self.advance(ticket)  # a stream asks when its first piece is wanted
        elif 0.25 <= dice < 0.255 and self.under_way:
            ticket = self.random.choice(list(self.under_way))
            self.under_way.pop(ticket)[2].close()
            self.figures.cancelled += 1
        elif self.under_way:
            for ticket in self.random.sample(list(self.under_way), len(self.under_way) // 2 + 1):
                self.advance(ticket)

    def advance(self, ticket: int) -> None:
        """The next token of one row; the others' come with it."""
        piece = next(self.under_way[ticket][2])
        if piece.answer is not None:
            self.check(self.under_way.pop(ticket)[0], piece.answer)

    def finish(self, ticket: int) -> None:
        """Everything that is left of one row."""
        request, _, stream = self.under_way.pop(ticket)
        for piece in stream:
            if piece.answer is not None:
                self.check(request, piece.answer)

    def switch(self, name: str) -> None:
        """Load an adapter that is not there, unload one that is; rows under way go on with it."""
        if name in self.loaded:
            self.model.unload_adapter(name)
            del self.loaded[name]
        else:
            self.model.load_adapter(name, self.folders[name])
            self.loaded[name] = name
            self.figures.loads += 1

    def check(self, request: Request, answer: Generated) -> None:
        """Equal to the answer alone, or parted at a near tie."""
        wanted, seen = self.alone[request], self.figures
        seen.answers += 1
        seen.tokens += len(answer.tokens)
        if (answer.tokens, answer.finish, answer.text) == (wanted.tokens, wanted.finish, wanted.text):
            seen.equal += 1
        elif self.near(request, answer.tokens, wanted.tokens):
            seen.parted_near_ties += 1
        else:
            seen.wrong.append(f"{request.adapter} {request.prompt[:8]}: {answer} for {wanted}"[:400])

    def near(self, request: Request, found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
        """True where the first differing tokens have nearly equal scores, or lie beside each other in a draw."""
        pairs = [at for at, pair in enumerate(zip(found, wanted, strict=False)) if pair[0] != pair[1]]
        if not pairs:
            return False
        place = pairs[0]
        if request.adapter != BASE and request.adapter not in self.loaded:
            self.switch(request.adapter)
        view: Any = (
            self.model.without_adapter() if request.adapter == BASE else self.model.with_adapter(request.adapter)
        )
        with torch.no_grad():
            logits = view.shared.decoder.logits(view.hidden([(*request.prompt, *wanted[:place])])[0][-1:])
        if request.sampling.greedy:
            return abs(float(logits[0, found[place]] - logits[0, wanted[place]])) < NEAR
        drawn = float(uniforms(request.sampling, place + 1)[place])
        around = [min(max(drawn + shift, 0.0), 1 - NEAR / 2) for shift in (-NEAR, 0.0, NEAR)]
        tokens = {
            int(choose(logits, wishes_of([request.sampling], [at], used=None, device=logits.device)).tokens[0])
            for at in around
        }
        return {found[place], wanted[place]} <= tokens

    def tell(self, seconds: float, file: Path | None) -> None:
        """Keep the figures of this moment."""
        seen = self.figures
        memory = psutil.Process().memory_info().rss
        seen.memory.append((seconds, memory))
        line = {
            "seconds": round(seconds),
            "memory_mb": round(memory / 1e6),
            "cache_mb": round(self.model.shared.generator.cache_bytes / 1e6),
            "answers": seen.answers,
            "equal": seen.equal,
            "parted_near_ties": seen.parted_near_ties,
            "wrong": len(seen.wrong),
            "cancelled": seen.cancelled,
            "adapters_loaded": seen.loads,
            "tokens": seen.tokens,
        }
        if file:
            with file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")

    def verdict(self) -> int:
        """Say what was found; 1 where an answer was wrong or memory grew."""
        seen = self.figures
        thirds = np.array_split(np.array(seen.memory), 3)
        before, after = (part[:, 1].max() / 1e6 for part in thirds[1:])
        grown = after / before - 1
        print(
            f"{seen.answers} answers ({seen.tokens:,} tokens), {seen.equal} equal to those alone, "
            f"{seen.parted_near_ties} parted at near ties, {len(seen.wrong)} wrong; {seen.cancelled} cancelled, "
            f"{seen.loads} adapters loaded; memory {before:,.0f} MB in the second third, {after:,.0f} MB in the last "
            f"({grown:+.1%})"
        )
        print("\n".join(seen.wrong[:10]))
        return int(bool(seen.wrong) or grown > 0.03 or seen.parted_near_ties > 0.02 * seen.answers)


def adapter(model: Any, folder: Path, seed: int) -> Path:
    """The folder of a random adapter."""
    torch.manual_seed(seed)
    tuned: Any = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear"))
    with torch.no_grad():
        for key, parameter in tuned.named_parameters():
            if "lora_B" in key:
                parameter.normal_(std=0.01)
    tuned.save_pretrained(str(folder))
    tuned.unload()
    return folder


if __name__ == "__main__":
    sys.exit(main())
