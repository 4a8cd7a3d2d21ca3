"""One TRL run of DPO or a reward model in a process of its own: times of each step and losses; prints one JSON line.

python benchmarks/peer_trl_preferring.py MODEL PAIRS.jsonl --objective dpo|reward --way default|best
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peer_trl import ATTENTION, Clock
from peft import LoraConfig
from transformers import AutoTokenizer
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import RewardTrainer


def main() -> None:
    """Train ten steps and tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("rows", type=Path)
    parser.add_argument("--objective", choices=["dpo", "reward"], required=True)
    parser.add_argument("--way", choices=["default", "best"], required=True)
    parser.add_argument("--steps", type=int, default=10)
    asked = parser.parse_args()
    torch.set_num_threads(2)
    rows = [json.loads(line) for line in asked.rows.read_text(encoding="utf-8").splitlines()]
    best: dict[str, Any] = {"gradient_checkpointing": False, "train_sampling_strategy": "group_by_length"}
    plain: dict[str, Any] = {"train_sampling_strategy": "sequential"}
    options = best if asked.way == "best" else plain
    if asked.way == "best":
        options |= {"model_init_kwargs": {"dtype": "bfloat16"}}
    if asked.objective == "dpo":
        options |= {"precompute_ref_log_probs": True}
    else:
        rows = [{side: row["prompt"] + row[side] for side in ("chosen", "rejected")} for row in rows]
    kind, trainer_kind = (DPOConfig, DPOTrainer) if asked.objective == "dpo" else (RewardConfig, RewardTrainer)
    config: Any = kind(
        output_dir=tempfile.mkdtemp(),
        use_cpu=True,
        per_device_train_batch_size=8,
        max_length=512,
        max_steps=asked.steps,
        learning_rate=1e-5,
        logging_steps=1,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        **options,
    )
    adapter = LoraConfig(
        r=16,
        lora_alpha=32,
        target_modules=ATTENTION,
        task_type="CAUSAL_LM" if asked.objective == "dpo" else "SEQ_CLS",
    )
    clock = Clock()
    trainer: Any = trainer_kind(
        model=asked.model,
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(asked.model),
        peft_config=adapter,
        callbacks=[clock],
    )
    trainer.train()
    print(json.dumps({"seconds": clock.seconds, "losses": clock.losses}))


if __name__ == "__main__":
    main()
