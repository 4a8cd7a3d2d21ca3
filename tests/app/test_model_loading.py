"""The lines of a card load what every method saved: plain PEFT and Transformers compute what was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tunewright.app import flow
from tunewright.app.loaded import base_of, models_of
from tunewright.app.models import find, story_of
from tunewright.app.project import open_project
from tunewright.core.events import silent
from tunewright.core.language_model import ScoreItem
from tunewright.models.card.loading import BASE_FOLDER, loading

METHODS = {
    "rank-stabilised DoRA": "method: {type: lora, rank: 4, decomposition: dora, scaling: rank_stabilised}",
    "PiSSA": "method: {type: lora, rank: 4, init: pissa}",
    "IA3": "method: ia3",
    "prompt tuning": "method: prompt_tuning",
    "prefix tuning": "method: prefix_tuning",
    "P-tuning": "method: p_tuning",
    "partial": "method: {type: partial, top_layers: 1}",
    "full": "method: full",
}
TOKENS = tuple(range(20, 40))


def trained(folder: Path, words: str, *, model: Path, keys: str = "") -> Any:
    """A project and its run of two steps."""
    rows = [{"text": f"thing {number}", "label": "ab"[number % 2]} for number in range(24)]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "recipe.yaml").write_text(
        f"name: letters\nmodel: {{name: {model}, precision: fp32{keys}}}\ndata: rows.jsonl\n{words}\n"
        "training: {max_steps: 2, batch_size: 8, learning_rate: 1e-2}\n",
        encoding="utf-8",
    )
    project = open_project(folder / "recipe.yaml", home=folder / "home")
    return project, flow.train(project, silent)


def by_the_card(project: Any, run: Any, *, model: Path) -> dict[str, Any]:
    """What the lines of a model's card define."""
    story = story_of(project.workspace, find(project.workspace, run.name))
    how = loading(story, place=str(story.folder))
    named: dict[str, Any] = {}
    exec(how.code.replace(BASE_FOLDER, str(model)), named)
    return named


def apart(project: Any, run: Any, theirs: Any) -> float:
    """The largest difference of a text's log-probabilities between our model and theirs."""
    ours = models_of(project, run, base=base_of(project, silent)).tuned
    found = torch.from_numpy(ours.score([ScoreItem(TOKENS[:10], (TOKENS[10:],))])[0][0].log_probabilities)
    with torch.no_grad():
        scores = theirs(torch.tensor([TOKENS])).logits[0, -11:-1].float().log_softmax(-1)
    return float((scores.gather(1, torch.tensor(TOKENS[10:])[:, None])[:, 0] - found).abs().max())


@pytest.mark.parametrize("words", METHODS.values(), ids=METHODS)
def test_plain_libraries_compute_what_was_trained(words: str, tmp_path: Path, tiny_model_folder: Path) -> None:
    project, run = trained(tmp_path, words, model=tiny_model_folder)
    assert apart(project, run, by_the_card(project, run, model=tiny_model_folder)["model"]) < 1e-4


def test_a_quantised_base_is_quantised_again(tmp_path: Path, tiny_model_folder: Path) -> None:
    words = "method: {type: lora, rank: 4}"
    project, run = trained(tmp_path, words, model=tiny_model_folder, keys=", weights: nf4")
    named = by_the_card(project, run, model=tiny_model_folder)
    assert named["model"].get_base_model().is_loaded_in_4bit
    for module in named["model"].modules():  # its kernel for processors with AVX-512 rounds products to bf16
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    assert apart(project, run, named["model"]) < 1e-4


def test_added_tokens_are_there(tmp_path: Path, tiny_model_folder: Path) -> None:
    keys = ", added_tokens: [<one>, <two>]"
    project, run = trained(tmp_path, "method: {type: lora, rank: 4}", model=tiny_model_folder, keys=keys)
    named = by_the_card(project, run, model=tiny_model_folder)
    assert named["tokenizer"].convert_tokens_to_ids("<two>") == len(named["tokenizer"]) - 1
    assert apart(project, run, named["model"]) < 1e-4


def test_a_head_gives_the_numbers_that_it_was_trained_to_give(tmp_path: Path, tiny_model_folder: Path) -> None:
    words = "method: {type: lora, rank: 4}\nobjective: classification"
    project, run = trained(tmp_path, words, model=tiny_model_folder)
    named = by_the_card(project, run, model=tiny_model_folder)
    ours = models_of(project, run, base=base_of(project, silent)).head
    assert ours is not None
    tokens = named["tokenizer"]("thing 3", add_special_tokens=False)["input_ids"]
    found = torch.as_tensor(ours.outputs([tuple(tokens)])[0])
    with torch.no_grad():
        assert torch.allclose(named["numbers"]("thing 3").float(), found.float(), atol=1e-4)
