"""The suite lm_eval: a task file to answered rows, our metrics beside the task's own, and what it refuses."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluate.fakes import CharChat
from tunewright.core import catalog
from tunewright.core.errors import UserError
from tunewright.core.events import Event, Note
from tunewright.core.language_model import GREEDY, Generated, Request, Sampling, Scored, ScoreItem
from tunewright.core.nouns import Numbers
from tunewright.edge.harnesses.lm_eval import Work as LmEval
from tunewright.evaluate.bench import Task
from tunewright.evaluate.evaluate import Models, evaluate
from tunewright.evaluate.respondents import Local
from tunewright.evaluate.suite import Bench, NotMeasured, Sample
from tunewright.evaluate.suites.lm_eval import SCORERS, Harness, Voice, Work, sampling_of
from tunewright.models.language_model import open_language_model
from tunewright.models.load import load
from tunewright.recipe.options.harnesses.lm_eval import Options as HarnessOptions
from tunewright.recipe.options.suites.lm_eval import Options
from tunewright.recipe.recipe import EvaluateOptions
from tunewright.recipe.task_file import local_data, read_task_file
from tunewright.text.chat import load_chat

TASKS = Path(__file__).parents[2] / "edge" / "harnesses" / "tasks"
FLOAT32 = Numbers(weights="fp32", products="fp32", double_quantisation=False)
OUTPUTS = {
    "quiz.yaml": "multiple_choice",
    "answers.yaml": "generate_until",
    "endings.yaml": "loglikelihood",
    "texts.yaml": "loglikelihood_rolling",
}


def harness(name: str) -> Harness:
    assert name == "lm_eval"
    return LmEval(HarnessOptions())


BENCH = Bench(folder=TASKS, harness=harness)


@pytest.fixture(scope="module")
def here(tiny_model_folder: Path) -> Local:
    chat = load_chat(tiny_model_folder)
    model = load(tiny_model_folder, numbers=FLOAT32)
    return Local("tiny", chat, lambda: open_language_model(model, decode=chat.decode), "tiny")


def answered(suite: Work, model: Any, bench: Bench = BENCH) -> tuple[Sample, list[Any]]:
    sample = suite.examples(bench)
    return sample, suite.answer(suite.name, model, sample=sample, style="bare", bench=bench)


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_document_is_a_row_in_order_and_the_scorers_are_those_of_the_task(name: str, here: Local) -> None:
    suite = Work(Options(file=name, max_rows=10))
    assert suite.name == f"lm_eval_{Path(name).stem}"
    assert set(suite.scorers) >= set(SCORERS[OUTPUTS[name]])
    sample, rows = answered(suite, here)
    assert [each.row for each in rows] == sample.rows()
    assert len(rows) == 10
    assert suite.scorers == SCORERS[OUTPUTS[name]]
    for scorer in suite.scorers:
        value = catalog.work("scorers", scorer)(catalog.options("scorers", scorer)()).score(rows, ())
        assert math.isfinite(value)


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("quiz.yaml", "accuracy", "acc,none"),
        ("endings.yaml", "accuracy", "acc,none"),
        ("answers.yaml", "accuracy", "exact_match,first_word"),
        ("texts.yaml", "bits_per_byte", "bits_per_byte,none"),
    ],
)
def test_our_metric_is_the_tasks_own(name: str, ours: str, theirs: str, here: Local) -> None:
    suite = Work(Options(file=name))
    _, rows = answered(suite, here)
    scorer = catalog.work("scorers", ours)(catalog.options("scorers", ours)())
    assert scorer.score(rows, ()) == pytest.approx(suite.reported["tiny"][theirs], rel=1e-9)


def test_the_tasks_own_metrics_are_said_for_every_model(here: Local, tmp_path: Path) -> None:
    seen: list[Event] = []
    names = SCORERS["multiple_choice"]
    wanted = Task(
        options=EvaluateOptions(),
        data=None,
        model="m",
        key="k",
        folder=tmp_path,
        made_at="",
        clock=lambda: 0.0,
        scorers={name: catalog.work("scorers", name)(catalog.options("scorers", name)()) for name in names},
        room=BENCH,
    )
    other = Local("other", here.chat, here.open, "other")
    found = evaluate([Work(Options(file="quiz.yaml", max_rows=6))], Models(here, other), task=wanted, emit=seen.append)
    said = [event.text for event in seen if isinstance(event, Note)]
    accuracy = found.suites["lm_eval_quiz"]["accuracy"].base
    assert len(said) == 2
    for name, text in zip(("tiny", "other"), said, strict=True):
        assert text.startswith(f"lm_eval_quiz: lm-eval's own metrics of {name} are ")
        assert f"acc,none {accuracy:.4f}" in text


def test_rows_may_be_measured_in_any_order_and_more_than_once(here: Local) -> None:
    suite = Work(Options(file="quiz.yaml"))
    sample, whole = answered(suite, here)
    picked = Sample(sample.split, (7, 2, 7, 40))
    rows = suite.answer(suite.name, here, sample=picked, style="bare", bench=BENCH)
    assert [each.row for each in rows] == [whole[at].row for at in picked.indices]
    for one, at in zip(rows, picked.indices, strict=True):
        np.testing.assert_allclose(one.choices, whole[at].choices, atol=1e-4)


def test_the_longest_context_is_the_models_unless_the_recipe_says(here: Local) -> None:
    whole = answered(Work(Options(file="quiz.yaml", max_rows=3)), here)[1]
    short = answered(Work(Options(file="quiz.yaml", max_rows=3, context_tokens=20)), here)[1]
    here.context_tokens = 20
    own = answered(Work(Options(file="quiz.yaml", max_rows=3)), here)[1]
    here.context_tokens = None
    assert [each.choices for each in own] == [each.choices for each in short]
    assert [each.choices for each in whole] != [each.choices for each in short]


def test_what_the_recipe_names_wins_over_the_tasks_scorers(here: Local) -> None:
    suite = Work(Options(file="quiz.yaml", max_rows=2, scorers=("calibration",)))
    answered(suite, here)
    assert suite.scorers == ("calibration",)


def test_without_a_file_and_with_a_wrong_one_there_is_a_sentence() -> None:
    with pytest.raises(NotMeasured, match="needs a task"):
        Work(Options()).examples(BENCH)
    with pytest.raises(UserError, match=r"absent\.yaml"):
        Work(Options(file="absent.yaml")).examples(BENCH)


@dataclass
class Far:
    """A model behind an address."""

    name: str = "far"
    identity: str = "far"
    chat: Any = None

    def write(self, talks: Any, *, max_new_tokens: int, sampling: Sampling = GREEDY) -> Any:
        """Never asked."""
        raise AssertionError

    def write_alone(self, talks: Any, *, max_new_tokens: int) -> Any:
        """Never asked."""
        raise AssertionError

    def score(self, items: Any) -> Any:
        """Never asked."""
        raise AssertionError


def test_a_model_that_is_far_away_is_not_measured() -> None:
    with pytest.raises(NotMeasured, match="far"):
        answered(Work(Options(file="quiz.yaml")), Far())
    with pytest.raises(NotMeasured, match="answers conversations only"):
        answered(Work(Options(file="quiz.yaml")), Far(chat=CharChat()))


def scored(item: ScoreItem) -> list[Scored]:
    """Scores that name their prompt and continuation: a number made of both."""
    return [
        Scored(np.array([hash((item.prompt, each)) % 1000], dtype=np.float32), np.array([True]))
        for each in item.continuations
    ]


def test_pairs_come_back_in_order_and_each_pair_is_asked_once() -> None:
    rng = np.random.default_rng(3)
    asked: list[ScoreItem] = []

    def score(items: Sequence[ScoreItem]) -> list[list[Scored]]:
        asked.extend(items)
        return [scored(item) for item in items]

    voice = Voice(CharChat(), 100, score, lambda requests: [])
    pairs = [
        (tuple(rng.integers(0, 2, 3).tolist()), tuple(rng.integers(0, 2, rng.integers(1, 3)).tolist()))
        for _ in range(200)
    ]
    found = voice.score_pairs(pairs)
    wanted = [scored(ScoreItem(prompt, (continuation,)))[0] for prompt, continuation in pairs]
    assert [one.log_probabilities[0] for one in found] == [one.log_probabilities[0] for one in wanted]
    assert sorted(item.prompt for item in asked) == sorted({prompt for prompt, _ in pairs})
    assert sum(len(item.continuations) for item in asked) == len(set(pairs))
    assert voice.score_pairs([]) == []


def test_stop_strings_that_are_one_special_token_stop_as_that_token(tiny_model_folder: Path) -> None:
    chat = load_chat(tiny_model_folder)
    asked: list[Request] = []

    def complete(requests: Sequence[Request]) -> list[Generated]:
        asked.extend(requests)
        return [Generated((), (), "stop") for _ in requests]

    voice = Voice(chat, 100, lambda items: [], complete)
    until = ["<|im_start|>", "\n", "", "x", "<|im_start|>user"]
    voice.write_on([((1,), {"until": until, "max_gen_toks": 7}), ((2,), {"until": [], "max_gen_toks": 1})])
    assert asked[0].stop == chat.stop_ids | {chat.tokenizer.token_to_id("<|im_start|>")}
    assert asked[0].stop_strings == ("\n", "x", "<|im_start|>user")
    assert (asked[0].max_new_tokens, asked[0].sampling) == (7, GREEDY)
    assert (asked[1].stop, asked[1].stop_strings) == (chat.stop_ids, ())


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, GREEDY),
        ({"do_sample": False, "temperature": 0.0, "num_beams": 1, "use_cache": True}, GREEDY),
        ({"do_sample": False, "temperature": 0.7}, GREEDY),
        ({"repetition_penalty": 1.2}, Sampling(repetition_penalty=1.2)),
        ({"do_sample": True, "temperature": 0.5}, Sampling(0.5, 50, 1.0, 1.0, 9)),
        ({"do_sample": True, "temperature": 1, "top_k": 0, "top_p": 0.9}, Sampling(1.0, 0, 0.9, 1.0, 9)),
        ({"do_sample": True, "temperature": 1, "top_k": None}, Sampling(1.0, 0, 1.0, 1.0, 9)),
    ],
)
def test_settings_of_transformers_mean_the_same_here(given: dict[str, Any], wanted: Sampling) -> None:
    assert sampling_of(given, 9) == wanted


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"num_beams": 4}, "num_beams is not known"),
        ({"logits_processor": []}, "logits_processor is not known"),
        ({"do_sample": True}, "needs a temperature"),
        ({"do_sample": True, "temperature": -1.0}, "temperature cannot be -1"),
        ({"do_sample": True, "temperature": 1.0, "top_p": 0}, "top_p cannot be 0"),
        ({"temperature": "warm", "do_sample": True}, "generation_kwargs"),
        ({"repetition_penalty": None}, "generation_kwargs"),
    ],
)
def test_settings_that_are_not_known_are_said_in_a_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        sampling_of(given, 0)


@pytest.mark.parametrize("changed", ["quiz.yaml", "data"])
def test_a_task_whose_files_changed_is_measured_again(changed: str, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(TASKS, tmp_path / "tasks"))
    suite, bench = Work(Options(file="quiz.yaml")), Bench(folder=copied)
    before = suite.inputs(bench)
    files = local_data(read_task_file(copied / "quiz.yaml"), copied / "quiz.yaml")["data_files"]
    data = Path(next(iter(files.values()))[0])
    assert suite.inputs(bench) == before
    if changed == "data":
        data.write_text(data.read_text() + data.read_text().splitlines()[0] + "\n")
    else:
        (copied / "quiz.yaml").write_text((copied / "quiz.yaml").read_text() + "\ndescription: another one\n")
    assert suite.inputs(bench) != before


def test_without_a_task_file_there_is_nothing_to_compare() -> None:
    assert Work(Options()).inputs(BENCH) == []
