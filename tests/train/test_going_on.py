"""Whole runs that train the model's own weights, go on from earlier ones, or add tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.train.runs import Crash, crash_at, history, losses, project_in
from tunewright.app import flow
from tunewright.app.loaded import base_of, models_of
from tunewright.app.project import Project
from tunewright.core.errors import UserError
from tunewright.core.events import Validated, silent
from tunewright.core.nouns import Run
from tunewright.train.inputs import run_folder

PARTIAL = "method={type: partial, top_layers: 1}"
METHODS = {"lora": "method={type: lora, rank: 4}", "full": "method=full", "partial": PARTIAL}
SHORT = "training.max_steps=4"


def first_and_last(project: Project, run: Run) -> tuple[float, float]:
    found = losses(project, run)
    return found[0], found[-1]


def answers(project: Project, run: Run, prompt: list[int]) -> list[int]:
    tuned = models_of(project, run, base=base_of(project, silent)).tuned
    return list(tuned.generate([prompt], max_new_tokens=6, stop=frozenset())[0].tokens)


def greedy(model: Any, prompt: list[int]) -> list[int]:
    tokens = torch.tensor([prompt])
    full = model.eval().generate(input_ids=tokens, max_new_tokens=6, do_sample=False, eos_token_id=None)
    return full[0, len(prompt) :].tolist()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_partial_run_learns_goes_on_after_a_kill_and_is_served_as_it_was_trained(
    recipe: Path, precision: str
) -> None:
    sets = (PARTIAL, f"model.precision={precision}")
    whole, broken = project_in(recipe, "whole", *sets), project_in(recipe, "broken", *sets)
    first = flow.train(whole, silent)
    with pytest.raises(Crash):
        flow.train(broken, crash_at(8))
    assert flow.train(broken, silent).name == first.name
    begin, end = first_and_last(whole, first)
    assert end < begin
    folder = whole.workspace.models / first.name
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    assert answers(whole, first, list(range(3, 30))) == greedy(plain, list(range(3, 30)))
    named = [name for name, _ in plain.named_parameters() if ".layers.1." in name]
    assert json.loads((folder / "trained.json").read_text())["trained"] == sorted(named)


def test_computing_layers_again_changes_rounding_only(recipe: Path) -> None:
    found = []
    for recompute in ("none", "layers"):
        project = project_in(recipe, recompute, PARTIAL, f"training.recompute={recompute}")
        found.append(losses(project, flow.train(project, silent)))
    assert found[0] == pytest.approx(found[1], rel=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["model", "run", "checkpoint"])
def test_a_run_goes_on_from_an_earlier_one(recipe: Path, method: str, kind: str) -> None:
    project = project_in(recipe, "home", METHODS[method])
    first = flow.train(project, silent)
    run = run_folder(project.workspace, first.key)
    checkpoint = sorted(run.glob("checkpoints/step-*"))[-1]
    start = {"model": project.workspace.models / first.name, "run": run, "checkpoint": checkpoint}[kind]
    onward = project_in(recipe, "home", METHODS[method], SHORT, "training.seed=6", f"model.start_from={start}")
    second = flow.train(onward, silent)
    fresh = flow.train(project_in(recipe, "home", METHODS[method], SHORT, "training.seed=6"), silent)
    assert second.key != fresh.key
    assert first_and_last(onward, second)[0] < first_and_last(project, first)[0] / 2
    assert first.name != second.name != fresh.name
    assert second.validation_loss is not None
    assert first.validation_loss is not None
    assert second.validation_loss < first.validation_loss * 1.2


def test_going_on_is_repeatable_also_after_a_kill(recipe: Path) -> None:
    start = flow.train(project := project_in(recipe, "home", METHODS["lora"]), silent)
    sets = (METHODS["lora"], f"model.start_from={project.workspace.models / start.name}", "training.seed=9")
    whole, broken = project_in(recipe, "whole", *sets), project_in(recipe, "broken", *sets)
    first = flow.train(whole, silent)
    with pytest.raises(Crash):
        flow.train(broken, crash_at(8))
    assert flow.train(broken, silent).name == first.name


def test_an_earlier_full_model_is_a_base(recipe: Path) -> None:
    first = flow.train(project := project_in(recipe, "home", "method=full"), silent)
    folder = project.workspace.models / first.name
    onward = project_in(recipe, "home", METHODS["lora"], SHORT, f"model.name={folder}")
    second = flow.train(onward, silent)
    assert first_and_last(onward, second)[0] < first_and_last(project, first)[0] / 2


def test_an_adapter_that_peft_made_goes_on(recipe: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(4)
    base = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32)
    config = LoraConfig(r=4, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(base, config)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder)
    tokens = tokenizer("The colour of blood? red", return_tensors="pt").input_ids
    for _ in range(3):
        model(input_ids=tokens, labels=tokens).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    model.save_pretrained(tmp_path / "theirs")
    sets = (METHODS["lora"], "training.max_steps=1", "training.evaluate_every=1", "model.start_from=theirs")
    onward = project_in(recipe, "home", *sets, "training.learning_rate=1e-9")  # so small that nothing moves
    run = flow.train(onward, silent)
    plain = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32), tmp_path / "theirs"
    )
    prompt = tokenizer("The heart pumps").input_ids
    assert answers(onward, run, prompt) == greedy(plain, prompt)
    assert run.name not in {
        flow.train(project_in(recipe, "home", *sets[:3], "training.learning_rate=1e-9"), silent).name
    }


def test_weights_of_another_base_are_refused(recipe: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    first = flow.train(project := project_in(recipe, "home", METHODS["lora"], SHORT), silent)
    other = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32)
    with torch.no_grad():
        other.model.norm.weight.mul_(1.1)
    other.save_pretrained(tmp_path / "other")
    AutoTokenizer.from_pretrained(tiny_model_folder).save_pretrained(tmp_path / "other")
    start = project.workspace.models / first.name
    onward = project_in(recipe, "home", METHODS["lora"], f"model.start_from={start}", "model.name=other")
    with pytest.raises(UserError, match="trained on another base model"):
        flow.train(onward, silent)


@pytest.mark.parametrize("method", METHODS)
def test_added_tokens_train_and_travel_with_the_model(
    recipe: Path, tiny_model_folder: Path, tmp_path: Path, method: str
) -> None:
    text = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").replace("The colour of", "<ask> The colour of")
    (tmp_path / "rows.jsonl").write_text(text, encoding="utf-8")
    sets = (METHODS[method], "model.added_tokens=[<ask>]")
    whole, broken = project_in(recipe, "whole", *sets), project_in(recipe, "broken", *sets)
    run = flow.train(whole, silent)
    with pytest.raises(Crash):
        flow.train(broken, crash_at(5))
    assert flow.train(broken, silent).name == run.name
    begin, end = first_and_last(whole, run)
    assert end < begin
    folder = whole.workspace.models / run.name
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer("<ask> The colour of blood number 1?").input_ids
    assert prompt[0] == len(tokenizer) - 1
    if method == "lora":
        plain = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32)
        plain.resize_token_embeddings(len(tokenizer))
        plain = PeftModel.from_pretrained(plain, folder)
    else:
        plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    assert answers(whole, run, prompt) == greedy(plain, prompt)
    assert [event.step for event in history(whole, run) if isinstance(event, Validated)] == [4, 8, 12]
    onward = project_in(recipe, "whole", *sets, SHORT, f"model.start_from={folder}")
    assert first_and_last(onward, flow.train(onward, silent))[0] < begin / 2


def test_added_tokens_of_another_recipe_are_refused(recipe: Path) -> None:
    sets = (METHODS["lora"], SHORT)
    first = flow.train(project := project_in(recipe, "home", *sets, "model.added_tokens=[<ask>]"), silent)
    start = f"model.start_from={project.workspace.models / first.name}"
    with pytest.raises(UserError, match="rows of other added tokens"):
        flow.train(project_in(recipe, "home", *sets, start), silent)
