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
