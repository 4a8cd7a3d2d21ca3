"""Gates as the command sees them: exit codes, sentences, one JSON document; and what `check` says of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.judging.scripted import answer, server
from tests.recipe.drafts import GOOD, write
from tunewright.app import evaluating, flow
from tunewright.app.cli.main import main
from tunewright.app.project import Project, open_project
from tunewright.core.errors import UserError
from tunewright.core.events import Event, Progress, StageStarted, silent
from tunewright.core.nouns import Run
from tunewright.core.workspace import Workspace
from tunewright.recipe import files
from tunewright.recipe.options.suites.file import Options

MET = "gates=[{metric: loss, suite: heldout, at_most: 100}]"
MISSED = "gates=[{metric: loss, suite: heldout, at_most: 0.01}, {metric: accuracy, suite: test, at_least: 0.999}]"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> Path:
    """A recipe for the tiny model; what is trained there stays for the tests of this file."""
    folder = tmp_path_factory.mktemp("gated")
    rows = [{"text": f"thing {number}", "label": "ab"[number % 2]} for number in range(60)]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(
        f"name: letters\nmodel: {{name: {tiny_model_folder}, precision: fp32}}\ndata: rows.jsonl\n"
        "training: {max_steps: 2, batch_size: 4}\nevaluate: {base_prompts: [bare]}\n",
        encoding="utf-8",
    )
    return path


def words(verb: str, recipe: Path, *more: str) -> list[str]:
    return [verb, str(recipe), "--home", str(recipe.parent / "home"), "--quiet", *more]


def project_of(recipe: Path, *sets: str) -> Project:
    return open_project(recipe, sets=sets, home=recipe.parent / "home")


@pytest.mark.parametrize("verb", ["run", "evaluate"])
def test_gates_that_are_met_end_with_0(recipe: Path, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(verb, recipe, "--set", MET)) == 0
    seen = capsys.readouterr()
    assert seen.err == ""
    assert "loss of heldout at most 100" in seen.out
    assert main(words(verb, recipe, "--set", MET, "--json")) == 0
    told = json.loads(capsys.readouterr().out)["gates"]
    assert told["passed"] is True
    assert [gate["short_by"] for gate in told["gates"]] == [None]


@pytest.mark.parametrize("verb", ["run", "evaluate"])
def test_gates_that_are_not_met_end_with_1_and_a_sentence_each(
    recipe: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(verb, recipe, "--set", MISSED)) == 1
    seen = capsys.readouterr()
    first, second = seen.err.splitlines()
    assert first.startswith("gates: not met: loss of heldout at most 0.01; it is ")
    assert second.startswith("gates: not met: accuracy of test at least 0.999; it is ")
    for sentence in (first, second):
        assert " misses " in sentence
        assert "Rows that speak against it: " in sentence
    assert "heldout" in seen.out, "results are shown before"


@pytest.mark.parametrize("verb", ["run", "evaluate"])
def test_with_json_it_is_one_document_with_the_verdict(
    recipe: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(verb, recipe, "--set", MISSED, "--json")) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["gates"]["passed"] is False
    loss, accuracy = told["gates"]["gates"]
    assert loss["short_by"] == pytest.approx(loss["bound"] - 0.01)
    assert accuracy["short_by"] == pytest.approx(0.999 - accuracy["bound"])
    version = flow.prepare(project_of(recipe), silent)
    assert all(0 < len(gate["rows"]) <= min(10, version.receipt.splits["test"]) for gate in (loss, accuracy))
    assert [problem["what"].split(";")[0] for problem in told["gates"]["problems"]] == [
        "not met: loss of heldout at most 0.01",
        "not met: accuracy of test at least 0.999",
    ]


def test_a_process_ends_with_1_writes_one_document_and_leaves_a_report(recipe: Path) -> None:
    line = [sys.executable, "-m", "tunewright", *words("run", recipe, "--set", MISSED, "--json")]
    done = subprocess.run(line, capture_output=True, text=True, env=os.environ | {"TUNEWRIGHT_LAUNCHED": "1"})
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert told["gates"]["passed"] is False
    assert "not met" in Path(told["report"]).read_text(encoding="utf-8").lower()


def test_a_finished_run_is_judged_by_its_own_gates(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = recipe.parent / "own"
    missed = recipe.with_name("missed.yaml")
    missed.write_text(f"{recipe.read_text()}gates:\n- {{metric: loss, suite: heldout, at_most: 0.01}}\n")
    assert main(["train", str(missed), "--home", str(home), "--quiet"]) == 0
    capsys.readouterr()
    (run,) = Workspace(home).records("runs", Run)
    for folder in (home / "runs" / run.key[:12], home / "models" / run.name):
        assert main(["evaluate", str(folder), "--quiet", "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["gates"]["passed"] is False


def test_several_targets_end_with_1_when_the_gates_of_one_are_not_met(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with server(lambda _body, _number: answer("a")) as seen:
        line = words("evaluate", recipe, f"{seen.url}#far", "--set", MISSED, "--json")
        assert main(line) == 1
    told = json.loads(capsys.readouterr().out)["targets"]
    assert [one["gates"] and one["gates"]["passed"] for one in told] == [False, None]


def asked_of_models(project: Project) -> tuple[list[str], int]:
    """The stages that a run does, and how many answers it asks models for."""
    seen: list[Event] = []
    flow.run(project, seen.append)
    stages = [event.stage for event in seen if isinstance(event, StageStarted)]
    return stages, sum(isinstance(event, Progress) and event.stage == "evaluate" for event in seen)


def test_new_limits_are_judged_without_measuring_and_new_metrics_without_asking(recipe: Path) -> None:
    flow.run(project_of(recipe, MET), silent)
    assert asked_of_models(project_of(recipe, MET.replace("100", "0.5"))) == ([], 0)
    other = "gates=[{metric: chrf, suite: labels_generated, at_least: 99}]"
    stages, questions = asked_of_models(project_of(recipe, other))
    assert (stages, questions) == (["evaluations"], 0)
    outcome = flow.run(project_of(recipe, other), silent)
    (gate,) = outcome.verdict.gates
    assert (gate.passed, gate.reason) == (False, "")
    assert gate.value is not None and gate.rows


def test_a_gate_on_what_cannot_be_measured_is_not_met(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gates = "gates=[{metric: exposure, suite: memorisation, at_most: 5}]"
    assert main(words("run", recipe, "--set", gates, "--set", "evaluate.suites=[heldout, memorisation]")) == 1
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("gates: not decided: exposure of memorisation at most 5; memorisation: no canary was")
    assert sentence.endswith("Measure it, or remove the gate.")


@pytest.mark.parametrize(
    ("gates", "sentence"),
    [
        (
            "[{metric: f11, suite: labels, at_least: 1}]",
            'gates.0.metric: no scorer is called "f11". Did you mean "f1"?',
        ),
        (
            "[{metric: f1, suite: lables, at_least: 1}]",
            'gates.0.suite: a gate names "lables", and nothing of that name',
        ),
        (
            "[{metric: bleu, suite: test, at_least: 1}]",
            'gates.0.metric: a gate names the metric "bleu", which test does',
        ),
        ("[{metric: f1, suite: labels, at_least: 1, at_most: 2}]", "this one has at_least and at_most."),
        ("[{metric: f1, suite: labels, at_least: .nan}]", "must be a number or empty, not"),
        ("[{metric: f1, suite: labels, better_than: base, margin: abc}]", "must be a number of at least 0 or a share"),
    ],
)
def test_a_gate_that_nothing_can_meet_ends_with_2_before_training(
    recipe: Path, tmp_path: Path, gates: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in ("run", "evaluate"):
        line = [verb, str(recipe), "--home", str(tmp_path), "--quiet", "--set", f"gates={gates}"]
        assert main(line) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert sentence in said
        assert main([*line, "--json"]) == 2
        (problem,) = json.loads(capsys.readouterr().out)["error"]["problems"]
        assert problem["what"] in said
    assert Workspace(tmp_path).records("runs", Run) == []


def test_evaluate_of_nothing_ends_with_2_and_of_a_dead_server_with_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tunewright.evaluate.remote_http.LONGEST_WAIT_S", 0.1)
    (tmp_path / "test.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    with server(lambda _body, _number: answer("b")) as seen:
        url = f"{seen.url}#m"
    for line, code in (
        (["evaluate", ""], 2),
        (["evaluate"], 2),
        (["evaluate", "nothing", "--suite", "general"], 2),
        (["evaluate", url], 2),
        (["evaluate", url, "--set", "a=b"], 2),
        (["evaluate", url, "--suite", "file"], 3),
    ):
        assert main([*line, "--home", str(tmp_path / "home"), "--quiet"]) == code, line
        (sentence,) = (text for text in capsys.readouterr().err.splitlines() if not text.startswith("Usage"))
        assert sentence
        assert main([*line, "--home", str(tmp_path / "home"), "--quiet", "--json"]) == code
        error: dict[str, Any] = json.loads(capsys.readouterr().out)["error"]
        assert (error["exit_code"], len(error["problems"])) == (code, 1)


# What `check` says without training anything.


def said_by_check(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    path = write(folder, text)
    code = main(["check", str(path)])
    seen = capsys.readouterr()
    assert code == (2 if seen.err else 0)
    return [line.replace(f"{folder}/", "") for line in seen.err.splitlines()]


@pytest.mark.parametrize(
    ("suites", "sentence"),
    [
        ("[file]", '4: evaluate.suites.0.path: no file is called "test.jsonl" here. Write a file or a glob'),
        ("[heldout, {type: file}]", '4: evaluate.suites.1.path: no file is called "test.jsonl" here.'),
        ("[{type: file, path: absent.jsonl}]", '4: evaluate.suites.0.path: no file is called "absent.jsonl" here.'),
        ("[{type: file, path: '.'}]", '4: evaluate.suites.0.path: "." is a folder without a text file (.txt, .md).'),
        ("[{type: file, path: 'no*.jsonl'}]", '4: evaluate.suites.0.path: no file is called "no*.jsonl" here.'),
        (
            "[{type: file, path: recipe.yaml}]",
            '4: evaluate.suites.0.path: the ending ".yaml" does not say the format. Add `format`, one of: arrow',
        ),
        (
            "[{type: file, path: rows.jsonl, format: jsnl}]",
            '4: evaluate.suites.0.format: no source is called "jsnl". Did you mean "jsonl"?',
        ),
        ("[{type: lm_eval, file: task.yaml}]", '4: evaluate.suites.0.file: no file is called "task.yaml" here.'),
        ("[{type: lm_eval, file: '.'}]", '4: evaluate.suites.0.file: "." is a folder without a text file (.txt, .md).'),
    ],
)
def test_check_looks_for_the_files_of_suites(
    tmp_path: Path, suites: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (said,) = said_by_check(tmp_path, f"{GOOD}evaluate: {{suites: {suites}}}\n", capsys)
    assert sentence in said


def test_check_is_content_with_a_file_that_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for suites in (
        "[{type: file, path: rows.jsonl}]",
        "[{type: file, path: '*.jsonl'}]",
        "[{type: lm_eval, file: recipe.yaml}]",
        "auto",
    ):
        assert said_by_check(tmp_path, f"{GOOD}evaluate: {{suites: {suites}}}\n", capsys) == []
    (tmp_path / files.TEST_FILE).write_text("{}")
    assert said_by_check(tmp_path, f"{GOOD}evaluate: {{suites: [file]}}\n", capsys) == []
    assert Options().path == files.TEST_FILE


def test_check_knows_the_metrics_of_gates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gates = "gates:\n- {metric: f1, suite: test, at_least: 0.5}\n- {metric: los, suite: test, at_most: 1}\n"
    assert said_by_check(tmp_path, GOOD + gates, capsys) == [
        'recipe.yaml:6: gates.1.metric: no scorer is called "los". Did you mean "loss"?'
    ]
    assert said_by_check(tmp_path, f"{GOOD}gates: [{{suite: test, at_least: 0.5}}]\n", capsys)[0].startswith(
        "recipe.yaml:4: gates.0.metric: this key is missing."
    )


def test_gates_are_checked_one_by_one_with_what_there_is(recipe: Path) -> None:
    project = project_of(recipe, MISSED)
    version = flow.prepare(project, silent)
    evaluating.check(project, version)
    with pytest.raises(
        UserError, match=r"name one of: heldout, labels, labels_best, labels_generated, labels_ranked, test"
    ):
        evaluating.check(project_of(recipe, "gates=[{metric: f1, suite: validation, at_least: 1}]"), version)
