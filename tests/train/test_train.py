"""Runs on a tiny model through the whole flow: equal twice, equal after a break, readable by plain PEFT."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from tests.models.numbers import logits_of
from tests.train.runs import Crash, crash_at, history, losses, project_in
from tunewright.app import flow
from tunewright.app.loaded import base_of, models_of
from tunewright.core.errors import Stopped, UserError
from tunewright.core.events import CheckpointRefused, Event, RunResumed, Sampled, StepDone, Validated, silent
from tunewright.core.workspace import lock
from tunewright.train.inputs import run_folder

METHODS = ["method={type: lora, rank: 4, dropout: 0.2}", "method=full"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_is_equal_to_its_repetition_and_to_one_that_was_broken(recipe: Path, method: str, precision: str) -> None:
    sets = (method, f"model.precision={precision}")
    one, two, broken = (project_in(recipe, home, *sets) for home in ("one", "two", "broken"))
    first, second = flow.train(one, silent), flow.train(two, silent)
    for step in (2, 5, 6, 11):
        with pytest.raises(Crash):
            flow.train(broken, crash_at(step))
    third = flow.train(broken, silent)
    assert first.name == second.name == third.name
    assert losses(one, first) == losses(two, second) == losses(broken, third)
    assert third.steps == first.steps == 12
    assert third.resumed == 4
    assert losses(one, first)[-1] < losses(one, first)[0]


def test_another_seed_gives_other_weights(recipe: Path) -> None:
    names = {flow.train(project_in(recipe, "home", f"training.seed={seed}"), silent).name for seed in (1, 2)}
    assert len(names) == 2


def test_splitting_the_batch_differently_changes_rounding_only(recipe: Path) -> None:
    whole, split = (project_in(recipe, "home", f"training.micro_batch_tokens={n}") for n in (100_000, 64))
    runs = flow.train(whole, silent), flow.train(split, silent)
    assert runs[0].key != runs[1].key
    assert losses(whole, runs[0]) == pytest.approx(losses(split, runs[1]), rel=1e-4)


def test_what_has_no_effect_on_the_weights_does_not_start_a_new_run(recipe: Path) -> None:
    first = flow.train(project_in(recipe, "home"), silent)
    seen: list[Event] = []
    again = flow.train(project_in(recipe, "home", "training.checkpoint_every=5"), seen.append)
    assert again == first
    assert [event.kind for event in seen if event.kind == "stage_skipped"] == ["stage_skipped"] * 2


def test_a_signal_finishes_the_step_saves_and_leaves(recipe: Path) -> None:
    project = project_in(recipe, "home")
    before = signal.getsignal(signal.SIGTERM)

    def emit(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped, match=r"SIGTERM after step 5 of 12; the state is saved\. Run the same command again"):
        flow.train(project, emit)
    assert signal.getsignal(signal.SIGTERM) is before
    seen: list[Event] = []
    flow.train(project, seen.append)
    assert [event.step for event in seen if isinstance(event, RunResumed)] == [5]
    assert [event.step for event in seen if isinstance(event, StepDone)] == list(range(6, 13))


def test_the_second_process_on_a_run_is_told_who_holds_it(recipe: Path) -> None:
    project = project_in(recipe, "home")
    run = flow.train(project, silent)
    folder = run_folder(project.workspace, run.key)
    shutil.rmtree(project.workspace.home / "index" / "runs")
    with (
        lock(folder / "lock", purpose="train"),
        pytest.raises(UserError, match=rf"process {os.getpid()} \(train\) is at work here"),
    ):
        flow.train(project, silent)


def test_a_damaged_checkpoint_is_passed_over_and_the_result_is_the_same(recipe: Path) -> None:
    whole, broken = project_in(recipe, "whole"), project_in(recipe, "broken")
    first = flow.train(whole, silent)
    with pytest.raises(Crash):
        flow.train(broken, crash_at(8))
    newest = sorted(run_folder(broken.workspace, first.key).glob("checkpoints/step-*"))[-1]
    (newest / "optimiser.safetensors").write_bytes(b"damaged")
    seen: list[Event] = []
    again = flow.train(broken, seen.append)
    assert [event.step for event in seen if isinstance(event, CheckpointRefused)] == [6]
    assert [event.step for event in seen if isinstance(event, RunResumed)] == [3]
    assert again.name == first.name


def test_every_number_lies_in_the_event_file(recipe: Path) -> None:
    project = project_in(recipe, "home")
    run = flow.train(project, silent)
    seen = history(project, run)
    steps = [event for event in seen if isinstance(event, StepDone)]
    assert [event.step for event in steps] == list(range(1, 13))
    assert [event.step for event in seen if isinstance(event, Validated)] == [4, 8, 12]
    assert [event.step for event in seen if isinstance(event, Sampled)] == [4, 8, 12]
    assert run.tokens == sum(event.tokens for event in steps)
    assert all(event.memory_bytes > 0 and event.gradient_norm > 0 and event.tokens_per_s > 0 for event in steps)
    assert run.validation_loss == [event.loss for event in seen if isinstance(event, Validated)][-1]


@pytest.mark.parametrize("place", ["checkpoint", "model"])
def test_an_adapter_loads_in_plain_peft_and_computes_the_same(
    recipe: Path, tiny_model_folder: Path, place: str
) -> None:
    project = project_in(recipe, "home", "method={type: lora, rank: 4}")
    run = flow.train(project, silent)
    checkpoint = sorted(run_folder(project.workspace, run.key).glob("checkpoints/step-*"))[-1] / "model"
    folder = checkpoint if place == "checkpoint" else project.workspace.models / run.name
    base = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32)
    tokens = torch.arange(3, 40)[None]
    with torch.no_grad():
        untuned = base(tokens).logits
        plain = PeftModel.from_pretrained(base, folder).eval()(tokens).logits
        models = models_of(project, run, base=base_of(project, silent))
        ours = logits_of(models.tuned, tokens)
    torch.testing.assert_close(plain, ours, rtol=1e-5, atol=1e-5)
    assert (plain - untuned).abs().max() > 1e-2


def test_a_full_model_loads_in_plain_transformers(recipe: Path, tiny_model_folder: Path) -> None:
    project = project_in(recipe, "home", "method=full")
    run = flow.train(project, silent)
    tokens = torch.arange(3, 40)[None]
    with torch.no_grad():
        plain = AutoModelForCausalLM.from_pretrained(project.workspace.models / run.name)(tokens).logits
        untuned = AutoModelForCausalLM.from_pretrained(tiny_model_folder)(tokens).logits
    assert (plain - untuned).abs().max() > 1e-2


def test_targets_that_match_nothing_are_an_error_that_names_what_there_is(recipe: Path) -> None:
    project = project_in(recipe, "home", "method={type: lora, targets: [query]}")
    with pytest.raises(UserError, match=r'method\.targets: no linear layer is called "query".*q_proj'):
        flow.train(project, silent)


def test_the_vocabulary_projection_is_no_target(recipe: Path) -> None:
    project = project_in(recipe, "home", "method={type: lora, targets: [q_proj, lm_head]}")
    with pytest.raises(UserError, match=r"method\.targets: the vocabulary projection cannot be adapted"):
        flow.train(project, silent)


def test_a_row_that_fits_no_pass_is_found_before_the_first_step(recipe: Path) -> None:
    seen: list[Event] = []
    with pytest.raises(UserError, match=r"training\.micro_batch_tokens: the longest example has \d+ tokens"):
        flow.train(project_in(recipe, "home", "training.micro_batch_tokens=20"), seen.append)
    assert not [event for event in seen if isinstance(event, StepDone)]


def test_what_a_kill_left_half_written_is_removed(recipe: Path) -> None:
    project = project_in(recipe, "home")
    run = flow.train(project, silent)
    shutil.rmtree(project.workspace.home / "index" / "runs")
    left = run_folder(project.workspace, run.key) / "checkpoints" / ".step-00000009.dead"
    left.mkdir()
    (left / "optimiser.safetensors").write_bytes(b"half")
    assert flow.train(project, silent).name == run.name
    assert not left.exists()


def test_a_damaged_model_is_made_again_from_its_checkpoint(recipe: Path) -> None:
    project = project_in(recipe, "home")
    run = flow.train(project, silent)
    adapter = project.workspace.models / run.name / "adapter_model.safetensors"
    whole = adapter.read_bytes()
    adapter.write_bytes(whole[:-4] + b"\0\0\0\1")
    seen: list[Event] = []
    assert flow.train(project, seen.append).name == run.name
    assert not [event for event in seen if isinstance(event, StepDone)]
    assert adapter.read_bytes() == whole


def test_an_adapter_is_not_put_on_another_base(recipe: Path, tiny_model_folder: Path) -> None:
    own = recipe.parent / "base"
    shutil.copytree(tiny_model_folder, own)
    project = project_in(recipe, "home", f"model={{name: {own}, precision: fp32}}")
    run = flow.train(project, silent)
    model = AutoModelForCausalLM.from_pretrained(own)
    with torch.no_grad():
        model.model.norm.weight.mul_(2)
    model.save_pretrained(own)
    with pytest.raises(UserError, match="is not the one that this run was trained on"):
        flow.evaluate_run(project, run, emit=silent)


def test_a_checkpoint_budget_that_cannot_hold_two_is_told_before_the_run(recipe: Path) -> None:
    project = project_in(recipe, "home", "training.checkpoints.disk_budget=1 KB")
    with pytest.raises(UserError, match=r"training\.checkpoints\.disk_budget: two checkpoints"):
        flow.train(project, silent)
