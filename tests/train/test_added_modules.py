"""Whole runs with bottleneck adapters and (IA)3: learn, resume bit-equal, go on, and are used as they were trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from tests.train.runs import Crash, crash_at, losses, project_in
from tunewright.app import flow
from tunewright.app.loaded import base_of, models_of
from tunewright.core.errors import UserError
from tunewright.core.events import silent
from tunewright.core.language_model import ScoreItem
from tunewright.train.inputs import run_folder

METHODS = {
    "houlsby": "method={type: bottleneck, form: houlsby}",
    "pfeiffer": "method={type: bottleneck, form: pfeiffer, layers: [1]}",
    "parallel": "method={type: bottleneck, dropout: 0.1, activation: gelu}",
    "ia3": "method=ia3",
}
CELLS = [
    ("houlsby", "bf16", "none"),
    ("houlsby", "int8", "none"),
    ("pfeiffer", "nf4", "none"),
    ("parallel", "fp32", "layers"),
    ("parallel", "nf4", "layers"),
    ("ia3", "bf16", "layers"),
    ("ia3", "int8", "none"),
    ("ia3", "nf4", "none"),
]
ITEMS = [ScoreItem((5, 9, 13, 40), ((7, 8), (9,)))]


def scores(language_model: object) -> np.ndarray:
    return np.concatenate([one.log_probabilities for one in language_model.score(ITEMS)[0]])  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "weights", "recompute"), CELLS, ids=["-".join(cell) for cell in CELLS])
def test_a_run_learns_resumes_bit_equal_and_is_used_as_trained(
    recipe: Path, name: str, weights: str, recompute: str
) -> None:
    precision = "fp32" if weights == "fp32" else "bf16"
    sets = (METHODS[name], f"model.weights={weights}", f"model.precision={precision}")
    whole, broken = (project_in(recipe, home, *sets, f"training.recompute={recompute}") for home in ("whole", "broken"))
    run = flow.train(whole, silent)
    found = losses(whole, run)
    assert np.mean(found[-3:]) < np.mean(found[:3])
    for step in (4, 8):
        with pytest.raises(Crash):
            flow.train(broken, crash_at(step))
    again = flow.train(broken, silent)
    assert (again.name, losses(broken, again)) == (run.name, found)
    models = models_of(whole, run, base=base_of(whole, silent))
    assert abs(scores(models.tuned) - scores(models.base)).max() > 1e-3
    one, other = (models.tuned.generate([(5, 9, 13)], max_new_tokens=6, stop=frozenset()) for _ in range(2))
    assert one == other


def test_plain_peft_reads_an_ia3_run(recipe: Path, tiny_model_folder: Path) -> None:
    project = project_in(recipe, "home", METHODS["ia3"])
    run = flow.train(project, silent)
    plain = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32)
    plain = PeftModel.from_pretrained(plain, project.workspace.models / run.name).eval()
    with torch.no_grad():
        wanted = plain(torch.tensor([[5, 9, 13, 40, 7, 8]])).logits[0].log_softmax(-1)
    tuned = models_of(project, run, base=base_of(project, silent)).tuned
    expected = [float(wanted[3, 7]), float(wanted[4, 8]), float(wanted[3, 9])]
    np.testing.assert_allclose(scores(tuned), expected, rtol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_a_run_goes_on_from_an_earlier_one(recipe: Path, name: str) -> None:
    """A second run whose rate is next to nothing ends where the first ended, and saves what the first saved."""
    project = project_in(recipe, "home", METHODS[name])
    first = flow.train(project, silent)
    run = run_folder(project.workspace, first.key)
    still = ("training.max_steps=1", "training.learning_rate=1e-12", "training.seed=6")
    for start in (run, project.workspace.models / first.name):
        onward = project_in(recipe, "home", METHODS[name], *still, f"model.start_from={start}")
        second = flow.train(onward, silent)
        found = models_of(onward, second, base=base_of(onward, silent)).tuned
        tuned = models_of(project, first, base=base_of(project, silent)).tuned
        np.testing.assert_allclose(scores(found), scores(tuned), rtol=1e-4)


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ("houlsby", "method={type: bottleneck, form: parallel}", r"has form houlsby, .*asks for form parallel"),
        (
            "houlsby",
            "method={type: bottleneck, form: houlsby, width: 9}",
            "has width 4, and .* width 9",
        ),
        ("parallel", "method={type: bottleneck, activation: relu}", "has activation gelu"),
        ("pfeiffer", "method={type: bottleneck, form: pfeiffer}", "has layers 1 blocks, and .* layers 2 blocks"),
        ("houlsby", "method=lora", "is a bottleneck, and the recipe trains none"),
        ("ia3", "method=bottleneck", "is no bottleneck, and the recipe trains one"),
        ("ia3", "method=lora", "of the kind IA3, and the recipe trains LORA"),
        ("ia3", "method={type: ia3, targets: [k_proj]}", "weights here do not train in this recipe"),
        ("ia3", "method={type: ia3, feedforward: [k_proj, down_proj]}", "has the shape"),
        ("ia3", "method=full", "holds an adapter, and the method trains the model's own weights"),
    ],
)
def test_an_adapter_of_another_kind_or_form_does_not_go_on(
    recipe: Path, first: str, second: str, sentence: str
) -> None:
    short = "training.max_steps=1"
    project = project_in(recipe, "home", METHODS[first], short)
    start = f"model.start_from={project.workspace.models / flow.train(project, silent).name}"
    with pytest.raises(UserError, match=sentence):
        flow.train(project_in(recipe, "home", second, short, start), silent)


@pytest.mark.parametrize("name", ["parallel", "ia3"])
def test_added_tokens_are_refused_before_training(recipe: Path, name: str) -> None:
    with pytest.raises(UserError, match="trains no row of the embedding"):
        flow.train(project_in(recipe, "home", METHODS[name], "model.added_tokens=[<ask>]"), silent)
