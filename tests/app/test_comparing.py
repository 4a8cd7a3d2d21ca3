"""The verb `compare`: two real runs, targets of every kind, and stored files that are gone, damaged or old."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.app.test_judging import a_run
from tests.evaluate.judging.duels import write_evaluation
from tests.house.process import TUNEWRIGHT, watched
from tunewright.app.cli.main import main
from tunewright.app.comparing import Asked, TwoRuns, compare, differences
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.nouns import Comparison, Evaluation, GateResult, Run, Verdict
from tunewright.core.workspace import Workspace
from tunewright.evaluate.store import write_record, write_verdict

EMPTY = Comparison(base=None, base_same_prompt=None, tuned=None, n=0)
EVALUATION = {"dataset": "d", "split": "test", "suites": {"answers": {"exact_match": EMPTY}}}


def evaluated(
    home: Path, *, key: str, model: str, answers: Callable[[str, int], str] | None = None, **keys: Any
) -> Path:
    """An evaluation of 8 rows in a workspace; returns its folder. By default every answer is right."""
    workspace = Workspace(home)
    evaluation = Evaluation(**{"name": f"name {key}", "key": key, "model": model, **EVALUATION, **keys})
    folder = write_evaluation(workspace.evaluations / key, 8, answers=answers or (lambda _model, _number: "true"))
    write_record(folder, evaluation)
    workspace.keep_record("evaluations", key, evaluation)
    return folder


def half_wrong(model: str, number: int) -> str:
    """Of the tuned model every other answer."""
    return "no" if model == "tuned" and number % 2 else "true"


def two(a: Path, b: Path, **how: Any) -> TwoRuns:
    return compare(Asked((a, b), **how))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Evaluations in two workspaces; half of B's answers are wrong."""
    a = evaluated(tmp_path / "one", key="a" * 64, model="m")
    return a, evaluated(tmp_path / "two", key="b" * 64, model="n", answers=half_wrong)


def test_answers_of_two_workspaces_are_compared(pair: tuple[Path, Path]) -> None:
    found = two(*pair)
    one = found.found.ways["answers"].metrics["exact_match"]
    assert (one.a, one.b, one.difference) == (1.0, 0.5, -0.5)
    assert found.found.ways["answers"].changed is not None and found.found.ways["answers"].changed.lost == 4
    assert (found.a.run, found.recipe, found.used, found.gates) == (None, None, None, ())
    assert found.warnings == (
        "Which rows A was trained on is not known here, so nobody looked for them.",
        "Which rows B was trained on is not known here, so nobody looked for them.",
    )
    swapped = two(pair[1], pair[0]).found.ways["answers"].metrics["exact_match"]
    assert (swapped.difference, swapped.p) == (0.5, one.p)


def test_one_target_twice_is_said(pair: tuple[Path, Path]) -> None:
    found = two(pair[0], pair[0])
    assert found.warnings[0] == "A and B are one and the same evaluation: every difference is 0."
    one = found.found.ways["answers"].metrics["exact_match"]
    assert (one.difference, one.p, one.verdict) == (0.0, 1.0, "no clear difference")


def test_two_evaluations_of_one_model_other_data_and_another_split_are_said(tmp_path: Path) -> None:
    a = evaluated(tmp_path, key="a" * 64, model="m")
    b = evaluated(tmp_path, key="b" * 64, model="m", dataset="e" * 64, split="validation", labels=("x",))
    found = two(a, b)
    assert found.warnings[:3] == (
        "A and B are two evaluations of one and the same model.",
        "They were measured on different data sets: d and eeeeeeeeeeee.",
        "They were measured on different splits: test and validation.",
    )
    assert (found.a.other_evaluations, found.b.other_evaluations) == (1, 1)


