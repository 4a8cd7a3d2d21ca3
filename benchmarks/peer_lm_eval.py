"""lm-eval's side of the scoring benchmark; prints one JSON line.

python benchmarks/peer_lm_eval.py MODEL --side score_lm_eval [--only options ...]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM
from tasks import Tasks, per_question, questions, run
from transformers import AutoModelForCausalLM, AutoTokenizer


def score_lm_eval(model: Path, _work: Path) -> Tasks:
    """lm-eval's `hf` backend at its best batch size of four."""
    plain = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16).eval()
    backend = HFLM(pretrained=plain, tokenizer=AutoTokenizer.from_pretrained(model), batch_size=1)

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


if __name__ == "__main__":
    run({"score_lm_eval": score_lm_eval})
