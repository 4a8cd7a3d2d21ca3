"""The table: weights x forms of LoRA x optimisers. Each cell trains, saves, loads in plain PEFT, resumes bit-equal.

The default run covers every pair of two columns; `make test-slow` walks every cell.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from tests.models.numbers import logits_of
from tests.train.runs import Crash, crash_at, losses, project_in
from tunewright.app import flow
from tunewright.app.loaded import base_of, models_of
from tunewright.core import catalog
from tunewright.core.errors import UserError
from tunewright.core.events import silent

WEIGHTS = ("fp32", "bf16", "int8", "nf4")
FORMS = {
    "plain": "{type: lora, rank: 4}",
    "rslora": "{type: lora, rank: 4, scaling: rank_stabilised}",
    "dora": "{type: lora, rank: 4, decomposition: dora}",
    "pissa": "{type: lora, rank: 4, init: pissa}",
    "lora_plus": "{type: lora, rank: 4, rate_ratio: 4}",
    "dropout": "{type: lora, rank: 4, dropout: 0.1, targets: attention}",
    "beside": "{type: lora, rank: 4, also_train: [norm]}",
    "names": "{type: lora, rank: 4, targets: [q_proj, down_proj]}",
}
OPTIMISERS = catalog.names("optimisers")
REFUSED = {(weights, "pissa"): "PiSSA takes a part out of the base" for weights in ("int8", "nf4")}
"""Cells that the mathematics forbids, with how the refusal begins."""
Cell = tuple[str, str, str]
EVERY: list[Cell] = list(itertools.product(WEIGHTS, FORMS, OPTIMISERS))


def pairs_of(cell: Cell) -> set[tuple[str, str]]:
    """The pairs of two columns that a cell covers."""
    return set(itertools.combinations(cell, 2))


def covering(cells: list[Cell]) -> list[Cell]:
    """Few cells that together hold every pair of two columns; greedy, in a fixed order."""
    left = set().union(*(pairs_of(cell) for cell in cells))
    chosen: list[Cell] = []
    while left:
        best = max(cells, key=lambda cell: len(pairs_of(cell) & left))
        chosen.append(best)
        left -= pairs_of(best)
    return chosen


ALLOWED = [cell for cell in EVERY if cell[:2] not in REFUSED]
SLICE = covering(ALLOWED)


def settings(cell: Cell) -> tuple[str, ...]:
    weights, form, optimiser = cell
    rate = {"lion": "2e-3", "schedule_free": "2e-2"}.get(optimiser, "1e-2")
    small = "{type: adamw_8bit, smallest_values: 0}" if optimiser == "adamw_8bit" else optimiser
    return (
        "data.split={validation: 0, test: 0}",
        f"model.weights={weights}",
        "model.precision=auto" if weights == "bf16" else "model.precision=fp32",
        f"method={FORMS[form]}",
        f"training.optimiser={small}",
        "training.schedule={type: constant, warmup: 0}",
        f"training.learning_rate={rate}",
        "training.max_steps=4",
        "training.batch_size=64",
        "training.micro_batch_tokens=4096",
        "training.checkpoint_every=2",
        "training.evaluate_every=3",
    )


def plain_base(folder: Path, weights: str) -> Any:
    """The base as plain Transformers loads it."""
    if weights in ("fp32", "bf16"):
        return AutoModelForCausalLM.from_pretrained(
            folder, dtype={"fp32": torch.float32, "bf16": torch.bfloat16}[weights]
        )
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
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, quantization_config=config, device_map={"": "cpu"}
    )
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False  # its kernel rounds to bf16; the adapter is what is compared
    return model


def in_use(model: Any) -> Any:
    """In eval mode, but for 8-bit layers: there they would round activations, and the adapter is what is compared."""
    for module in model.eval().modules():
        if hasattr(getattr(module, "state", None), "SCB"):
            module.train()
    return model


def walk(cell: Cell, recipe: Path, base: Path) -> None:
    """Train, train again with breaks, and read the result with plain PEFT."""
    whole, broken = (project_in(recipe, home, *settings(cell)) for home in ("whole", "broken"))
    run = flow.train(whole, silent)
    steps = losses(whole, run)
    assert steps[-1] < steps[0]
    for step in (1, 3):
        with pytest.raises(Crash):
            flow.train(broken, crash_at(step))
    again = flow.train(broken, silent)
    assert again.name == run.name
    assert losses(broken, again) == steps

    tokens = torch.arange(3, 40)[None]
    with torch.no_grad():
        untuned = in_use(plain_base(base, cell[0]))(tokens).logits.float()
        plain = plain_base(base, cell[0])  # a fresh one: PEFT's DoRA over 8 bits survives one pass only
        theirs = PeftModel.from_pretrained(plain, whole.workspace.models / run.name, autocast_adapter_dtype=False)
        theirs = in_use(theirs.to(plain.dtype) if cell[0] == "bf16" else theirs)(tokens).logits
        ours = logits_of(models_of(whole, run, base=base_of(whole, silent)).tuned, tokens).float()
    scale = untuned.abs().max()
    tolerance = 0.1 if cell[0] == "bf16" else 1e-4
    assert (theirs.float() - ours).abs().max() / scale < tolerance
    assert (ours - untuned).abs().max() / scale > 1e-3


@pytest.mark.parametrize("cell", SLICE, ids="-".join)
def test_every_pair_of_columns(recipe: Path, tiny_model_folder: Path, cell: Cell) -> None:
    walk(cell, recipe, tiny_model_folder)
    assert cell[:2] not in REFUSED


@pytest.mark.slow
@pytest.mark.parametrize("cell", [cell for cell in ALLOWED if cell not in SLICE], ids="-".join)
def test_every_other_cell(recipe: Path, tiny_model_folder: Path, cell: Cell) -> None:
    walk(cell, recipe, tiny_model_folder)
    assert cell[:2] not in REFUSED


@pytest.mark.parametrize(("weights", "form"), REFUSED, ids=str)
def test_what_is_refused_says_why(recipe: Path, weights: str, form: str) -> None:
    cell = (weights, form, "adamw")
    with pytest.raises(UserError, match=REFUSED[weights, form]):
        flow.train(project_in(recipe, "home", *settings(cell)), silent)


def test_at_most_a_tenth_is_refused() -> None:
    assert len(EVERY) - len(ALLOWED) <= len(EVERY) / 10
    assert set().union(*(pairs_of(cell) for cell in SLICE)) == set().union(*(pairs_of(cell) for cell in ALLOWED))
