"""The whole evaluation with models that answer by rule: numbers, files, choice of prompts, and the record's name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluate.fakes import (
    LABELS,
    FakeSplit,
    RuleModel,
    is_chatty,
    labelled_rows,
    models_of,
    reads_label,
    scorer,
    suite,
    task,
)
from tunewright.core.errors import UserError
from tunewright.core.events import Event, Note, Progress, silent
from tunewright.core.nouns import Evaluation
from tunewright.evaluate.evaluate import Models, evaluate
from tunewright.evaluate.store import read_answers


def rules() -> tuple[RuleModel, RuleModel]:
    """A base and a tuned model."""
    return RuleModel(is_chatty, sure=0.4), RuleModel(reads_label, sure=0.9)


def models() -> Models:
    return models_of(*rules())


def done(folder: Path, **keys: object) -> Evaluation:
    return evaluate([suite("heldout"), suite("labels")], models(), task=task(folder, **keys), emit=silent)


def test_base_and_tuned_on_the_same_rows(tmp_path: Path) -> None:
    found = done(tmp_path)
    generated = found.suites["labels_generated"]["accuracy"]
    assert found.base_prompts["labels_generated"] == "labels_listed"
    assert generated.base == pytest.approx(16 / 24)
    assert generated.base_same_prompt == 0
    assert generated.tuned == 1
    assert generated.difference == pytest.approx(8 / 24)
    assert generated.interval is not None and 0 < generated.interval[0] < 8 / 24 < generated.interval[1] < 1
    assert generated.p == pytest.approx(2 * 0.5**8)
    assert generated.n == 24
    f1 = found.suites["labels_generated"]["f1"]
    assert f1.p is not None and f1.p < 0.05 and f1.interval is not None
    assert found.suites["heldout"]["loss"].direction == "lower"
    assert found.suites["heldout"]["loss"].base == found.suites["heldout"]["loss"].base_same_prompt


def test_the_bases_best_chance_takes_its_better_way(tmp_path: Path) -> None:
    found = done(tmp_path)
    best = found.suites["labels_best"]["accuracy"]
    ways = [found.suites[way]["accuracy"] for way in ("labels_generated", "labels_ranked")]
    assert best.base == max(max(way.base or 0, way.base_same_prompt or 0) for way in ways)
    assert best.tuned == found.suites["labels_generated"]["accuracy"].tuned
    assert found.base_prompts["labels_best"].startswith("labels_")


def test_confusion_and_examples(tmp_path: Path) -> None:
    found = done(tmp_path)
    assert found.labels == LABELS
    assert found.confusion["labels_generated.tuned"] == [[8, 0, 0, 0], [0, 8, 0, 0], [0, 0, 8, 0]]
    assert found.confusion["labels_generated.base_same_prompt"] == [[0, 0, 0, 8]] * 3
    assert len(found.examples) == 10
    one = found.examples[0]
    assert one.prompt.startswith("case ") and one.tuned == one.target


def test_files_hold_every_answer_and_scores_can_be_made_again(tmp_path: Path) -> None:
    found = done(tmp_path)
    assert Evaluation.model_validate_json((tmp_path / "evaluation.json").read_text()) == found
    stored = {one.way: one for one in read_answers(tmp_path)}
    assert set(stored) == {"heldout", "labels_generated", "labels_ranked"}
    for way, one in stored.items():
        for name, comparison in found.suites[way].items():
            for model, rows in one.answers().items():
                assert scorer(name).score(rows, LABELS) == pytest.approx(getattr(comparison, model), abs=1e-9)


def test_prompts_are_chosen_on_validation_rows_only(tmp_path: Path) -> None:
    base, tuned = rules()
    evaluate([suite("labels")], models_of(base, tuned), task=task(tmp_path), emit=silent)
    bare = [prompt for prompt in base.asked if "Answer with" not in prompt]
    numbers = {int(prompt.split("case ")[-1].split(":")[0]) for prompt in base.asked}
    assert numbers == set(range(60, 114))
    assert bare
    assert not any("Answer with" in prompt for prompt in tuned.asked)


def test_name_depends_on_what_was_found_alone(tmp_path: Path) -> None:
    first = done(tmp_path / "a")
    other = evaluate(
        [suite("heldout"), suite("labels")],
        models(),
        task=replace(task(tmp_path / "b"), key="other", made_at="later", clock=lambda: 0.0),
        emit=silent,
    )
    assert first.name == other.name
    assert first.seconds != other.seconds
    worse = models_of(rules()[0], RuleModel(lambda prompt: "heart", sure=0.9))
    assert evaluate([suite("labels")], worse, task=task(tmp_path / "c"), emit=silent).name != first.name


def test_a_base_model_alone(tmp_path: Path) -> None:
    base = RuleModel(is_chatty)
    found = evaluate([suite("heldout"), suite("labels")], models_of(base, None), task=task(tmp_path), emit=silent)
    accuracy = found.suites["labels_generated"]["accuracy"]
    assert accuracy.base == pytest.approx(16 / 24)
    assert (accuracy.tuned, accuracy.difference, accuracy.interval, accuracy.p) == (None, None, None, None)
    assert "labels_generated.tuned" not in found.confusion
    assert {one.tuned for one in found.examples} == {""}
    assert [one.tuned for one in read_answers(tmp_path)] == [None] * 3


def test_free_answers_and_examples_in_the_prompt(tmp_path: Path) -> None:
    base, tuned = rules()
    wanted = task(tmp_path, labels=(), base_prompts=("bare", "labels_listed", "examples"))
    found = evaluate([suite("answers")], models_of(base, tuned), task=wanted, emit=silent)
    assert found.suites["answers"]["exact_match"].tuned == 1
    assert found.base_prompts["answers"] == "bare"
    assert any(prompt.count("case ") == 13 for prompt in base.asked)


def test_labels_suite_on_rows_without_labels(tmp_path: Path) -> None:
    rows = [replace(row, label=None) for row in labelled_rows(9)]
    wanted = task(tmp_path, splits={"train": FakeSplit(rows), "test": FakeSplit(rows)}, labels=())
    with pytest.raises(UserError, match="the suite labels needs rows with labels"):
        evaluate([suite("labels")], models(), task=wanted, emit=silent)


def test_those_who_watch_see_progress_and_the_choice(tmp_path: Path) -> None:
    seen: list[Event] = []
    pair = models_of(*rules(), emit=seen.append)
    evaluate([suite("heldout"), suite("labels")], pair, task=task(tmp_path), emit=seen.append)
    progress = [event for event in seen if isinstance(event, Progress)]
    counts = [event.done for event in progress]
    assert max(counts) >= 24 * 5
    assert all(count > 0 for count in counts)
    assert any(isinstance(event, Note) and "best prompt is labels_listed" in event.text for event in seen)


def test_half_a_character_in_the_data_does_no_harm(tmp_path: Path) -> None:
    rows = labelled_rows(6)
    broken = [
        replace(row, messages=({"role": "user", "content": "\ud800 " + row.messages[0]["content"]}, row.messages[1]))
        for row in rows
    ]
    splits = {"train": FakeSplit(rows), "test": FakeSplit(broken)}
    found = evaluate([suite("labels")], models(), task=task(tmp_path, splits=splits), emit=silent)
    assert Evaluation.model_validate_json((tmp_path / "evaluation.json").read_text()).name == found.name
