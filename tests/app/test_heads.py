"""Objectives over pairs, ratings and heads from data to a verdict: what is measured by itself, gates, and rewards."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunewright.app import exporting, flow, talk, targets
from tunewright.app.cli.main import main
from tunewright.app.project import open_project
from tunewright.app.sampling import Asked, of_target
from tunewright.core.errors import UserError
from tunewright.core.events import silent
from tunewright.core.nouns import Evaluation, Run
from tunewright.core.workspace import Workspace
from tunewright.evaluate.store import read_answers

THINGS = {"red": ("blood", "fire"), "green": ("grass", "leaf"), "blue": ("sky", "ice")}
ASKED = [
    (f"The colour of {thing} {number}?", colour)
    for colour, things in THINGS.items()
    for thing in things
    for number in range(8)
]
OTHER = {"red": "green", "green": "blue", "blue": "red"}
ROWS: dict[str, list[dict[str, Any]]] = {
    "pairs": [{"prompt": asked, "chosen": said, "rejected": OTHER[said]} for asked, said in ASKED],
    "rated": [
        {"prompt": asked, "completion": said if place % 2 else "black", "label": bool(place % 2)}
        for place, (asked, said) in enumerate(ASKED)
    ],
    "labelled": [{"text": asked, "label": said} for asked, said in ASKED],
    "numbers": [{"text": asked, "label": str(len(said) * 1.5)} for asked, said in ASKED],
}
OF = {"dpo": "pairs", "reward": "pairs", "kto": "rated", "classification": "labelled", "regression": "numbers"}


@pytest.fixture(autouse=True)
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without a compiler: kernels would be made for each of the workspaces."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> Path:
    """Rows and a recipe for each objective; runs of one test stand for the next."""
    place = tmp_path_factory.mktemp("heads")
    for name, rows in ROWS.items():
        (place / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for objective, rows in OF.items():
        (place / f"{objective}.yaml").write_text(
            f"name: {objective}\nmodel: {{name: {tiny_model_folder}, precision: fp32}}\nobjective: {objective}\n"
            f"data: {{train: {rows}.jsonl, split: {{validation: 10%, test: 25%}}}}\n"
            "training: {max_steps: 20, batch_size: 8, learning_rate: 1e-2, seed: 5}\n",
            encoding="utf-8",
        )
    return place


def evaluated(folder: Path, objective: str, *sets: str) -> Evaluation:
    """The evaluation of a recipe that is run to its end."""
    project = open_project(folder / f"{objective}.yaml", sets=sets, home=folder / "home")
    return flow.run(project, silent).evaluation


def run_of(folder: Path, objective: str) -> Run:
    """The run of an objective."""
    return next(run for run in Workspace(folder / "home").records("runs", Run) if run.recipe["name"] == objective)


def test_pairs_are_measured_by_likelihood_alone_a_token_and_over_the_base(folder: Path) -> None:
    found = evaluated(folder, "dpo")
    assert set(found.suites) == {"heldout", "preferences", "preferences_per_token", "preferences_over_base"}
    assert not found.unmeasured
    own, over = found.suites["preferences"], found.suites["preferences_over_base"]
    assert over["preference_accuracy"].base == 0.5 and over["preference_margin"].base == 0
    assert over["preference_margin"].tuned == pytest.approx(own["preference_margin"].difference)
    assert own["preference_accuracy"].interval is not None and own["preference_accuracy"].n == 12
    answers = {one.way: one for one in read_answers(folder / "home" / "evaluations" / found.key)}
    for base, tuned, less in zip(
        answers["preferences"].base, answers["preferences"].tuned or (), answers["preferences_over_base"].tuned or (),
        strict=True,
    ):  # fmt: skip
        assert less.choices == pytest.approx(np.subtract(tuned.choices, base.choices))


def test_labels_of_a_head_stand_beside_the_base_models_likeliest(folder: Path) -> None:
    found = evaluated(folder, "classification")
    assert set(found.suites) == {"head_classes"} and found.labels == ("blue", "green", "red")
    assert set(found.suites["head_classes"]) == {"accuracy", "f1", "calibration"}
    right = found.suites["head_classes"]["accuracy"]
    assert right.tuned is not None and right.base is not None and right.tuned > right.base and right.n == 12
    assert sum(map(sum, found.confusion["head_classes.tuned"])) == 12
    assert found.base_prompts["head_classes"] in ("bare", "labels_listed")


def test_numbers_stand_beside_the_mean_of_the_training_rows(folder: Path) -> None:
    found = evaluated(folder, "regression")
    errors = found.suites["head_number"]
    assert set(errors) == {"mae", "mse", "r2", "spearman"}
    assert errors["mse"].tuned is not None and errors["mse"].base is not None and errors["r2"].tuned is not None
    assert errors["r2"].tuned > 0 >= (errors["r2"].base or 0) and errors["mse"].tuned < errors["mse"].base
    assert errors["spearman"].base is None
    (one,) = read_answers(folder / "home" / "evaluations" / found.key)
    assert len({row.predicted for row in one.base}) == 1


def test_good_answers_alone_are_imitated_of_rated_rows(folder: Path) -> None:
    found = evaluated(folder, "kto")
    assert set(found.suites) == {"heldout", "answers"}
    for one in read_answers(folder / "home" / "evaluations" / found.key):
        assert one.base and all(row.row.details.get("desirable") for row in one.base)


def test_a_gate_holds_a_reward_model_to_its_accuracy(folder: Path) -> None:
    gate = "gates=[{metric: preference_accuracy, suite: head, at_least: 0.05}]"
    found = evaluated(folder, "reward", gate)
    assert set(found.suites["head_reward"]) == {"preference_accuracy", "preference_calibration"}
    hard = "gates=[{metric: preference_calibration, suite: head_reward, at_most: 0}]"
    words = ["run", str(folder / "reward.yaml"), "--home", str(folder / "home"), "--quiet", "--set", hard]
    assert main(words) == 1


def test_a_reward_model_scores_the_answers_of_another(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluated(folder, "reward")
    reward = folder / "home" / "models" / run_of(folder, "reward").name
    suites = "evaluate.suites=[{type: answers, scorers: [reward, exact_match]}]"
    for name in (str(reward), reward.name):
        found = evaluated(folder, "kto", suites, f"evaluate.scorers=[{{type: reward, model: {name}}}]")
        one = found.suites["answers"]["reward"]
        assert one.base is not None and one.tuned is not None and math.isfinite(one.base) and one.interval is not None
    (answers,) = read_answers(folder / "home" / "evaluations" / found.key)
    assert one.n == len(answers.base)
    for scorers, told in (
        ("[]", "the metric reward needs a reward model"),
        ("[{type: reward, model: nowhere}]", "no recipe, run or model of ours"),
        (f"[{{type: reward, model: {run_of(folder, 'kto').name}}}]", "was trained for kto and is no reward model"),
        (f"[{{type: reward, model: {name}}}, {{type: reward, model: {name}}}]", "the metric reward has options twice"),
    ):
        words = ["run", str(folder / "kto.yaml"), "--home", str(folder / "home"), "--quiet", "--set", suites]
        assert main([*words, "--set", f"evaluate.scorers={scorers}"]) == 2
        assert told in capsys.readouterr().err


def test_a_suite_that_finds_no_rows_says_why(folder: Path) -> None:
    found = evaluated(folder, "classification", "evaluate.suites=[head, heldout, preferences]")
    assert found.unmeasured == {
        "heldout": "no token of the measured rows is trained, so there is no answer to predict",
        "preferences": "no measured row has an answer that lost against another",
    }


def test_a_model_with_a_head_does_not_talk(folder: Path) -> None:
    evaluated(folder, "regression")
    project = open_project(folder / "regression.yaml", home=folder / "home")
    with pytest.raises(UserError, match="was trained for regression has a head that says numbers, and does not talk"):
        talk.open_talk(project, silent)


def test_sampling_settings_are_chosen_by_a_reward_model(folder: Path) -> None:
    evaluated(folder, "reward")
    sets = [
        "data.split={validation: 25%, test: 25%}",
        "evaluate.suites=[answers]",
        f"evaluate.scorers=[{{type: reward, model: {run_of(folder, 'reward').name}}}]",
        "evaluate.max_new_tokens=4",
    ]
    asked = Asked(metric="reward", rows=4, samples=1)
    found, _ = of_target(str(folder / "dpo.yaml"), asked, sets=sets, home=folder / "home", emit=silent)
    assert (found.metric, found.direction, found.search_rows) == ("reward", "higher", 4)
    assert all(each.value is not None and math.isfinite(each.value) for each in found.tried)


def test_a_merged_model_keeps_saying_what_its_head_said(folder: Path) -> None:
    found = evaluated(folder, "classification")
    project = open_project(folder / "classification.yaml", home=folder / "home")
    (made,) = exporting.export(project, run_of(folder, "classification"), forms=["merged-fp32"], emit=silent)
    asked = targets.Asked((str(made.folder),), data=folder / "classification.yaml", home=folder / "home")
    (answer,) = targets.evaluate(asked, silent)
    one, other = (each.suites["head_classes"] for each in (answer.evaluation, found))
    assert one["accuracy"].base == other["accuracy"].tuned
    assert one["calibration"].base == pytest.approx(other["calibration"].tuned, abs=0.02)  # weights are read in bf16


def test_the_report_says_what_stands_beside_numbers(folder: Path) -> None:
    evaluated(folder, "regression")
    (report,) = (path for path in folder.rglob("report.md") if path.read_text().startswith("# regression"))
    assert "; the mean of the training rows reaches mean absolute error" in report.read_text()
