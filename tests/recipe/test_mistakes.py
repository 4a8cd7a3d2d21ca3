"""Errors of pydantic in our words, in their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.drafts import GOOD, sentences

METHODS = '"bottleneck", "full", "ia3", "lora", "p_tuning", "partial", "prefix_tuning", "prompt_tuning"'
CASES = [
    ("training: {epochs: true}", "4: training.epochs: must be a number above 0 and at most 10,000, not true."),
    ("training: {batch_size: true}", "4: training.batch_size: must be a whole number of at least 1 and at most"),
    ("training: {optimiser: {type: adamw, beta1: false}}", "4: training.optimiser.beta1: must be a number"),
    ("training: {epochs: .nan}", '4: training.epochs: must be a number above 0 and at most 10,000, not ".nan".'),
    ("training: {epochs: '1e999'}", "4: training.epochs: must be a number"),
    ("training: {epochs: inf}", "4: training.epochs: must be a number"),
    ("method: {type: lora, alpha: inf}", '4: method.alpha: must be a number above 0, not "inf".'),
    ("training: {batch_size: 2.5}", "4: training.batch_size: must be a whole number of at least 1"),
    (
        "training: {seed: }",
        "4: training.seed: must be a whole number of at least 0 and below 4,294,967,296, but it is empty.",
    ),
    (
        "training: {learning_rate: fast}",
        '4: training.learning_rate: must be a number above 0 and at most 10 or "auto", not "fast".',
    ),
    ("training: 3", "4: training: must be a mapping, not 3."),
    ("training: [1]", "4: training: must be a mapping, not a list."),
    ("output: {title: 12}", '4: output.title: must be text or empty, not 12. Put it in quotes: "12".'),
    ("evaluate: {split: tset}", '4: evaluate.split: must be "test" or "validation", not "tset". Did you mean "test"?'),
    ("evaluate: {suites: labels}", '4: evaluate.suites: must be a list ("alignment", "answers", '),
    (
        "evaluate:\n  suites:\n    - heldout\n    - labls",
        '7: evaluate.suites.1: no suite is called "labls". Did you mean "labels"?',
    ),
    (
        "evaluate:\n  suites:\n    - type: labels\n      scorer: [f1]",
        '7: evaluate.suites.0.scorer: there is no key "scorer" here. Did you mean "scorers"?',
    ),
    ("evaluate: {base_prompts: []}", "4: evaluate.base_prompts: must be a list"),
    ("method: 3", f"4: method: must be {METHODS} or a mapping with `type` and the part's keys, not 3."),
    ("method: {rank: 8}", f"4: method: must be {METHODS} or a mapping with `type`"),
    ("method:\n  rank: 8\n  type: lroa", '6: method.type: no method is called "lroa". Did you mean "lora"?'),
    (
        "method: {type: full, rank: 8}",
        '4: method.rank: there is no key "rank" here. It belongs elsewhere: "method.lora.rank".',
    ),
    (
        "learning_rate: 1",
        '4: learning_rate: there is no key "learning_rate" here. It belongs elsewhere: "training.learning_rate".',
    ),
    ("zzzz: 1", '4: zzzz: there is no key "zzzz" here. There is: name, preset, model, data'),
]


@pytest.mark.parametrize(("text", "sentence"), CASES, ids=[text for text, _sentence in CASES])
def test_one_mistake_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    found = sentences(tmp_path, GOOD + text + "\n")
    assert len(found) == 1
    assert found[0].startswith(f"recipe.yaml:{sentence}")


def test_rules_over_several_keys(tmp_path: Path) -> None:
    text = "name: a\nmodel: b/c\ndata:\n  train: rows.jsonl\n  split:\n    validation: 60%\n    test: 40%\n"
    assert sentences(tmp_path, text) == [
        "recipe.yaml:5: data.split: validation and test together take every row; leave some for training."
    ]


def test_short_forms_keep_their_place(tmp_path: Path) -> None:
    assert sentences(tmp_path, "name: a\nmodel: ''\ndata: 5\n") == [
        'recipe.yaml:2: model.name: must be text (not empty), not "". More: tunewright explain model.name',
        'recipe.yaml:3: data: must be text (not empty) or a mapping, not 5. Put it in quotes: "5".',
    ]


def test_missing_keys_of_the_top(tmp_path: Path) -> None:
    found = sentences(tmp_path, "training: {epochs: 1}\n")
    assert [sentence.split(": this")[0] for sentence in found] == [
        "recipe.yaml:1: name",
        "recipe.yaml:1: model",
        "recipe.yaml:1: data",
    ]
