"""lm-eval's side of the scoring and evaluating benchmarks; prints one JSON line.

python benchmarks/peer_lm_eval.py MODEL --side score_lm_eval|evaluate_lm_eval [--only options ...]
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from examining import CONTEXT, task_of
from lm_eval.models.huggingface import HFLM
from tasks import Tasks, per_question, questions, run
from transformers import AutoModelForCausalLM, AutoTokenizer

BATCH_SIZES = {"likelihood": (1, 4, 8, 16), "generation": (8, 16, 32, 64), "generation_full": (8, 16, 32)}


def hf_backend(model: Path) -> Any:
    """lm-eval's `hf` backend in bf16."""
    plain: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16).eval()
    return HFLM(pretrained=plain, tokenizer=AutoTokenizer.from_pretrained(model), batch_size=1, max_length=CONTEXT)


def score_lm_eval(model: Path, _work: Path) -> Tasks:
    """lm-eval's `hf` backend at its best batch size of four."""
    backend = hf_backend(model)

    def score(*, short: bool) -> list[float]:
        requests = [
            ((f"{at}", f"{number}"), list(context), list(option))
            for at, (context, options) in enumerate(questions(model, short=short))
            for number, option in enumerate(options)
        ]
        return [value for value, _ in backend._loglikelihood_tokens(requests, disable_tqdm=True)]

    def best(*, short: bool) -> dict[str, Any]:
        found = {}
        for size in (1, 4, 8, 16):
            backend.batch_size_per_gpu = size
            found[size] = per_question(lambda: score(short=short))
        size = max(found, key=lambda each: found[each]["per_s"])
        speeds = {str(each): found[each]["per_s"] for each in found}
        return found[size] | {"batch_size": size, "by_batch_size": speeds}

    return {"options": lambda: best(short=False), "one_token": lambda: best(short=True)}


def evaluate_lm_eval(model: Path, work: Path) -> Tasks:
    """The same tasks by lm-eval's `hf` backend, examples a second at each of some batch sizes."""
    backend = hf_backend(model)

    def measured(name: str) -> dict[str, Any]:
        task = task_of(name, model, work)
        task.evaluate(backend, numbers=[0, 1])
        speeds: dict[str, float] = {}
        metrics: dict[str, float] = {}
        for size in BATCH_SIZES[name]:
            backend.batch_size_per_gpu = size
            began = time.perf_counter()
            logged, metrics = task.evaluate(backend, numbers=range(len(task.rows)))
            speeds[str(size)] = len(logged) / (time.perf_counter() - began)
        return {"by_batch_size": speeds, "metrics": metrics}

    return {name: lambda name=name: measured(name) for name in BATCH_SIZES}


if __name__ == "__main__":
    run({"score_lm_eval": score_lm_eval, "evaluate_lm_eval": evaluate_lm_eval})
