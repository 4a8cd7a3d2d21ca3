"""The quick screen never says yes where `check` finds a mistake."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.recipe.drafts import GOOD, write
from tunewright.recipe.check import check_recipe
from tunewright.recipe.draft import committed, read_draft
from tunewright.recipe.keys import Keys, Schema
from tunewright.recipe.screen import fits_form, surely_good

EDGES = st.sampled_from(
    [0, 1, -1, 2, 0.0, 0.5, 1.0, 1.5, 1e-9, 1e308, 2**32, 2**70, True, False, None, "", "1%", "200%"]
)
TEXTS = st.sampled_from(["auto", "a", "a\n", "lora", "none", "2 GB", "0 B", "no such", "\u2028", "١", "x" * 70, "."])


def near(keys: Keys, field: Schema) -> st.SearchStrategy[Any]:
    """Values that are often what a key holds, and often just not."""
    found: list[st.SearchStrategy[Any]] = [EDGES, TEXTS]
    for form in keys.forms(field):
        words = form.get("enum") or ([form["const"]] if "const" in form else [])
        bounds = [form[name] for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum") if name in form]
        found += [st.sampled_from(words)] if words else []
        found += [st.sampled_from(bounds)] if bounds else []
        found += [one_key(keys, form)] if "properties" in form else []
        if "items" in form:
            found.append(st.lists(near(keys, form["items"]), max_size=2))
    return st.one_of(found)


def one_key(keys: Keys, form: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """A block with one of its keys; of a part, with its name too."""
    name = form["properties"].get("type", {}).get("const")
    begin = {"type": name} if name else {}
    inside = [near(keys, child).map(partial(put, begin, key)) for key, child in form["properties"].items()]
    return st.one_of(inside)


def put(begin: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    return begin | {key: value}


BLOCKS = one_key(committed(), committed().root)


@settings(max_examples=1000, deadline=None)
@given(BLOCKS, BLOCKS)
def test_what_the_screen_passes_check_passes(one: dict[str, Any], two: dict[str, Any]) -> None:
    value = {"name": "a", "model": "b/c", "data": "rows.jsonl"} | one | two
    if isinstance(value["data"], dict):
        value["data"] = {"train": "rows.jsonl"} | value["data"]
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), yaml.safe_dump(value, allow_unicode=True))
        if not surely_good(read_draft(path, environment={})):
            event("not sure")
            return
        event("passed")
        assert check_recipe(path, environment={}).name == value["name"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "method: {type: lora, rank: 8, targets: [q_proj]}\n",
        "training: {epochs: 2, learning_rate: 1e-3, max_steps: null, schedule: linear}\n",
        "evaluate: {suites: [heldout, {type: labels, scorers: [f1]}], base_prompts: [bare]}\n",
        "gates: [{metric: f1, suite: labels_generated, at_least: 0.6}]\n",
        "gates: [{metric: loss, suite: heldout, better_than: base, margin: 0.4}]\n",
    ],
)
def test_common_recipes_pass(tmp_path: Path, text: str) -> None:
    assert surely_good(read_draft(write(tmp_path, GOOD + text)))


@pytest.mark.parametrize(
    "text",
    [
        "x: 1\n",
        "training: {epochs: 0}\n",
        "evaluate: {suites: [no]}\n",
        "training: {seed: true}\n",
        "gates: [{metric: f1, suite: test}]\n",
        "gates: [{metric: f1, suite: test, at_least: 0.6, better_than: base}]\n",
        "gates: [{metric: f1, suite: test, at_least: 0.6, margin: 0.1}]\n",
        "gates: [{metric: f1, suite: test, better_than: base, margin: -1}]\n",
        "gates: [{metric: no such, suite: test, at_least: 0.6}]\n",
    ],
)
def test_mistakes_do_not(tmp_path: Path, text: str) -> None:
    assert not surely_good(read_draft(write(tmp_path, GOOD + text)))


def test_blocks_with_rules_of_their_own_are_left_to_pydantic() -> None:
    keys = committed()
    assert keys.root["$defs"]["SplitOptions"]["rules"] is True
    assert not fits_form(keys, keys.root["$defs"]["SplitOptions"], value={"validation": 0.9, "test": 0.9})


def test_rules_hold_where_no_two_values_could_disagree() -> None:
    keys = committed()
    output = keys.root["$defs"]["OutputOptions"]
    assert fits_form(keys, output, value={"title": "a", "trackers": ["local"]})
    assert not fits_form(keys, output, value={"trackers": ["local", "local"]})
    model = keys.root["$defs"]["ModelOptions"]
    assert fits_form(keys, model, value={"name": "a/b", "weights": "nf4"})
    assert fits_form(keys, model, value={"name": "a/b", "precision": "bf16"})
    assert not fits_form(keys, model, value={"name": "a/b", "weights": "fp32", "precision": "bf16"})
    assert not fits_form(keys, model, value={"name": "a/b", "weights": "nf5"})
