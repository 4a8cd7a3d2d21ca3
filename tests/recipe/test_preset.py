"""Presets lie under the recipe, key by key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.house.process import TUNEWRIGHT, watched
from tests.recipe.drafts import GOOD, write
from tunewright.core.errors import UserError
from tunewright.recipe import preset
from tunewright.recipe.draft import read_draft
from tunewright.recipe.load import load_recipe
from tunewright.recipe.recipe import Recipe
from tunewright.recipe.schema import schema
from tunewright.recipe.screen import surely_good

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
        ("rslora", HEAD + "method: {type: lora, scaling: rank_stabilised, alpha: 8}\n"),
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
        ("preset: [dora, zzz]\n", 'recipe.yaml:4: preset.1: no preset is called "zzz". There is: dora, pissa, qlora'),
        ("preset: lora\n", 'preset: no preset is called "lora". It is a method: write method: lora'),
        ("preset: 3\n", 'recipe.yaml:4: preset: must be "dora", "pissa", "qlora", "rslora" or a list'),
        ("preset:\n", "recipe.yaml:4: preset: must be"),
        ("preset: dora\nmethod: 3\n", 'recipe.yaml:5: method: must be "bottleneck", "full"'),
        ("preset: dora\nmethod:\n", 'recipe.yaml:5: method: must be "bottleneck", "full"'),
        ("preset: dora\nmethod:\n  rank: 0\n", "recipe.yaml:6: method.rank: must be a whole number of at least 1"),
        ("preset: dora\nmethod:\n  rnk: 4\n", 'recipe.yaml:6: method.rnk: there is no key "rnk" here.'),
        ("method: qlora\n", 'no method is called "qlora". It is a preset: write preset: qlora'),
        ("preset: dora\nmethod: full\n", "preset dora is for method: lora, and this says full."),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        loaded(tmp_path, HEAD + text)
    assert sentence in str(caught.value)


def test_a_method_without_its_type_is_that_of_the_preset(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, HEAD + "preset: dora\nmethod: {rank: 4}\n")
    assert (recipe.method.type, recipe.method.rank, recipe.method.decomposition) == ("lora", 4, "dora")


def test_a_value_names_the_preset_that_it_comes_from(tmp_path: Path) -> None:
    draft = read_draft(write(tmp_path, GOOD + "preset: qlora\nmethod: {rank: 4}\n"))
    assert draft.where(("model", "weights")) == "preset qlora: model.weights"
    assert draft.where(("method", "targets")) == "preset qlora: method.targets"
    assert draft.where(("method", "rank")).endswith("recipe.yaml:5: method.rank")


def test_a_mistake_in_a_preset_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "odd.yaml").write_text("# Odd.\ntraining: {epochs: 0}\n", encoding="utf-8")
    monkeypatch.setattr(preset, "FOLDER", tmp_path / "presets")
    with pytest.raises(UserError, match=r"^preset odd: training.epochs: must be a number above 0"):
        loaded(tmp_path, HEAD + "preset: odd\n")


def test_a_later_preset_lies_over_an_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "presets").mkdir()
    for name, epochs in (("one", 2), ("two", 3)):
        (tmp_path / "presets" / f"{name}.yaml").write_text(f"training: {{epochs: {epochs}}}\n", encoding="utf-8")
    monkeypatch.setattr(preset, "FOLDER", tmp_path / "presets")
    assert loaded(tmp_path, HEAD + "preset: [one, two]\n").training.epochs == 3
    assert loaded(tmp_path, HEAD + "preset: [two, one]\n").training.epochs == 2


@pytest.mark.parametrize("name", preset.names())
def test_every_preset_goes_with_every_other_as_values(tmp_path: Path, name: str) -> None:
    both = [loaded(tmp_path, f"{HEAD}preset: [{name}, {other}]\n").preset for other in preset.names()]
    assert both == [(name, other) for other in preset.names()]
    assert preset.values(name)["method.type"] == "lora"


@pytest.mark.parametrize("text", ["preset: qlora\n", "preset: [qlora, rslora]\nmethod: {rank: 8}\n"])
def test_check_answers_without_loading_pydantic(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, GOOD + text)
    assert surely_good(read_draft(path))
    seen = watched([TUNEWRIGHT, "check", path], tmp_path / "watch")
    assert (seen.exit_code, seen.loaded("pydantic", "torch", "numpy")) == (0, set())


def test_the_schema_takes_one_preset_and_several() -> None:
    judge = Draft202012Validator(schema())
    good = {"name": "a", "model": "b/c", "data": "rows.jsonl"}
    assert judge.is_valid(good | {"preset": "qlora"})
    assert judge.is_valid(good | {"preset": ["qlora", "dora"]})
    assert not judge.is_valid(good | {"preset": "qlra"})