def test_a_recipe_is_its_latest_run_and_a_run_that_was_not_evaluated_is_said(tmp_path: Path) -> None:
    home, recipe = tmp_path / ".tunewright", tmp_path / "recipe.yaml"
    recipe.write_text("name: n\nmodel: {name: m}\ndata: {train: rows.jsonl}\n")
    with pytest.raises(UserError, match=r"no model was trained from this recipe yet\. Run: tunewright run .*recipe"):
        two(recipe, recipe)
    run = a_run(home, recipe, name="1" * 64)
    folder = home / "runs" / run.key[:12]
    folder.mkdir(parents=True)
    with pytest.raises(UserError, match=rf"not evaluated yet\. Run: tunewright evaluate {folder}"):
        two(recipe, recipe)
    evaluated(home, key="a" * 64, model="1" * 64)
    assert two(recipe, folder).a.run == run.key
    later = run.model_copy(update={"name": "2" * 64, "key": "s" * 64})
    Workspace(home).keep_record("runs", later.key, later)
    os.utime(home / "index" / "runs" / f"{run.key}.json", (1, 1))
    with pytest.raises(UserError, match=rf"not evaluated yet\. Run: tunewright evaluate {recipe}"):
        two(folder, recipe)
    evaluated(home, key="b" * 64, model="2" * 64, answers=half_wrong)
    found = two(folder, tmp_path)
    assert (found.a.run, found.b.run, found.b.name) == (run.key, later.key, "n")
    assert found.recipe == ()


def test_gates_of_both_stand_side_by_side(pair: tuple[Path, Path]) -> None:
    def gate(rule: str, *, passed: bool) -> GateResult:
        place = {"metric": "exact_match", "suite": "answers", "way": "answers"}
        return GateResult(rule=rule, passed=passed, value=1.0, bound=1.0, limit=0.5, **place)

    for folder, gates in zip(pair, ([gate("x", passed=True)], [gate("x", passed=False), gate("y", passed=True)])):
        write_verdict(folder, Verdict(name="v", key="k", evaluation="e", gates=tuple(gates)))
    assert [(one.rule, one.a, one.b) for one in two(*pair).gates] == [("x", True, False), ("y", None, True)]
    (pair[1] / "gates.json").write_text("{")
    with pytest.raises(UserError, match=r"gates\.json: this record of gates is damaged"):
        two(*pair)


