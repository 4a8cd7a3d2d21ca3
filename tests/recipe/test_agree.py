"""Keys that cannot stand together are found before a model is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.drafts import write
from tunewright.core.errors import UserError
from tunewright.recipe.check import check_recipe
from tunewright.recipe.draft import read_draft
from tunewright.recipe.screen import surely_good

HEAD = "name: task\ndata: rows.jsonl\nmodel: {name: a/b, weights: nf4}\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD + "method: full\n", "recipe.yaml:4: method: full cannot train nf4 weights"),
        (HEAD + "method: {type: partial}\n", "recipe.yaml:4: method.type: partial cannot train nf4 weights"),
        (HEAD + "method: {type: lora, init: pissa}\n", "recipe.yaml:4: method.init: PiSSA cannot begin over nf4"),
        (HEAD + "preset: pissa\n", "preset pissa: method.init: PiSSA cannot begin over nf4"),
        (
            "name: task\ndata: rows.jsonl\nmodel: a/b\npreset: [qlora, pissa]\n",
            "preset pissa: method.init: PiSSA cannot begin over nf4 weights",
        ),
        (
            "name: task\ndata: rows.jsonl\nmodel: {name: a/b, under: c}\nmethod: {type: full}\n",
            "recipe.yaml:4: method.type: full changes the model's own weights, so that an adapter under it",
        ),
    ],
)
def test_what_cannot_stand_together_is_said(tmp_path: Path, text: str, sentence: str) -> None:
    path = write(tmp_path, text)
    assert not surely_good(read_draft(path))
    with pytest.raises(UserError) as caught:
        check_recipe(path)
    assert [problem.sentence() for problem in caught.value.problems] == [str(caught.value)]
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "text", [HEAD, HEAD + "method: {type: lora, init: random}\n", HEAD.replace("nf4", "bf16") + "preset: pissa\n"]
)
def test_what_can_stand_together_passes(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    assert surely_good(read_draft(path))
    assert check_recipe(path).name == "task"
