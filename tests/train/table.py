"""The table methods x objectives: what a cell is, and the walk through one, for tests and `scripts/methods_table.py`.

A walk trains three steps, compares packs with one row a pass, breaks off and goes on, loads what was saved, generates.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.train.runs import Crash, crash_at, losses, project_in
from tunewright.app import flow
from tunewright.app.loaded import base_of
from tunewright.app.project import Project
from tunewright.core.events import silent
from tunewright.core.nouns import Run
from tunewright.core.ports import Encoded
from tunewright.models.forward import causal_lm, pack
from tunewright.models.language_model import open_language_model
from tunewright.models.load import load
from tunewright.models.packed import use_packed_attention
from tunewright.train import set_up, train
from tunewright.train.bench import Bench
from tunewright.train.inputs import run_folder
from tunewright.train.passes import Passes
from tunewright.train.world import ALONE

METHODS = {
    "lora": "{type: lora, rank: 4}",
    "lora, scaling: rank_stabilised": "{type: lora, rank: 4, scaling: rank_stabilised}",
    "lora, decomposition: dora": "{type: lora, rank: 4, decomposition: dora}",
    "lora, init: pissa": "{type: lora, rank: 4, init: pissa}",
    "lora, rate_ratio: 4": "{type: lora, rank: 4, rate_ratio: 4}",
    "lora, also_train: [norm]": "{type: lora, rank: 4, also_train: [norm]}",
    "full": "full",
    "partial": "{type: partial, top_layers: 1}",
    "bottleneck, form: houlsby": "{type: bottleneck, form: houlsby}",
    "bottleneck, form: pfeiffer": "{type: bottleneck, form: pfeiffer}",
    "bottleneck, form: parallel": "{type: bottleneck, form: parallel}",
    "ia3": "ia3",
    "prompt_tuning": "{type: prompt_tuning, tokens: 4}",
    "p_tuning, encoder: mlp": "{type: p_tuning, tokens: 4, width: 16}",
    "p_tuning, encoder: lstm": "{type: p_tuning, tokens: 4, width: 16, encoder: lstm}",
    "prefix_tuning": "{type: prefix_tuning, tokens: 4, width: 16}",
    "prefix_tuning, encoder: none": "{type: prefix_tuning, tokens: 4, encoder: none}",
}
"""The last is P-tuning v2."""
ROWS = {
    "sft": "labelled",
    "pretrain": "texts",
    "dpo": "pairs",
    "ipo": "pairs",
    "kto": "rated",
    "orpo": "pairs",
    "simpo": "pairs",
    "reward": "pairs",
    "classification": "labelled",
    "regression": "numbers",
    "distillation": "labelled",
}
"""Objectives, and the rows that each learns from."""
MORE = {"distillation": ", likelihood: 1"}
"""Distilled from itself at its start, a model learns only by what else is asked."""
SHAPES = {"texts": "text", "pairs": "preference", "rated": "rated", "labelled": "labelled", "numbers": "labelled"}
STEPS = 3
RATE = "1e-2"


def write_rows(folder: Path, base: Path) -> Path:
    """A recipe over 16 rows of every shape; returns its path."""
    colours = ("red", "green", "blue")
    prompts = [f"What is the colour of thing {number} in this large garden?" for number in range(16)]
    answers = [(colours[at % 3], colours[(at + 1) % 3] + " perhaps") for at in range(16)]
    rows: dict[str, list[dict[str, Any]]] = {
        "labelled": [{"text": p, "label": a[0]} for p, a in zip(prompts, answers, strict=True)],
        "numbers": [{"text": p, "label": str(at % 5)} for at, p in enumerate(prompts)],
        "texts": [{"text": f"{p} It is {a[0]}."} for p, a in zip(prompts, answers, strict=True)],
        "pairs": [{"prompt": p, "chosen": a[0], "rejected": a[1]} for p, a in zip(prompts, answers, strict=True)],
        "rated": [
            {"prompt": p, "completion": a[at % 2], "label": at % 2 == 0}
            for at, (p, a) in enumerate(zip(prompts, answers, strict=True))
        ],
    }
    for name, some in rows.items():
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in some), encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        f"name: table\nmodel: {{name: {base}, precision: fp32}}\n"
        f"training: {{max_steps: {STEPS}, batch_size: 6, learning_rate: {RATE}, checkpoint_every: 1,\n"
        "  evaluate_every: 3, micro_batch_tokens: 4096, seed: 5}\n",
        encoding="utf-8",
    )
    return recipe


def project_of(recipe: Path, cell: tuple[str, str]) -> Project:
    """The project of a cell; all share a workspace, so that rows are prepared once."""
    method, objective = cell
    rows = ROWS[objective]
    return project_in(
        recipe,
        "home",
        f"method={METHODS[method]}",
        f"objective={{type: {objective}{MORE.get(objective, '')}}}",
        f"data={{train: {rows}.jsonl, shape: {SHAPES[rows]}, split: {{validation: 0.25, test: 0}}}}",
    )


def walk(recipe: Path, cell: tuple[str, str]) -> Run:
    """Every promise of a cell; returns the run. Raises AssertionError for a broken one, UserError for a refusal."""
    project = project_of(recipe, cell)
    with seen_bench() as benches:
        run = flow.train(project, silent)
    found = losses(project, run)
    assert len(found) == STEPS
    assert np.isfinite(found).all()
    _check_packs(benches[0])
    _check_files(project, run, benches[0])
    shutil.rmtree(run_folder(project.workspace, run.key))
    shutil.rmtree(project.workspace.models / run.name)
    with pytest.raises(Crash):
        flow.train(project, crash_at(2))
    again = flow.train(project, silent)
    assert (again.name, losses(project, again)) == (run.name, found)
    return again


@contextmanager
def seen_bench() -> Iterator[list[Bench]]:
    """What runs in the block work on, to be looked at after them."""
    found: list[Bench] = []

    def watched(*args: Any, **kwargs: Any) -> Bench:
        found.append(set_up.set_up(*args, **kwargs))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "set_up", watched)
        yield found


def _check_packs(bench: Bench) -> None:
    """The trained model says of a pack what it says of its rows one by one: the loss and all gradients."""
    examples = bench.train.first(6)
    step = _passes(bench, bench.model)._prepared(examples)
    bench.model.train()
    together, apart = (_loss(bench, examples, size, step) for size in (len(examples), 1))
    assert together[0] == pytest.approx(apart[0], rel=1e-6)
    for name, gradient in apart[1].items():
        far = float((together[1][name] - gradient).norm())
        assert far <= 1e-4 * float(gradient.norm()) + 1e-6, name


def _check_files(project: Project, run: Run, bench: Bench) -> None:
    """What was saved computes what was trained, and generates."""
    base = base_of(project, silent)
    folder = project.workspace.models / run.name
    plain = load(base.found.path, numbers=run.model.numbers)
    loaded = bench.parts.method.load(plain, folder)
    use_packed_attention(causal_lm(loaded))
    assert bench.validation is not None
    examples = bench.validation.first(100)
    bench.model.eval()
    there, here = (_passes(bench, model).scores(examples).loss for model in (loaded, bench.model))
    assert there == pytest.approx(here, rel=1e-5)
    answer = open_language_model(loaded).generate([(5, 9, 13)], max_new_tokens=4, stop=frozenset())[0]
    assert len(answer.tokens) == 4
    assert np.isfinite(answer.log_probabilities).all()


def _passes(bench: Bench, model: Any) -> Passes:
    return Passes(model, bench.masters, bench.parts.objective, ALONE, 4096)


def _loss(bench: Bench, examples: Sequence[Encoded], size: int, step: dict[str, float]) -> Any:
    """The loss of examples in packs of so many, and its gradients by name."""
    bench.masters.clear()
    counts = bench.parts.objective.counts(examples)
    total = 0.0
    for begin in range(0, len(examples), size):
        batch = replace(pack(examples[begin : begin + size], seed=1), step=step)
        terms = bench.parts.objective.terms(bench.model, batch)
        loss = torch.stack([term.coefficient * term.sum / counts[name] for name, term in terms.items()]).sum()
        loss.backward()
        total += float(loss.detach())
    found = {name: each.grad for name, each in bench.masters.weights.items() if each.grad is not None}
    bench.masters.clear()
    return total, found
