"""TRL's SFTTrainer and ours over weights in 16, 8 and 4 bits: the same loss, the same gradients of the adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from trl import SFTConfig, SFTTrainer

from tests.train.test_against_trl import MULTI, SINGLE, marked
from tunewright.core.nouns import Numbers
from tunewright.core.ports import Encoded
from tunewright.models.forward import pack, prepare_for_packing
from tunewright.models.load import load
from tunewright.models.methods.lora import Work as Lora
from tunewright.recipe.options.methods.lora import Options
from tunewright.recipe.options.objectives.sft import Options as SftOptions
from tunewright.text.chat import load_chat
from tunewright.train.objectives.sft import Work as Sft

LIMITS = {"nf4": 1e-4, "int8": 1e-4, "bf16": 6e-2}
"""Relative distance of loss and gradients. nf4 and int8 have float32 products; bf16 passes differ by rounding."""


def quantised(weights: str) -> dict[str, Any]:
    """What plain Transformers is told."""
    if weights == "bf16":
        return {"dtype": torch.bfloat16}
    config = (
        BitsAndBytesConfig(load_in_8bit=True)
        if weights == "int8"
        else BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.float32,
        )
    )
    return {"dtype": torch.float32, "quantization_config": config, "device_map": {"": "cpu"}}


def set_adapter(model: Any) -> dict[str, Any]:
    """Random numbers in every A and B, the same for the same name; the parameters by name."""
    found = {name: each for name, each in model.named_parameters() if ".lora_" in name}
    for place, name in enumerate(sorted(found)):
        generator = torch.Generator().manual_seed(place)
        with torch.no_grad():
            drawn = torch.randn(found[name].shape, generator=generator) * 0.05
            found[name].data = drawn.to(torch.bfloat16 if model.dtype == torch.bfloat16 else torch.float32)
    return found


def by_trl(folder: Path, rows: list[Any], weights: str, *, output: Path) -> tuple[float, dict[str, Any]]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = marked(tokenizer.chat_template)
    base = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="sdpa", **quantised(weights))
    adapter = LoraConfig(r=4, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(base, adapter, autocast_adapter_dtype=False)
    config = SFTConfig(
        output_dir=str(output),
        use_cpu=True,
        bf16=False,
        per_device_train_batch_size=len(rows),
        assistant_only_loss=True,
        gradient_checkpointing=False,
        report_to=[],
        max_length=None,
    )
    data = datasets.Dataset.from_list([{"messages": row} for row in rows])
    trainer = SFTTrainer(model=model, args=config, train_dataset=data, processing_class=tokenizer)
    named = set_adapter(model)
    batch = trainer.data_collator([trainer.train_dataset[index] for index in range(len(rows))])
    model.train()
    loss = trainer.compute_loss(model, dict(batch))
    loss.backward()
    return float(loss.detach()), {name: each.grad.float() for name, each in named.items()}


def by_ours(folder: Path, rows: list[Any], weights: str) -> tuple[float, dict[str, Any]]:
    chat = load_chat(folder)
    encoded = [chat.encode(row, loss_on="answers") for row in rows]
    examples = [Encoded(tokens, each, index) for index, (tokens, each) in enumerate(encoded)]
    products = "bf16" if weights == "bf16" else "fp32"
    base: Any = load(folder, numbers=Numbers.model_validate({"weights": weights, "products": products}))
    prepare_for_packing(base, examples[0])
    model = Lora(Options(rank=4)).attach(base, seed=1)
    named = set_adapter(model)
    model.train()
    objective = Sft(SftOptions())
    sums = objective.terms(model, pack(examples))["cross_entropy"].sum
    loss = sums / objective.counts(examples)["cross_entropy"]
    loss.backward()
    return float(loss.detach()), {name: each.grad.float() for name, each in named.items()}


@pytest.mark.parametrize("rows", [SINGLE, MULTI], ids=["single", "multi"])
@pytest.mark.parametrize("weights", LIMITS)
def test_equal_over_weights_of_every_format(
    tiny_model_folder: Path, rows: list[Any], weights: str, tmp_path: Path
) -> None:
    trl_loss, wanted = by_trl(tiny_model_folder, rows, weights, output=tmp_path)
    loss, gradients = by_ours(tiny_model_folder, rows, weights)
    assert loss == pytest.approx(trl_loss, rel=LIMITS[weights])
    assert set(gradients) == set(wanted)
    distances = {name: float((gradients[name] - each).norm() / each.norm()) for name, each in wanted.items()}
    assert max(distances.values()) < LIMITS[weights], max(distances.items(), key=lambda item: item[1])