def test_damaged_answers_are_one_sentence(pair: tuple[Path, Path]) -> None:
    file = pair[1] / "answers.parquet"
    whole = file.read_bytes()
    lines = pq.read_table(file)
    messages = lines.schema.get_field_index("messages")
    for content in (whole[: len(whole) // 2], b"", b"PAR1 nothing"):
        file.write_bytes(content)
        with pytest.raises(OutsideError, match=r"answers\.parquet: the stored answers are gone or damaged"):
            two(*pair)
    for table in (
        lines.drop_columns(["row"]),
        lines.drop_columns(["messages"]),
        lines.set_column(messages, "messages", [["[{"] * len(lines)]),
        lines.filter([name == "tuned" for name in lines["model"].to_pylist()]),
    ):
        pq.write_table(table, file)
        with pytest.raises(OutsideError, match="gone or damaged"):
            two(*pair)
    file.unlink()
    with pytest.raises(OutsideError, match="gone or damaged"):
        two(*pair)


def test_an_evaluation_of_an_older_version_lacks_fields_and_is_compared(pair: tuple[Path, Path]) -> None:
    expected = two(*pair).found
    record = json.loads((pair[1] / "evaluation.json").read_text())
    kept = {"name", "key", "model", "dataset", "split", "suites"}
    old = {name: value for name, value in record.items() if name in kept}
    old["suites"]["answers"]["exact_match"] = {"base": 1.0, "base_same_prompt": 1.0, "tuned": 0.5, "n": 8}
    (pair[1] / "evaluation.json").write_text(json.dumps(old))
    lines = pq.read_table(pair[1] / "answers.parquet")
    later = ["tokens", "choices", "finish", "seconds", "first_token_s", "bytes", "details", "source", "line"]
    pq.write_table(lines.drop_columns(later), pair[1] / "answers.parquet")
    assert two(*pair).found.ways["answers"].metrics == expected.ways["answers"].metrics


def test_a_metric_that_is_gone_is_said_and_the_others_are_compared(tmp_path: Path) -> None:
    suites = {"answers": {"goodness": EMPTY, "exact_match": EMPTY}}
    a = evaluated(tmp_path, key="a" * 64, model="m", suites=suites)
    found = two(a, evaluated(tmp_path, key="b" * 64, model="n", suites=suites))
    assert list(found.found.ways["answers"].metrics) == ["exact_match"]
    assert "No metric is called so here: goodness." in found.warnings


def test_keys_that_differ_are_paths_with_both_values() -> None:
    a = {"training": {"epochs": 1, "seed": 0}, "gates": [{"metric": "f1"}], "scorers": ["a", "b"], "only": None}
    b = {"training": {"epochs": 2, "seed": 0}, "gates": [{"metric": "f1"}, {"metric": "loss"}], "scorers": ["a"]}
    assert [(one.key, one.a, one.b) for one in differences(a, b)] == [
        ("training.epochs", 1, 2),
        ("scorers", ["a", "b"], ["a"]),
        ("gates.1.metric", None, "loss"),
    ]
    assert differences(a, a) == ()


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["nowhere.yaml", "nowhere.yaml"], 2, "nowhere.yaml"),
        (["."], 2, "Missing argument 'RUN_B'"),
        (["A", "B", "--metric", "bleu"], 2, "no way in which bleu was measured. There is: exact_match."),
        (
            ["A", "B", "--metric", "exact_match", "--rows", "0"],
            0,
            "B is better than A in 0 and worse in 0 of 1 metric; no clear difference in 1.",
        ),
        (["A", "A"], 0, "one and the same evaluation"),
    ],
)
def test_the_command_says_it_in_a_sentence(
    pair: tuple[Path, Path], words: list[str], code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    places = dict(zip("AB", map(str, pair), strict=True))
    assert main(["compare", *(places.get(word, word) for word in words)]) == code
    told = capsys.readouterr()
    assert sentence in told.out + told.err
    assert "Traceback" not in told.err


def test_answers_are_shown_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = evaluated(tmp_path, key="a" * 64, model="m")
    b = evaluated(tmp_path, key="b" * 64, model="n", answers=lambda _model, number: f"[/red] \x1b[2J {number}\ud800")
    assert main(["compare", str(a), str(b)]) == 0
    shown = capsys.readouterr().out
    assert "[/red]  [2J 0?" in shown and "\x1b" not in shown
    assert "exact_match of answers: 8 rows right in A and wrong in B" in shown
    assert main(["compare", str(a), str(b), "--rows", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    changed = document["ways"]["answers"]["changed"]
    assert (changed["lost"], len(changed["losses"])) == (8, 2)


def test_no_model_is_loaded(pair: tuple[Path, Path], tmp_path: Path) -> None:
    seen = watched([TUNEWRIGHT, "compare", *pair, "--json"], tmp_path / "work")
    assert seen.exit_code == 0
    assert seen.loaded("torch", "transformers", "peft", "httpx") == set()
    helped = watched([TUNEWRIGHT, "compare", "--help"], tmp_path / "help")
    assert helped.loaded("torch", "numpy", "pyarrow") == set()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> tuple[Path, Path]:
    """Two tiny runs in two workspaces: other learning rates, and rows divided with other seeds.

    As on a machine without a compiler: kernels would be made for each of the workspaces.
    """
    folder = tmp_path_factory.mktemp("runs")
    rows = [{"text": f"thing {number}", "label": "ab"[number % 2]} for number in range(60)]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found: list[Path] = []
    for number, rate in enumerate(("1e-4", "1e-2")):
        path = folder / f"recipe{number}.yaml"
        path.write_text(
            f"name: letters{number}\nmodel: {{name: {tiny_model_folder}, precision: fp32}}\n"
            f"data: {{train: rows.jsonl, split: {{test: 0.5, seed: {number}}}}}\n"
            f"training: {{max_steps: 3, batch_size: 4, learning_rate: {rate}}}\n"
            "evaluate: {max_new_tokens: 4, base_prompts: [bare]}\n"
            "gates: [{metric: accuracy, suite: labels, at_least: 0.99}]\n"
            f"output: {{workspace: home{number}}}\n",
            encoding="utf-8",
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", "")
            patch.delenv("CXX", raising=False)
            assert main(["run", str(path), "-q", "--json"]) == 1  # the gate is not met, and everything is written
        found.append(path)
    return found[0], found[1]


def test_two_real_runs_through_the_command(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["compare", *map(str, runs), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    keys = {one["key"]: (one["a"], one["b"]) for one in told["recipe"]}
    assert keys["training.learning_rate"] == (1e-4, 1e-2)
    assert (keys["data.split.seed"], keys["name"]) == ((0, 1), ("letters0", "letters1"))
    assert {one["key"] for one in told["used"]} >= {"learning_rate"}
    assert [(one["a"], one["b"]) for one in told["gates"]] == [(False, False)]
    assert told["a"]["base_model"] == told["b"]["base_model"] and told["a"]["dataset"] != told["b"]["dataset"]
    assert told["a"]["train_s"] > 0 and told["b"]["peak_memory_bytes"] > 0
    heldout = told["ways"]["heldout"]
    assert set(told["ways"]) == {"heldout", "labels_generated", "labels_ranked"}
    assert heldout["rows"] + heldout["only_a"] == heldout["rows"] + heldout["only_b"] == 30
    assert 0 < heldout["rows"] < 30
    loss = heldout["metrics"]["loss"]
    assert loss["difference"] == pytest.approx(loss["b"] - loss["a"])
    assert loss["interval"][0] <= loss["difference"] <= loss["interval"][1]
    assert told["only_a"] == told["only_b"] == {}
    seen = {one["trained"]: one for one in told["seen"]}
    assert all(one["compared"] == 0 for one in seen.values())
    assert 0 < seen["a"]["elsewhere"] <= heldout["only_b"]
    assert any(text.startswith("They were measured on different data sets") for text in told["warnings"])
    assert f"{seen['a']['elsewhere']} rows that B was measured on are training rows of A" in " ".join(told["warnings"])


def test_runs_and_recipes_mean_the_same_and_the_text_says_it(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [next((runs[0].parent / f"home{number}" / "runs").iterdir()) for number in (0, 1)]
    capsys.readouterr()
    assert main(["compare", *map(str, folders)]) == 0
    shown = capsys.readouterr().out
    assert main(["compare", *map(str, runs)]) == 0
    behind_the_paths = [text[text.index("training time") :].split() for text in (shown, capsys.readouterr().out)]
    assert behind_the_paths[0] == behind_the_paths[1]
    for piece in ("training time", "peak memory", "What differs in the recipes", "training.learning_rate", "NOT MET"):
        assert piece in shown
    assert "rows that both answered" in shown and "only A answered" in shown


def test_a_row_that_was_trained_on_contaminates(runs: tuple[Path, Path]) -> None:
    """B answers A's test rows, as a model that is measured on another's data would."""
    a = two(runs[0], runs[0])
    workspace = Workspace(runs[1].parent / "home1")
    (trained,) = workspace.records("runs", Run)
    source = Path(a.a.folder)
    record = json.loads((source / "evaluation.json").read_text())
    copy = Evaluation.model_validate(record).model_copy(update={"key": "c" * 64, "model": trained.name})
    folder = workspace.evaluations / copy.key
    folder.mkdir()
    (folder / "answers.parquet").write_bytes((source / "answers.parquet").read_bytes())
    write_record(folder, copy)
    found = two(runs[0], folder)
    (seen,) = found.found.seen
    assert seen.trained == "b" and 0 < seen.compared < 30
    assert f"Contaminated: B was trained on {seen.compared} of the compared rows." in found.warnings
    rows = workspace.datasets / trained.dataset / "train.parquet"
    content = rows.read_bytes()
    try:
        rows.write_bytes(content[:100])
        warnings = two(runs[0], folder).warnings
        assert "Which rows B was trained on is not known here, so nobody looked for them." in warnings
    finally:
        rows.write_bytes(content)
