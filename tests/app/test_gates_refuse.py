"""Gates refuse what was made worse on purpose, through the whole product: planted test rows, answers that never end."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tunewright.app import flow
from tunewright.app.cli.main import main
from tunewright.app.project import open_project
from tunewright.core.errors import UserError
from tunewright.core.events import silent
from tunewright.core.nouns import GateResult

RECIPE = """\
name: gated
model: {{name: {model}, precision: fp32}}
data: {{train: train.jsonl, validation: validation.jsonl, test: test.jsonl, shape: prompt_completion, steps: []}}
method: full
training: {{max_steps: {steps}, batch_size: 8, learning_rate: 5e-3}}
evaluate: {{suites: [{suite}], max_new_tokens: 6}}
gates: [{gate}]
"""
STOPS = ("{type: answers, scorers: [unfinished]}", "{metric: unfinished, suite: answers, at_most: 0.20}")
CLEAN = ("contamination", "{metric: contaminated, suite: contamination, at_most: 0}")
ENDLESS = "{% for message in messages %}{{ message['role'] + ':' + message['content'] + '\n' }}{% endfor %}"
VOICES = ("quiet", "loud", "warm", "cold", "early", "late", "small", "tall", "round", "plain", "soft", "sharp")


def rows(count: int, *, seed: int, answer: str = "yes", words: int = 20) -> list[dict[str, str]]:
    """Questions of words drawn from a dozen, no two alike."""
    draw = random.Random(seed)
    return [{"prompt": " ".join(draw.choices(VOICES, k=words)), "completion": answer} for _ in range(count)]


def write(folder: Path, **splits: Sequence[dict[str, str]]) -> None:
    for name, some in splits.items():
        text = "".join(json.dumps(row) + "\n" for row in some)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


def recipe(folder: Path, model: Path, *, suite: str, gate: str, steps: int) -> Path:
    text = RECIPE.format(model=model, suite=suite, gate=gate, steps=steps)
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    return folder / "recipe.yaml"


def judged(path: Path, *sets: str) -> GateResult:
    (gate,) = flow.run(open_project(path, sets=sets, home=path.parent / "home"), silent).verdict.gates
    return gate


def test_test_rows_among_the_training_rows_are_counted_and_named(
    tmp_path: Path, tiny_model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = rows(60, seed=1), rows(30, seed=2)
    same, respelt, reworded = test[:4], test[4:7], test[7:12]
    changed = [{**row, "prompt": row["prompt"].upper().replace(" ", ", ") + "!"} for row in respelt]
    for row in reworded:
        words = row["prompt"].split()
        words[3], words[15] = "newer", "older"
        changed.append({**row, "prompt": " ".join(words)})
    write(tmp_path, train=train, validation=rows(8, seed=3), test=test)
    path = recipe(tmp_path, tiny_model_folder, suite=CLEAN[0], gate=CLEAN[1], steps=1)
    assert judged(path).passed
    write(tmp_path, train=[*train, *same, *changed])
    gate = judged(path)
    assert (gate.passed, gate.value, gate.short_by) == (False, 12 / 30, 12 / 30)
    assert len(gate.rows) == 12
    capsys.readouterr()
    assert main(["run", str(path), "--home", str(tmp_path / "home")]) == 1
    told = capsys.readouterr().err
    assert "gates: not met: contaminated of contamination at most 0; it is 0.4" in told
    assert "misses 0 by 0.4" in told
    assert '→ "exact: train.jsonl:61 (100% of its words)"' in told
    assert "; 9 more in gates.json." in told
    assert main(["run", str(path), "--home", str(tmp_path / "home"), "--json"]) == 1
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["gates"]["passed"] is False
    assert "misses 0 by 0.4" in document["gates"]["problems"][0]["what"]


def test_word_for_word_copies_are_taken_out_before_training_where_rows_are_deduplicated(
    tmp_path: Path, tiny_model_folder: Path
) -> None:
    test = rows(30, seed=2)
    write(tmp_path, train=[*rows(60, seed=1), *test[:4]], validation=rows(8, seed=3), test=test)
    path = recipe(tmp_path, tiny_model_folder, suite=CLEAN[0], gate=CLEAN[1], steps=1)
    project = open_project(path, sets=("data.steps=[deduplicate]",), home=tmp_path / "home")
    outcome = flow.run(project, silent)
    assert outcome.verdict.passed
    assert outcome.dataset.receipt.rows.duplicate == 4


def test_answers_that_never_end_are_refused_and_the_same_answers_with_an_end_pass(
    tmp_path: Path, tiny_model_folder: Path
) -> None:
    write(tmp_path, train=rows(60, seed=1, words=4), validation=rows(4, seed=3), test=rows(24, seed=2, words=4))
    path = recipe(tmp_path, tiny_model_folder, suite=STOPS[0], gate=STOPS[1], steps=30)
    assert judged(path).passed
    write(tmp_path, train=rows(60, seed=1, words=4, answer=" ".join(["yes"] * 12)))
    gate = judged(path)
    assert (gate.passed, gate.value) == (False, 1.0)
    assert gate.short_by == pytest.approx(0.8)
    assert len(gate.rows) == 10


def test_a_template_without_an_end_of_turn_is_refused_before_training(tmp_path: Path, tiny_model_folder: Path) -> None:
    write(tmp_path, train=rows(20, seed=1), validation=rows(8, seed=3), test=rows(10, seed=2))
    (tmp_path / "endless.jinja").write_text(ENDLESS, encoding="utf-8")
    path = recipe(tmp_path, tiny_model_folder, suite=STOPS[0], gate=STOPS[1], steps=1)
    with pytest.raises(UserError, match="never learn to stop"):
        judged(path, "model.template=endless.jinja")
    assert not list((tmp_path / "home").glob("runs/*"))
