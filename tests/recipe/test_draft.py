"""Files, `--set` and the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.drafts import GOOD, problems, sentences, write
from tunewright.core.errors import UserError
from tunewright.recipe.check import check_recipe
from tunewright.recipe.draft import read_draft
from tunewright.recipe.load import load_recipe


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_draft(path)
    assert len(caught.value.problems) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "start"),
    [
        (b"", "the recipe is empty."),
        (b"# only a comment\n", "the recipe is empty."),
        (b"- a\n- b\n", "a recipe is a mapping"),
        (b"just text", "a recipe is a mapping"),
        (b"name: \xff\xfe", "byte 6 of this file is not UTF-8."),
        (b"#" * 1_000_001, "this file is larger than 1 MB"),
    ],
)
def test_what_is_no_recipe_is_one_sentence(tmp_path: Path, content: bytes, start: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    assert refusal(path).startswith(f"{path}: {start}")


def test_no_file_and_no_recipe_in_a_folder(tmp_path: Path) -> None:
    assert "there is no such recipe." in refusal(tmp_path / "no.yaml")
    assert refusal(tmp_path).startswith(f"{tmp_path}/recipe.yaml: there is no such recipe.")
    assert "cannot be read" in refusal(tmp_path / "a\0b")
    assert "larger than 1 MB" in refusal(Path("/dev/zero"))


def test_a_folder_means_its_recipe_and_a_byte_order_mark_is_fine(tmp_path: Path) -> None:
    write(tmp_path, "\ufeff" + GOOD)
    assert load_recipe(tmp_path).name == "task"


SETS = [
    ("training.epochs=2", lambda recipe: recipe.training.epochs == 2),
    ("training.learning_rate=1e-4", lambda recipe: recipe.training.learning_rate == 1e-4),
    ("method.rank=4", lambda recipe: (recipe.method.type, recipe.method.rank) == ("lora", 4)),
    ("training.schedule.warmup=1%", lambda recipe: recipe.training.schedule.warmup == 0.01),
    ("data.train.type=csv", lambda recipe: (recipe.data.train.path, recipe.data.train.type) == ("rows.jsonl", "csv")),
    ("data.overlong.side=end", lambda recipe: recipe.data.overlong.side == "end"),
    (
        "model.precision=fp32",
        lambda recipe: recipe.model.name.startswith("builtin") and recipe.model.precision == "fp32",
    ),
    ("evaluate.suites=[heldout, {type: labels}]", lambda recipe: len(recipe.evaluate.suites) == 2),
    ("method={type: lora, alpha: 3}", lambda recipe: recipe.method.alpha == 3),
    ("training.clip_norm=", lambda recipe: recipe.training.clip_norm is None),
    ("output.title=a = b", lambda recipe: recipe.output.title == "a = b"),
]


@pytest.mark.parametrize(("setting", "holds"), SETS, ids=[setting for setting, _holds in SETS])
def test_set_puts_a_value_over_the_recipe(tmp_path: Path, setting: str, holds) -> None:
    path = write(tmp_path, GOOD)
    assert not holds(load_recipe(path))
    assert holds(load_recipe(path, sets=[setting]))


def test_set_keeps_what_stands_beside_it_and_the_last_one_wins(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "training: {epochs: 5, seed: 7}\n")
    recipe = load_recipe(path, sets=["training.epochs=2", "training.epochs=3"])
    assert (recipe.training.epochs, recipe.training.seed) == (3, 7)


def test_set_in_a_list_and_never_through_an_alias(tmp_path: Path) -> None:
    text = GOOD + "training: {optimiser: &o {type: adamw, beta1: 0.5}}\nevaluate: {suites: [heldout, answers]}\n"
    recipe = load_recipe(write(tmp_path, text), sets=["evaluate.suites.1=labels", "training.optimiser.beta1=0.8"])
    assert [suite.type for suite in recipe.evaluate.suites] == ["heldout", "labels"]
    shared = GOOD + "data: &d rows.jsonl\n"
    assert "second time" in sentences(tmp_path, shared)[0]
    text = "name: task\nmodel: m/n\ndata: {train: &s {path: a}, validation: *s}\n"
    recipe = load_recipe(write(tmp_path, text), sets=["data.validation.path=b"])
    assert (recipe.data.train.path, recipe.data.validation.path) == ("a", "b")


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("trainin.epochs=3", '--set trainin.epochs: there is no key "trainin" here. Did you mean "training"?'),
        ("training.epoch=3", '--set training.epoch: there is no key "epoch" here. Did you mean "epochs"?'),
        ("training.epochs", "--set training.epochs: this is not KEY=VALUE. Write, say: --set training.epochs=2"),
        ("=3", "--set =3: this is not KEY=VALUE. Write, say: --set training.epochs=2"),
        ("a..b=3", "--set a..b=3: this is not KEY=VALUE. Write, say: --set training.epochs=2"),
        ("name.x=3", "--set name.x: must be a name of letters"),
        ("training.epochs=[", "--set training.epochs: this is not YAML"),
        ("training.epochs=many", "--set training.epochs: must be a number above 0"),
        ("method.type=lra", '--set method.type: no method is called "lra". Did you mean "lora"?'),
        (".".join("a" * 5000) + "=1", "--set a.a.a"),
        ("name=\ud800", "--set name: a character here may not stand in YAML"),
    ],
)
def test_a_wrong_set_says_which_and_the_nearest_key(tmp_path: Path, setting: str, sentence: str) -> None:
    found = problems(write(tmp_path, GOOD), sets=[setting])
    assert len(found) == 1
    assert found[0].sentence().startswith(sentence)


@pytest.mark.parametrize(
    "text",
    [
        "name: a\nmodel: ${NOPE}\ndata: b\n",
        "name: a\nmodel: b/c\ndata: ${NOPE}\n",
        GOOD + "training: {epochs: '${NOPE}'}\n",
    ],
)
def test_a_variable_that_is_not_set_is_one_sentence(tmp_path: Path, text: str) -> None:
    found = sentences(tmp_path, text)
    assert len(found) == 1
    assert "the environment variable NOPE is not set." in found[0]


def test_other_mistakes_are_said_beside_a_variable_that_is_not_set(tmp_path: Path) -> None:
    assert len(sentences(tmp_path, "name: a\nmodel: {name: '${NOPE}', precision: x}\ndata: b\n")) == 2


def test_a_word_with_a_colon_is_a_word(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path, GOOD), sets=["model=builtin:"]).model.name == "builtin:"
    with pytest.raises(UserError) as caught:
        check_recipe(tmp_path, sets=["model=builtin:"])
    assert [problem.sentence() for problem in caught.value.problems] == [
        '--set model: no built-in model is called "". There is: smollm2-135m-instruct.'
    ]


def test_equal_problems_are_said_once(tmp_path: Path) -> None:
    found = problems(write(tmp_path, GOOD), sets=["no", "no"])
    assert [problem.where for problem in found] == ["--set no"]


def test_variables_are_filled_in_where_they_are_written_and_nowhere_else(tmp_path: Path) -> None:
    text = GOOD + "output: {title: 'by ${WHO} for $WHO, $${WHO}', workspace: '${A}/${B}'}\ntraining: {epochs: '${N}'}\n"
    environment = {"WHO": "me", "A": "x", "B": "${WHO}", "N": "2.5"}
    recipe = load_recipe(write(tmp_path, text), environment=environment)
    assert recipe.output.title == "by me for $WHO, ${WHO}"
    assert recipe.output.workspace == "x/${WHO}"
    assert recipe.training.epochs == 2.5


def test_a_variable_that_is_not_set_is_an_error_with_its_line_and_values_are_not_shown(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "output:\n  title: ${A}\n  workspace: ${B}\ntraining:\n  epochs: ${SECRET}\n")
    found = [problem.sentence() for problem in problems(path, environment={"SECRET": "hunter2"})]
    assert [sentence.removeprefix(f"{tmp_path}/") for sentence in found] == [
        "recipe.yaml:5: output.title: the environment variable A is not set. Set it, or write the value.",
        "recipe.yaml:6: output.workspace: the environment variable B is not set. Set it, or write the value.",
        "recipe.yaml:8: training.epochs: must be a number above 0 and at most 10,000, "
        'not "${SECRET}". More: tunewright explain training.epochs',
    ]
