"""The reference of a preference run is the model as that very run begins."""

from __future__ import annotations

import json
from pathlib import Path

from tests.train.runs import losses, project_in
from tunewright.app import flow
from tunewright.core.events import silent

SETS = ("data.train=pairs.jsonl", "objective=dpo", "method={type: prompt_tuning, tokens: 6, init: random}")


def test_another_start_has_another_reference(recipe: Path) -> None:
    """Virtual tokens begin as the seed says, so a second seed may not be held to the first one's reference.

    A model that is held to itself has the loss log 2 at its first step.
    """
    rows = [{"prompt": f"Say {number}.", "chosen": f"{number}", "rejected": "no"} for number in range(24)]
    (recipe.parent / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for seed in (1, 2):
        project = project_in(recipe, "home", *SETS, f"training.seed={seed}")
        assert abs(losses(project, flow.train(project, silent))[0] - 0.6931472) < 1e-4


def test_a_reference_serves_runs_that_differ_in_strength(recipe: Path) -> None:
    """How strongly a model is held changes nothing of what it is held to: measured once for both."""
    rows = [{"prompt": f"Say {number}.", "chosen": f"{number}", "rejected": "no"} for number in range(24)]
    (recipe.parent / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    kept: list[set[str]] = []
    for beta in (0.1, 0.5):
        project = project_in(recipe, "home", "data.train=pairs.jsonl", f"objective={{type: dpo, beta: {beta}}}")
        flow.train(project, silent)
        kept.append({path.name for path in (project.workspace.cache / "reference").iterdir()})
    assert kept[0] == kept[1]
    assert kept[0]
