"""Presets lie under the recipe, key by key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tunewright.core.errors import UserError
from tunewright.recipe import preset
from tunewright.recipe.load import load_recipe
from tunewright.recipe.recipe import Recipe

HEAD = "name: a\nmodel: builtin:smollm2-135m-instruct\ndata: rows.jsonl\n"


def loaded(folder: Path, text: str, *sets: str) -> Recipe:
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    return load_recipe(folder / "recipe.yaml", sets=sets)


def plain(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(exclude={"preset"})


@pytest.mark.parametrize(
    ("name", "spelled_out"),
    [
        ("qlora", HEAD.replace("model: ", "model: {weights: nf4, name: '").replace("instruct\n", "instruct'}\n")),
        ("dora", HEAD + "method: {type: lora, decomposition: dora}\n"),
        ("rslora", HEAD + "method: {type: lora, scaling: rank_stabilised}\n"),
        ("pissa", HEAD + "method: {type: lora, init: pissa}\n"),
    ],
)
def test_a_preset_is_its_keys_spelled_out(tmp_path: Path, name: str, spelled_out: str) -> None:
    assert plain(loaded(tmp_path, f"{HEAD}preset: {name}\n")) == plain(loaded(tmp_path, spelled_out))


def test_every_preset_loads_and_says_where_it_comes_from(tmp_path: Path) -> None:
    for name in preset.names():
        assert loaded(tmp_path, f"{HEAD}preset: {name}\n").preset == (name,)
        assert "arXiv" in preset.text(name)


def test_the_recipes_own_keys_win_and_the_others_stay(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, HEAD + "preset: [dora, rslora]\nmethod: {type: lora, rank: 4, decomposition: none}\n")
    assert (recipe.method.rank, recipe.method.decomposition, recipe.method.scaling) == (4, "none", "rank_stabilised")


def test_short_forms_and_set_lie_over_presets(tmp_path: Path) -> None:
    recipe = loaded(
        tmp_path, HEAD + "method: lora\n", "preset=qlora", "method.rank=8", "model.double_quantisation=false"
    )
    assert (recipe.model.weights, recipe.model.double_quantisation) == ("nf4", False)
    assert (recipe.model.name, recipe.method.rank) == ("builtin:smollm2-135m-instruct", 8)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("preset: qlra\n", 'recipe.yaml:4: preset: no preset is called "qlra". Did you mean "qlora"?'),
        ("preset: 3\n", 'recipe.yaml:4: preset: no preset is called "3". There is: dora, pissa, qlora, rslora.'),
        ("method: qlora\n", 'no method is called "qlora". It is a preset: write preset: qlora'),
        ("preset: dora\nmethod: full\n", "preset dora is for method: lora, and this says full."),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        loaded(tmp_path, HEAD + text)
    assert sentence in str(caught.value)
