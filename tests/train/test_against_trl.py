"""TRL's SFTTrainer and ours: the same tokens, the same trained ones, the same loss and gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

from tunewright.core.ports import Encoded
from tunewright.models.forward import pack, packed_loss, prepare_for_packing
from tunewright.models.methods.lora import Work as Lora
from tunewright.recipe.options.methods.lora import Options
from tunewright.recipe.options.objectives.sft import Options as SftOptions
from tunewright.text.chat import load_chat
from tunewright.train.objectives.sft import Work as Sft

SINGLE = [
    [{"role": "user", "content": "What is the capital of France?"}, {"role": "assistant", "content": "Paris."}],
    [{"role": "user", "content": "Count."}, {"role": "assistant", "content": "one two three four five six seven"}],
    [
        {"role": "user", "content": "The heart pumps blood. And the liver?"},
        {"role": "assistant", "content": "Cleans it"},
    ],
]
MULTI = [
    [
        {"role": "system", "content": "You answer with one word."},
        {"role": "user", "content": "Capital of France?"},
        {"role": "assistant", "content": "Paris"},
        {"role": "user", "content": "And a number?"},
        {"role": "assistant", "content": "seven"},
    ],
    [
        {"role": "user", "content": "A patient with fever and cough."},
        {"role": "assistant", "content": "respiratory"},
        {"role": "user", "content": "Sure?"},
        {"role": "assistant", "content": "Yes, the respiratory system."},
    ],
]


def marked(template: str) -> str:
    """SmolLM2's template with the markers from which Transformers computes its assistant mask; the text is the same."""
    turn = "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    assert turn in template or turn.replace("\\n", "\n") in template
    split = (
        "{{'<|im_start|>' + message['role'] + '\\n'}}{% if message['role'] == 'assistant' %}{% generation %}"
        "{{message['content'] + '<|im_end|>'}}{% endgeneration %}{% else %}{{message['content'] + '<|im_end|>'}}"
        "{% endif %}{{'\\n'}}"
    )
    return template.replace(turn, split).replace(turn.replace("\\n", "\n"), split)


def model_of(folder: Path, dtype: torch.dtype) -> Any:
    """The model with LoRA on every linear layer, B drawn at random so that A has a gradient."""
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
    wrapped = Lora(Options(rank=4)).attach(base, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if ".lora_B." in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return wrapped


def wide_loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    """Torch's cross-entropy in float64 behind TRL's own batch and forward: TRL's loss rounds logits to float32."""
    del num_items_in_batch
    return cross_entropy(outputs.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)


def by_trl(
    folder: Path, rows: list[Any], *, dtype: torch.dtype, output: Path, loss_of: Any = None
) -> tuple[float, dict[str, Any], Any]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = marked(tokenizer.chat_template)
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
    model = model_of(folder, dtype)
    data = datasets.Dataset.from_list([{"messages": row} for row in rows])
    trainer = SFTTrainer(
        model=model, args=config, train_dataset=data, processing_class=tokenizer, compute_loss_func=loss_of
    )
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(len(rows))])
    loss = trainer.compute_loss(model, dict(batch))
    loss.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return float(loss.detach()), gradients, batch


def by_ours(folder: Path, rows: list[Any], *, dtype: torch.dtype) -> tuple[float, dict[str, Any], list[Encoded]]:
    chat = load_chat(folder)
    encoded = [chat.encode(row, loss_on="answers") for row in rows]
    examples = [Encoded(tokens, weights, index) for index, (tokens, weights) in enumerate(encoded)]
    model = model_of(folder, dtype)
    prepare_for_packing(model, examples[0])
    objective = Sft(SftOptions())
    count = objective.counts(examples)["cross_entropy"]
    loss = objective.terms(model, pack(examples))["cross_entropy"].sum / count
    loss.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    assert packed_loss(model, pack(examples)).right >= 0
    return float(loss.detach()), gradients, examples


def apart(
    folder: Path, rows: list[Any], *, dtype: torch.dtype, output: Path, limit: float, loss_of: Any = None
) -> float:
    """The largest relative difference of a gradient; tokens, masks, losses and names are equal."""
    trl_loss, trl_gradients, batch = by_trl(folder, rows, dtype=dtype, output=output, loss_of=loss_of)
    loss, gradients, examples = by_ours(folder, rows, dtype=dtype)
    for index, example in enumerate(examples):
        real = batch["attention_mask"][index].bool()
        assert batch["input_ids"][index][real].tolist() == example.tokens.tolist()
        assert ((batch["labels"][index][real] != -100).numpy() == (example.weights > 0)).all()
    assert np.isclose(loss, trl_loss, rtol=limit)
    assert set(gradients) == set(trl_gradients)
    differences = [float((gradients[name] - wanted).norm() / wanted.norm()) for name, wanted in trl_gradients.items()]
    return float(np.max(differences))  # a NaN stays one


@pytest.mark.parametrize("rows", [SINGLE, MULTI], ids=["single", "multi"])
def test_equal_in_float64_on_a_tiny_model(tiny_model_folder: Path, rows: list[Any], tmp_path: Path) -> None:
    assert apart(tiny_model_folder, rows, dtype=torch.float64, output=tmp_path, limit=1e-9, loss_of=wide_loss) < 1e-9


@pytest.mark.parametrize("rows", [SINGLE, MULTI], ids=["single", "multi"])
def test_equal_to_trls_own_loss_up_to_its_float32_logits(
    tiny_model_folder: Path, rows: list[Any], tmp_path: Path
) -> None:
    assert apart(tiny_model_folder, rows, dtype=torch.float64, output=tmp_path, limit=1e-6) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("rows", [SINGLE, MULTI], ids=["single", "multi"])
def test_equal_in_float32_on_smollm2(smollm2: Any, rows: list[Any], tmp_path: Path) -> None:
    assert apart(smollm2.path, rows, dtype=torch.float32, output=tmp_path, limit=1e-4) < 1e-4
