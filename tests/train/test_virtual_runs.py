"""Whole runs with virtual tokens: learn, resume bit-equal, go on, are used as trained, and leave the base alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from tests.train.runs import Crash, crash_at, losses, project_in
from tests.train.table import seen_bench, write_rows
from tests.train.test_added_modules import scores
from tunewright.app import flow
from tunewright.app.loaded import base_of, models_of
from tunewright.core.errors import UserError
from tunewright.core.events import silent
from tunewright.models.forward import pack, without_virtual
from tunewright.models.language_model import TransformersLanguageModel
from tunewright.models.packed import use_packed_attention
from tunewright.train import pairs
from tunewright.train.inputs import run_folder

METHODS = {
    "prompt": "method={type: prompt_tuning, tokens: 6}",
    "text": "method={type: prompt_tuning, init: text, text: Name the colour.}",
    "mlp": "method={type: p_tuning, tokens: 6, width: 16}",
    "lstm": "method={type: p_tuning, tokens: 6, width: 16, encoder: lstm}",
    "prefix": "method={type: prefix_tuning, tokens: 6, width: 16}",
    "deep": "method={type: prefix_tuning, tokens: 6, encoder: none}",
}
CELLS = [
    ("prompt", "bf16", "layers"),
    ("text", "nf4", "none"),
    ("mlp", "int8", "none"),
    ("lstm", "bf16", "none"),
    ("prefix", "nf4", "layers"),
    ("deep", "bf16", "none"),
    ("prefix", "fp32", "layers"),
]


@pytest.mark.parametrize(("name", "weights", "recompute"), CELLS, ids=["-".join(cell) for cell in CELLS])
def test_a_run_learns_resumes_bit_equal_and_is_used_as_trained(
    recipe: Path, name: str, weights: str, recompute: str
) -> None:
    precision = "fp32" if weights == "fp32" else "bf16"
    sets = (METHODS[name], f"model.weights={weights}", f"model.precision={precision}", "training.learning_rate=3e-2")
    whole, broken = (project_in(recipe, home, *sets, f"training.recompute={recompute}") for home in ("whole", "broken"))
    run = flow.train(whole, silent)
    found = losses(whole, run)
    assert np.mean(found[-3:]) < np.mean(found[:3])
    for step in (4, 8):
        with pytest.raises(Crash):
            flow.train(broken, crash_at(step))
    again = flow.train(broken, silent)
    assert (again.name, losses(broken, again)) == (run.name, found)
    assert all(each.dtype == torch.float32 for each in load_file(adapter_of(whole, run.name)).values())
    models = models_of(whole, run, base=base_of(whole, silent))
    assert abs(scores(models.tuned) - scores(models.base)).max() > 1e-3
    one, other = (models.tuned.generate([(5, 9, 13)], max_new_tokens=6, stop=frozenset()) for _ in range(2))
    assert one == other


def adapter_of(project: object, name: str) -> Path:
    return project.workspace.models / name / "adapter_model.safetensors"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["text", "lstm", "prefix", "deep"])
def test_plain_peft_reads_a_run(recipe: Path, tiny_model_folder: Path, name: str) -> None:
    project = project_in(recipe, "home", METHODS[name])
    run = flow.train(project, silent)
    plain = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32)
    plain = PeftModel.from_pretrained(plain, project.workspace.models / run.name).eval()
    with torch.no_grad():
        wanted = plain(torch.tensor([[5, 9, 13, 40, 7, 8]])).logits[0, -6:].log_softmax(-1)
    tuned = models_of(project, run, base=base_of(project, silent)).tuned
    expected = [float(wanted[3, 7]), float(wanted[4, 8]), float(wanted[3, 9])]
    np.testing.assert_allclose(scores(tuned), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["prompt", "mlp", "prefix"])
def test_a_run_goes_on_from_an_earlier_one(recipe: Path, name: str) -> None:
    project = project_in(recipe, "home", METHODS[name])
    first = flow.train(project, silent)
    still = ("training.max_steps=1", "training.learning_rate=1e-12", "training.seed=6")
    for start in (run_folder(project.workspace, first.key), project.workspace.models / first.name):
        onward = project_in(recipe, "home", METHODS[name], *still, f"model.start_from={start}")
        second = flow.train(onward, silent)
        found = models_of(onward, second, base=base_of(onward, silent)).tuned
        tuned = models_of(project, first, base=base_of(project, silent)).tuned
        np.testing.assert_allclose(scores(found), scores(tuned), rtol=1e-4)


@pytest.mark.parametrize("name", ["prompt", "prefix"])
def test_a_run_over_another_base_is_refused_by_its_record(recipe: Path, tiny_model_folder: Path, name: str) -> None:
    """A base of the same shape takes its tensors; that they mean nothing there only the record knows."""
    project = project_in(recipe, "home", METHODS[name], "training.max_steps=1")
    run = flow.train(project, silent)
    folder = project.workspace.models / run.name
    model = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32)
    for digest, fits in (("0" * 64, False), (run.model.base_digest, True), (None, True)):
        found = TransformersLanguageModel(model, base_digest=digest)
        if fits:
            found.load_adapter("own", folder)
            found.unload_adapter("own")
            continue
        with pytest.raises(UserError, match="trained over another base model"):
            found.load_adapter("other", folder)


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ("prompt", "method={type: prompt_tuning, tokens: 7}", "have tokens 6, and .* tokens 7"),
        ("prompt", "method={type: p_tuning, tokens: 6}", "have kind PROMPT_TUNING, encoder none, and"),
        ("prefix", "method={type: prefix_tuning, tokens: 6, encoder: none}", "have encoder a network, and"),
        ("prefix", "method={type: prefix_tuning, tokens: 6, width: 8}", "has the shape"),
        ("mlp", "method={type: p_tuning, tokens: 6, width: 16, encoder: lstm}", "weights that train are not here"),
        ("prompt", "method=lora", "of the kind PROMPT_TUNING, and the recipe trains LORA"),
        ("prompt", "method=bottleneck", "is no bottleneck, and the recipe trains one"),
        ("prompt", "method=full", "holds an adapter, and the method trains the model's own weights"),
    ],
)
def test_tokens_of_another_sort_do_not_go_on(recipe: Path, first: str, second: str, sentence: str) -> None:
    short = "training.max_steps=1"
    project = project_in(recipe, "home", METHODS[first], short)
    start = f"model.start_from={project.workspace.models / flow.train(project, silent).name}"
    with pytest.raises(UserError, match=sentence):
        flow.train(project_in(recipe, "home", second, short, start), silent)


@pytest.mark.parametrize("what", ["damaged", "other"])
def test_a_network_that_is_not_the_one_saved_does_not_go_on(recipe: Path, what: str) -> None:
    project = project_in(recipe, "home", METHODS["mlp"], "training.max_steps=1")
    folder = project.workspace.models / flow.train(project, silent).name
    file = folder / "encoder" / "encoder.safetensors"
    if what == "damaged":
        file.write_bytes(file.read_bytes()[:-8])
    else:
        save_file({name: each * 1.5 for name, each in load_file(file).items()}, file)
    onward = project_in(recipe, "home", METHODS["mlp"], "training.max_steps=2", f"model.start_from={folder}")
    with pytest.raises(UserError, match=r"is damaged|does not make the virtual tokens"):
        flow.train(onward, silent)


def test_virtual_tokens_train_over_an_adapter_that_stays(recipe: Path) -> None:
    lora = project_in(recipe, "home", "method={type: lora, rank: 4}")
    under = lora.workspace.models / flow.train(lora, silent).name
    alone = models_of(lora, flow.train(lora, silent), base=base_of(lora, silent))
    for name in ("prompt", "prefix"):
        project = project_in(recipe, "home", METHODS[name], f"model.under={under}", "training.max_steps=3")
        run = flow.train(project, silent)
        models = models_of(project, run, base=base_of(project, silent))
        np.testing.assert_allclose(scores(models.base), scores(alone.base), rtol=1e-5)
        assert abs(scores(models.tuned) - scores(alone.tuned)).max() > 1e-3


@pytest.mark.parametrize("name", ["prompt", "prefix"])
def test_a_lora_adapter_does_not_go_on_as_virtual_tokens(recipe: Path, name: str) -> None:
    short = "training.max_steps=1"
    project = project_in(recipe, "home", "method=lora", short)
    start = f"model.start_from={project.workspace.models / flow.train(project, silent).name}"
    with pytest.raises(UserError, match="of the kind LORA"):
        flow.train(project_in(recipe, "home", METHODS[name], short, start), silent)


@pytest.mark.parametrize("name", ["prompt", "prefix"])
def test_added_tokens_are_refused_before_training(recipe: Path, name: str) -> None:
    with pytest.raises(UserError, match="trains no row of the embedding"):
        flow.train(project_in(recipe, "home", METHODS[name], "model.added_tokens=[<ask>]"), silent)


@pytest.mark.parametrize("reference", ["start", "base"])
def test_the_reference_is_the_base_or_the_start_with_its_tokens(
    tmp_path: Path, tiny_model_folder: Path, reference: str
) -> None:
    """A start at random words is no longer the base: `base` must be measured without them."""
    write_rows(tmp_path, tiny_model_folder)
    project = project_in(
        tmp_path / "recipe.yaml",
        "home",
        "method={type: prompt_tuning, tokens: 4}",
        f"objective={{type: dpo, reference: {reference}}}",
        "data={train: pairs.jsonl, shape: preference, split: {validation: 0, test: 0}}",
    )
    with seen_bench() as benches, pytest.raises(Crash):
        flow.train(project, crash_at(1))
    bench = benches[0]
    examples = bench.train.first(5)
    kept = np.concatenate([each.beside[pairs.REFERENCE] for each in examples])
    model = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32).eval()
    started = bench.parts.method.attach(model, seed=5)
    use_packed_attention(model)
    with torch.no_grad():
        on = pairs.answers(started, pack(examples)).sums.numpy()
        with without_virtual(started):
            off = pairs.answers(started, pack(examples)).sums.numpy()
    wanted, other = (on, off) if reference == "start" else (off, on)
    np.testing.assert_allclose(kept, wanted, rtol=1e-4)
    assert abs(kept - other).max() > 1e-2
