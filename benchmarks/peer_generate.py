"""Transformers' and PEFT's side of the generating benchmark; prints one JSON line.

python benchmarks/peer_generate.py MODEL --side transformers [--only one_stream ...]
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from tasks import ADAPTERS, OUT, PROMPTS, STREAMS, Tasks, adapter_folders, prompts_of, run, timed
from transformers import AutoModelForCausalLM


def transformers_side(model: Path, work: Path) -> Tasks:
    """Transformers' generate, its static batches of 16, and PEFT's mixed batches."""
    plain = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16).eval()
    prompts = prompts_of(model)
    how = {"max_new_tokens": OUT, "min_new_tokens": OUT, "do_sample": False, "pad_token_id": 0}

    class Clock:
        """Times of tokens."""

        def __init__(self) -> None:
            self.times: list[float] = []

        def put(self, _value: Any) -> None:
            """A prompt or a token."""
            self.times.append(time.perf_counter())

        def end(self) -> None:
            """Nothing."""

    def one_stream() -> dict[str, float]:
        clock, began = Clock(), time.perf_counter()
        ids = torch.tensor([prompts[0]])
        plain.generate(ids, attention_mask=torch.ones_like(ids), streamer=clock, **how)
        times = clock.times[1:]
        return {"tokens_per_s": (len(times) - 1) / (times[-1] - times[0]), "first_s": times[0] - began}

    def batch(rows: list[tuple[int, ...]], using: Any, **more: Any) -> int:
        longest = max(map(len, rows))
        ids = torch.tensor([[0] * (longest - len(row)) + list(row) for row in rows])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        return using.generate(ids, attention_mask=mask, **how, **more)[:, longest:].numel()

    def static() -> int:
        return sum(batch(prompts[at : at + STREAMS], plain) for at in range(0, PROMPTS, STREAMS))

    with torch.no_grad():
        batch([prompt[:40] for prompt in prompts[:2]], plain)

    def mixed() -> dict[str, float]:
        folders = adapter_folders(model, work)
        tuned: Any = None
        for name, folder in folders.items():
            if tuned is None:
                base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
                tuned = PeftModel.from_pretrained(base, str(folder), adapter_name=name, autocast_adapter_dtype=False)
            else:
                tuned.load_adapter(str(folder), adapter_name=name, autocast_adapter_dtype=False)
        tuned.eval()
        names = [ADAPTERS[at % len(ADAPTERS)] for at in range(PROMPTS)]
        return timed(
            lambda: sum(
                batch(prompts[at : at + STREAMS], tuned, adapter_names=names[at : at + STREAMS])
                for at in range(0, PROMPTS, STREAMS)
            )
        )

    return {"one_stream": one_stream, "sixteen": lambda: timed(static), "mixed": mixed}


if __name__ == "__main__":
    run({"transformers": transformers_side})
