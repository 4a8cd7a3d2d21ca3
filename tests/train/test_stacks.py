"""Whole runs over an adapter that stays as it is: `model.under`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from tests.train.runs import Crash, crash_at, losses, project_in
from tests.train.test_added_modules import scores
from tunewright.app import exporting, flow
from tunewright.app.loaded import base_of, models_of
from tunewright.core.errors import UserError
from tunewright.core.events import silent
from tunewright.models.language_model import TransformersLanguageModel

LORA = "method={type: lora, rank: 4}"
OVER = {"lora": "method={type: lora, rank: 2}", "bottleneck": "method=bottleneck", "ia3": "method=ia3"}


@pytest.mark.parametrize("name", OVER)
def test_a_second_adapter_learns_over_the_first_resumes_and_is_used_with_it(recipe: Path, name: str) -> None:
    first_project = project_in(recipe, "home", LORA)
    first = flow.train(first_project, silent)
    folder = first_project.workspace.models / first.name
    before = folder.joinpath("adapter_model.safetensors").read_bytes()
    sets = (OVER[name], f"model.under={folder}", "training.seed=6")
    whole, broken = project_in(recipe, "home", *sets), project_in(recipe, "broken", *sets)
    second = flow.train(whole, silent)
    assert losses(whole, second)[0] < losses(first_project, first)[0] / 2  # it begins where the first ended
    assert np.mean(losses(whole, second)[-3:]) < np.mean(losses(whole, second)[:3])
    with pytest.raises(Crash):
        flow.train(broken, crash_at(8))
    assert flow.train(broken, silent).name == second.name
    assert flow.train(whole, silent) == second
    assert second.key != flow.train(project_in(recipe, "home", OVER[name], "training.seed=6"), silent).key
    assert folder.joinpath("adapter_model.safetensors").read_bytes() == before

    models = models_of(whole, second, base=base_of(whole, silent))
    alone = models_of(first_project, first, base=base_of(first_project, silent))
    np.testing.assert_allclose(scores(models.base), scores(alone.base), rtol=1e-5)
    assert abs(scores(models.tuned) - scores(alone.tuned)).max() > 1e-3
    saved = load_file(whole.workspace.models / second.name / "under.safetensors")
    assert len(saved) == len(load_file(folder / "adapter_model.safetensors"))


def test_a_stack_goes_on_and_lies_under_a_third(recipe: Path) -> None:
    home = project_in(recipe, "home", LORA)
    first = home.workspace.models / flow.train(home, silent).name
    over = project_in(recipe, "home", OVER["lora"], f"model.under={first}")
    run = flow.train(over, silent)
    second = over.workspace.models / run.name
    still = ("training.max_steps=1", "training.learning_rate=1e-12", "training.seed=7")
    onward = project_in(recipe, "home", OVER["lora"], *still, f"model.under={first}", f"model.start_from={second}")
    third = project_in(recipe, "home", OVER["ia3"], *still, f"model.under={second}")
    expected = scores(models_of(over, run, base=base_of(over, silent)).tuned)
    for project in (onward, third):
        found = models_of(project, flow.train(project, silent), base=base_of(project, silent)).tuned
        np.testing.assert_allclose(scores(found), expected, rtol=1e-4)
    alone = project_in(recipe, "home", OVER["lora"], *still, f"model.start_from={second}")
    with pytest.raises(UserError, match="trained on another base model"):
        flow.train(alone, silent)


@pytest.mark.parametrize(
    "over", [OVER["lora"], OVER["ia3"], None], ids=["lora over lora", "ia3 over lora", "ia3 alone"]
)
def test_it_is_exported_as_one_plain_model_that_proves_equal(recipe: Path, over: str | None) -> None:
    home = project_in(recipe, "home", LORA)
    under = [f"model.under={home.workspace.models / flow.train(home, silent).name}"] if over else []
    project = project_in(recipe, "home", over or OVER["ia3"], *under, "proof.score_rows=6")
    run = flow.train(project, silent)
    (found,) = exporting.export(project, run, forms=["merged-fp32"], emit=silent)
    assert found.proof.passed and found.folder is not None
    assert found.proof.kl_mean < 1e-6
    plain = AutoModelForCausalLM.from_pretrained(found.folder, dtype=torch.float32)
    tuned = models_of(project, run, base=base_of(project, silent)).tuned
    np.testing.assert_allclose(scores(TransformersLanguageModel(plain)), scores(tuned), rtol=1e-4)


def test_a_bottleneck_cannot_be_merged_and_one_sentence_says_why(recipe: Path) -> None:
    project = project_in(recipe, "home", OVER["bottleneck"], "training.max_steps=2")
    run = flow.train(project, silent)
    with pytest.raises(UserError, match=r"bottleneck cannot be merged: its adapters bend what passes") as caught:
        exporting.export(project, run, forms=["merged-fp32"], emit=silent)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_is_refused_before_training(recipe: Path) -> None:
    home = project_in(recipe, "home", OVER["ia3"], "training.max_steps=1")
    folder = home.workspace.models / flow.train(home, silent).name
    with pytest.raises(UserError, match="cannot lie under another: it is of the kind IA3"):
        flow.train(project_in(recipe, "home", LORA, f"model.under={folder}"), silent)
    with pytest.raises(UserError, match="this method changes the model's own weights"):
        flow.train(project_in(recipe, "home", "method=full", f"model.under={folder}"), silent)
    with pytest.raises(UserError, match=r'there is no folder "nowhere".*'):
        flow.train(project_in(recipe, "home", LORA, "model.under=nowhere"), silent)
