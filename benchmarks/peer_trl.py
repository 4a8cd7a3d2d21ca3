"""One TRL run in a process of its own: times of each step, real tokens, losses; prints one JSON line.

python benchmarks/peer_trl.py MODEL ROWS.jsonl --targets attention --way default|best
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]


class Clock(TrainerCallback):
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.losses: list[float] = []
        self._began = 0.0

    def on_step_begin(self, *_args: Any, **_named: Any) -> None:
        """A step begins."""
        self._began = time.perf_counter()

    def on_step_end(self, *_args: Any, **_named: Any) -> None:
        """A step ends."""
        self.seconds.append(time.perf_counter() - self._began)

    def on_log(self, _args: Any, _state: Any, _control: Any, logs: dict[str, Any], **_named: Any) -> None:
        """Remember the loss."""
        if "loss" in logs:
            self.losses.append(float(logs["loss"]))


class Counting:
    """The trainer's own collator, counting real tokens of each batch."""

    def __init__(self, plain: Any) -> None:
        self.plain = plain
        self.tokens: list[int] = []

    def __call__(self, features: list[dict[str, Any]]) -> Any:
        """As the plain one."""
        self.tokens.append(sum(len(each["input_ids"]) for each in features))
        return self.plain(features)


def main() -> None:
    """Train ten steps and tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("rows", type=Path)
    parser.add_argument("--targets", choices=["attention", "all_linear"], required=True)
    parser.add_argument("--way", choices=["default", "best"], required=True)
    parser.add_argument("--steps", type=int, default=10)
    asked = parser.parse_args()
    torch.set_num_threads(2)
    rows = [json.loads(line)["messages"] for line in asked.rows.read_text(encoding="utf-8").splitlines()]
    data = Dataset.from_list([{"prompt": row[:-1], "completion": row[-1:]} for row in rows])
    best: dict[str, Any] = {
        "model_init_kwargs": {"dtype": "bfloat16"},
        "gradient_checkpointing": False,
        "train_sampling_strategy": "group_by_length",
    }
    plain: dict[str, Any] = {"train_sampling_strategy": "sequential"}
    config = SFTConfig(
        output_dir=tempfile.mkdtemp(),
        use_cpu=True,
        per_device_train_batch_size=8,
        max_length=512,
        max_steps=asked.steps,
        learning_rate=2e-4,
        logging_steps=1,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        **(best if asked.way == "best" else plain),
    )
    adapter = LoraConfig(
        r=16,
        lora_alpha=32,
        lora_dropout=0.05,
        target_modules=ATTENTION if asked.targets == "attention" else "all-linear",
        task_type="CAUSAL_LM",
    )
    clock = Clock()
    trainer = SFTTrainer(
        model=asked.model,
        args=config,
        train_dataset=data,
        processing_class=AutoTokenizer.from_pretrained(asked.model),
        peft_config=adapter,
        callbacks=[clock],
    )
    counting = trainer.data_collator = Counting(trainer.data_collator)
    trainer.train()
    print(json.dumps({"seconds": clock.seconds, "tokens": counting.tokens[: asked.steps], "losses": clock.losses}))


if __name__ == "__main__":
    main()
