"""Our side of the generating and scoring benchmark; prints one JSON line.

python benchmarks/answering.py MODEL --side ours|score_ours [--only one_stream ...]
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from pathlib import Path

from tasks import ADAPTERS, OUT, STREAMS, Tasks, adapter_folders, per_question, prompts_of, questions, run, timed

from tunewright.core.language_model import BASE, Piece, Request, ScoreItem
from tunewright.core.nouns import Numbers
from tunewright.models.language_model import open_language_model
from tunewright.models.llama.batching import Limits
from tunewright.models.load import load

NUMBERS = Numbers(weights="bf16", products="bf16", double_quantisation=False)
COMPILED = Path(__file__).parent.parent / ".cache" / "compile"
CACHE_BYTES = 1 << 28
ACTIVATIONS = 1 << 28
"""What a pass may take beside weights and cache, as docs/explanation/language-model.md states."""


def ours(model: Path, work: Path) -> Tasks:
    """Our language model."""
    limits = Limits(rows=STREAMS, cache_bytes=CACHE_BYTES)
    loaded = load(model, numbers=NUMBERS)
    language_model = open_language_model(loaded, limits=limits, compiled=COMPILED)
    assert language_model.forward.startswith("tunewright"), language_model.forward
    prompts = prompts_of(model)
    for name, folder in adapter_folders(model, work).items():
        language_model.load_adapter(name, folder)

    def answer(adapters: list[str]) -> int:
        language_model.shared.generator.forget()  # what a task computed must not help the next one
        requests = [Request(prompt, OUT, adapter=adapters[at % len(adapters)]) for at, prompt in enumerate(prompts)]
        return sum(len(each.tokens) for each in language_model.answer(requests))

    def one_stream() -> dict[str, float]:
        language_model.shared.generator.forget()
        return streamed(language_model.stream([Request(prompts[0], OUT)]))

    backwards = [prompt[::-1][:40] for prompt in prompts[:STREAMS]]  # no beginning that a prompt has, too
    language_model.answer([Request(prompt, 4, adapter=BASE) for prompt in backwards])
    language_model.answer([Request(backwards[0], 4)])
    return {
        "one_stream": one_stream,
        "sixteen": lambda: timed(lambda: answer([BASE])),
        "mixed": lambda: timed(lambda: answer(list(ADAPTERS))),
        "single": lambda: timed(lambda: answer([ADAPTERS[0]])),
    }


def memory(model: Path, _work: Path) -> Tasks:
    """Memory of 16 streams above an idle process with the same imports."""
    idle = resident()

    def measured() -> dict[str, int]:
        loaded = load(model, numbers=NUMBERS)
        weights = sum(parameter.numel() * parameter.element_size() for parameter in loaded.parameters())
        limits = Limits(rows=STREAMS, cache_bytes=CACHE_BYTES)
        language_model = open_language_model(loaded, limits=limits, compiled=COMPILED)
        language_model.answer([Request(prompt, OUT) for prompt in prompts_of(model)])
        stated = {"weights": weights, "cache": CACHE_BYTES, "activations": ACTIVATIONS}
        return {"above_idle": peak() - idle, **stated}

    return {"memory": measured}


def streamed(pieces: Iterator[Piece]) -> dict[str, float]:
    """Tokens a second after the first one, and seconds to it."""
    began = time.perf_counter()
    times = [time.perf_counter() for piece in pieces if piece.token >= 0]
    return {"tokens_per_s": (len(times) - 1) / (times[-1] - times[0]), "first_s": times[0] - began}


def score_ours(model: Path, _work: Path) -> Tasks:
    """Our scoring."""
    language_model = open_language_model(load(model, numbers=NUMBERS), compiled=COMPILED)

    def score(*, short: bool) -> list[float]:
        items = [ScoreItem(context, tuple(options)) for context, options in questions(model, short=short)]
        return [float(one.log_probabilities.sum()) for row in language_model.score(items) for one in row]

    language_model.score([ScoreItem(context, tuple(options)) for context, options in questions(model, short=False)[:2]])
    return {
        "options": lambda: per_question(lambda: score(short=False)),
        "one_token": lambda: per_question(lambda: score(short=True)),
    }


def resident() -> int:
    """Resident memory now, in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def peak() -> int:
    """The most resident memory so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    run({"ours": ours, "memory": memory, "score_ours": score_ours})
