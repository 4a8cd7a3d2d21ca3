"""The verb `sampling` with a tiny model: what is skipped, what is refused before training, and what people see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tunewright.app.cli import sampling_tables
from tunewright.app.cli.main import main
from tunewright.app.sampling import Asked, of_target
from tunewright.core.errors import UserError
from tunewright.core.events import Event, StageSkipped, StageStarted, silent
from tunewright.core.nouns import Comparison, Run, SamplingSearch, SamplingSettings, TriedSettings
from tunewright.core.workspace import Workspace

GREEDY = SamplingSettings(temperature=0, top_p=1, repetition_penalty=1)
WARM = SamplingSettings(temperature=0.7, top_p=0.9, repetition_penalty=1.1)
SPLIT = "data.split={validation: 20%, test: 20%}"


@pytest.fixture(autouse=True)
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without a compiler: kernels would be made for each of the workspaces."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)


@pytest.fixture
def recipe(tmp_path: Path, tiny_model_folder: Path) -> Path:
    rows = [{"text": f"thing {number}", "label": "ab"[number % 2]} for number in range(60)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"name: letters\nmodel: {{name: {tiny_model_folder}, precision: fp32}}\ndata: rows.jsonl\n"
        "training: {max_steps: 2, batch_size: 4}\nevaluate: {max_new_tokens: 24}\n",
        encoding="utf-8",
    )
    return path


def stages(events: list[Event], kind: type[StageStarted] | type[StageSkipped]) -> list[str]:
    return list(dict.fromkeys(event.stage for event in events if isinstance(event, kind)))


def test_a_recipe_is_trained_and_searched_once_and_its_run_gives_the_same(recipe: Path) -> None:
    home, asked, seen = recipe.parent / "home", Asked(metric="chrf", rows=8), list[Event]()
    first, file = of_target(str(recipe), asked, sets=[SPLIT], home=home, emit=seen.append)
    assert stages(seen, StageStarted) == ["data", "runs", "sampling"]
    assert (first.way, first.metric, first.direction) == ("labels_generated", "chrf", "higher")
    assert (first.search_rows, first.heldout_rows, len(first.tried)) == (8, 12, 21)
    assert first.winner != GREEDY and first.heldout is not None and first.heldout.families == 12
    assert SamplingSearch.model_validate_json(file.read_text()) == first
    assert file.parent.parent == home / "evaluations"
    run = Workspace(home).records("runs", Run)[0]
    model = home / "models" / run.name
    assert not any("sampling" in path.name or path.name == "generation_config.json" for path in model.rglob("*"))
    seen.clear()
    again, _ = of_target(str(model), asked, home=home, emit=seen.append)
    assert (again, stages(seen, StageStarted)) == (first, [])
    assert "sampling" in stages(seen, StageSkipped)
    of_target(str(model), Asked(metric="chrf", rows=8, samples=1), home=home, emit=seen.append)
    assert stages(seen, StageStarted) == ["sampling"]


def test_the_main_metric_of_the_first_suite_that_writes_is_the_default(recipe: Path) -> None:
    found, _ = of_target(str(recipe), Asked(rows=4), sets=[SPLIT], home=recipe.parent / "home", emit=silent)
    assert (found.way, found.metric) == ("labels_generated", "accuracy")
    assert (found.winner, found.recommended) == (GREEDY, False)
    named = Asked(suite="answers", rows=4)
    found, _ = of_target(str(recipe), named, sets=[SPLIT], home=recipe.parent / "home", emit=silent)
    assert (found.way, found.metric) == ("answers", "exact_match")


@pytest.mark.parametrize(
    ("asked", "sets", "told"),
    [
        (Asked(), ["data.split={validation: 0, test: 20%}"], "has no validation rows; .* at least 2 to search on"),
        (Asked(), ["data.split={validation: 1%, test: 20%}"], "has (no|1) validation rows?; .* at least 2"),
        (Asked(), ["data.split={validation: 20%, test: 0}"], "has no test rows; .* to check the winner on"),
        (Asked(suite="heldout"), [SPLIT], "the suite heldout does not write answers .* --suite answers"),
        (Asked(suite="answer"), [SPLIT], "answers"),
        (Asked(metric="exact_mach"), [SPLIT], "exact_match"),
        (Asked(metric="loss"), [SPLIT], "loss cannot choose sampling settings"),
        (Asked(), [SPLIT, "evaluate.suites=[heldout]"], "no suite of this recipe writes answers"),
        (Asked(), [SPLIT, "evaluate.suites=[{type: answers, scorers: []}]"], "answers has no metric.*--metric"),
    ],
)
def test_what_cannot_be_tuned_is_refused_before_training(
    asked: Asked, sets: list[str], told: str, recipe: Path
) -> None:
    home = recipe.parent / "home"
    with pytest.raises(UserError, match=f"(?s){told}"):
        of_target(str(recipe), asked, sets=sets, home=home, emit=silent)
    assert Workspace(home).records("runs", Run) == []


@pytest.mark.parametrize("target", ["http://localhost:1/v1#m", "some-model"])
def test_other_targets_are_refused(target: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{target}: sampling settings are tuned for the model of a recipe or of a run"):
        of_target(target, Asked(), home=tmp_path, emit=silent)


def test_the_command_gives_one_document_or_a_table(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sampling", str(recipe), "--home", str(recipe.parent / "home"), "--set", SPLIT, "--rows", "4", "--quiet"]
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["metric"], document["recommended"], document["generation_config"]) == ("accuracy", False, None)
    assert Path(document["file"]).name == "sampling.json"
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "labels_generated: accuracy on validation rows, higher is better" in shown
    assert "Keep plain greedy: none of 20 other settings did better on 4 validation rows." in shown
    assert "generation_config" not in shown


@pytest.mark.parametrize("words", [["--rows", "1"], ["--samples", "0"], ["--metric"]])
def test_numbers_that_mean_nothing_are_refused(words: list[str], recipe: Path) -> None:
    assert main(["sampling", str(recipe), *words]) == 2


def test_set_on_a_finished_run_is_refused(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = recipe.parent / "home"
    of_target(str(recipe), Asked(rows=2), sets=[SPLIT], home=home, emit=silent)
    run = Workspace(home).records("runs", Run)[0]
    capsys.readouterr()
    assert main(["sampling", str(home / "models" / run.name), "--set", "training.epochs=2"]) == 2
    assert "--set works on recipes only" in capsys.readouterr().err


def record(**keys: Any) -> SamplingSearch:
    """A search that ended well."""
    held = Comparison(
        base=0.3, base_same_prompt=0.3, tuned=0.4, difference=0.1, interval=(0.04, 0.16), p=0.001, n=80, families=40
    )
    fields: dict[str, Any] = {
        "name": "n",
        "key": "k",
        "model": "m",
        "dataset": "d",
        "way": "answers",
        "metric": "rouge_l",
        "direction": "higher",
        "samples": 2,
        "search_rows": 64,
        "heldout_rows": 40,
        "tried": (
            TriedSettings(settings=WARM, rows=64, value=0.55),
            TriedSettings(settings=GREEDY, rows=64, value=0.35),
            TriedSettings(settings=GREEDY.model_copy(update={"repetition_penalty": 1.2}), rows=8, value=None),
        ),
        "winner": WARM,
        "search_difference": 0.2,
        "heldout": held,
        "recommended": True,
        "verdict": "Use it.",
        "answers": 900,
    }
    return SamplingSearch(**fields | keys)


def test_recommended_settings_are_shown_with_their_optimism_and_lines_to_copy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sampling_tables.search(record(), Path("/elsewhere/sampling.json"))
    lines = capsys.readouterr().out.splitlines()
    words = [" ".join(line.split()) for line in lines]
    assert "0.7 0.9 1.1 0.5500 64" in words
    assert "0 (greedy) 1 0.3500 64" in words
    assert "1 more settings were dropped after 8 rows." in words
    assert "search rows, the best of many 0.3500 0.5500 +0.2000 64" in words
    assert "test rows, held out 0.3000 0.4000 +0.1000 +0.0400 to +0.1600 0.001 40" in words
    (config,) = (line for line in lines if line.startswith("generation_config.json"))
    expected = {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "repetition_penalty": 1.1, "top_k": 0}
    assert json.loads(config.split(": ", 1)[1]) == expected
    (client,) = (line for line in lines if line.startswith("chat.completions.create"))
    assert client.endswith('temperature=0.7, top_p=0.9, extra_body={"repetition_penalty": 1.1}')
    assert sampling_tables.document(record(), Path("f"))["generation_config"] == expected


def test_nothing_is_offered_to_copy_where_greedy_stays(capsys: pytest.CaptureFixture[str]) -> None:
    kept = record(recommended=False, verdict="Keep plain greedy: no.")
    sampling_tables.search(kept, Path("f"))
    shown = capsys.readouterr().out
    assert "Keep plain greedy: no." in shown and "test rows, held out" in shown
    assert "extra_body" not in shown and "do_sample" not in shown
    assert sampling_tables.document(kept, Path("f"))["request"] is None
