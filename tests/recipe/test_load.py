"""The promise of the loader: a Recipe, or every mistake; never anything else."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recipe.drafts import GOOD, problems, sentences, write
from tunewright.core.errors import UserError
from tunewright.recipe.load import load_recipe
from tunewright.recipe.recipe import Recipe
from tunewright.recipe.schema import schema

FIVE = """name: task
model: builtin:smollm2-135m-instruct
data:
  trian: rows.jsonl
method:
  type: lora
  rnk: 8
training:
  lerning_rate: 1e-3
  batch_size: lots
  optimiser: adamm
"""


def test_a_good_recipe_of_three_lines(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, GOOD))
    assert (recipe.name, recipe.data.train.path, recipe.method.type) == ("task", "rows.jsonl", "lora")


def test_every_mistake_is_said_at_once_with_line_path_and_nearest_name(tmp_path: Path) -> None:
    assert sentences(tmp_path, FIVE) == [
        "recipe.yaml:3: data.train: this key is missing. "
        "Add it. Training rows: a path, a mapping with `path`, or a list of these.",
        'recipe.yaml:4: data.trian: there is no key "trian" here. Did you mean "train"?',
        'recipe.yaml:7: method.rnk: there is no key "rnk" here. Did you mean "rank"?',
        'recipe.yaml:9: training.lerning_rate: there is no key "lerning_rate" here. Did you mean "learning_rate"?',
        'recipe.yaml:10: training.batch_size: must be a whole number of at least 1 and at most 1,000,000 or "auto", '
        'not "lots". More: tunewright explain training.batch_size',
        'recipe.yaml:11: training.optimiser: no optimiser is called "adamm". Did you mean "adamw"?',
    ]


def test_problems_of_set_come_last(tmp_path: Path) -> None:
    found = problems(write(tmp_path, GOOD + "a: 1\nb: 2\n"), sets=["c=1"])
    assert [problem.where.rsplit("/", 1)[-1] for problem in found] == [
        "recipe.yaml:4: a",
        "recipe.yaml:5: b",
        "--set c",
    ]


WORDS = st.sampled_from(sorted({name for block in schema()["$defs"].values() for name in block["properties"]}))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("auto"), st.just("${X}")
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=4)
)
KEYS = st.sampled_from(sorted(schema()["properties"]))


def recipe_or_sentences(content: bytes, sets: list[str]) -> bool:
    """True where a recipe is read, or every problem says what is wrong and where; other errors are raised."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.yaml"
        path.write_bytes(content)
        try:
            recipe = load_recipe(path, sets=sets, environment={})
        except UserError as error:
            return bool(error.problems) and all(problem.what and problem.where for problem in error.problems)
        return isinstance(recipe, Recipe)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_give_sentences(content: bytes) -> None:
    assert recipe_or_sentences(content, [])


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:-?*&![]{}#|>'\"%@`, \n\t\\0x1.~$<"), max_size=80))
def test_random_punctuation_gives_sentences(text: str) -> None:
    assert recipe_or_sentences((GOOD + text).encode(), [])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=5), st.lists(st.text(max_size=12), max_size=2))
def test_random_recipes_give_sentences(value: dict[str, object], sets: list[str]) -> None:
    text = yaml.safe_dump({"name": "a", "model": "b/c", "data": "d"} | value, allow_unicode=True)
    assert recipe_or_sentences(text.encode("utf-8", "surrogatepass"), [f"training.seed={each}" for each in sets] + sets)


@pytest.mark.parametrize("text", ["training: {}\ntraining: {}\n", "evaluate: {suites: []}\n", "data: {train: }\n"])
def test_corners(tmp_path: Path, text: str) -> None:
    assert recipe_or_sentences((GOOD + text).encode(), [])
    assert isinstance(problems(write(tmp_path, GOOD + text)), list)
