"""Evaluation over the real rooms below it: rows of `data`, the template of `text`, a tiny model of `models`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate.fakes import scorers, suite
from tests.models.numbers import plain
from tunewright.core import catalog
from tunewright.core.events import silent
from tunewright.core.nouns import DatasetVersion
from tunewright.core.workspace import Workspace
from tunewright.data.dataset import open_dataset
from tunewright.data.prepare import DataParts, Inputs, prepare
from tunewright.evaluate.bench import Data, Task, set_up
from tunewright.evaluate.evaluate import Models, evaluate
from tunewright.evaluate.report import ReportContent, write_report
from tunewright.evaluate.respondents import Local
from tunewright.models.language_model import TransformersLanguageModel
from tunewright.models.load import load
from tunewright.recipe.recipe import DataOptions, EvaluateOptions
from tunewright.text.chat import ChatFormat, load_chat

LABELS = ("negative", "neutral", "positive")


def prepared(tmp_path: Path, chat: ChatFormat) -> tuple[Workspace, DatasetVersion]:
    """90 labelled rows of a CSV file, split 60, 15, 15."""
    lines = [f"This is sentence {number},{LABELS[number % 3]}" for number in range(90)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")
    options = DataOptions.model_validate(
        {"train": "rows.csv", "shape": "labelled", "split": {"validation": 1 / 6, "test": 1 / 6}}
    )
    parts = DataParts(
        {"csv": catalog.work("sources", "csv")(catalog.options("sources", "csv")())},
        {"labelled": catalog.work("shapes", "labelled")(options.shape)},
        (),
    )
    workspace = Workspace(tmp_path / "home")
    inputs = Inputs(chat, tmp_path, "answers", "k" * 64, "2026-11-22T12:00:00Z")
    return workspace, prepare(options, parts, inputs=inputs, workspace=workspace, emit=silent)


@pytest.fixture
def task(tmp_path: Path, tiny_model_folder: Path) -> Task:
    chat = load_chat(tiny_model_folder)
    workspace, version = prepared(tmp_path, chat)
    return Task(
        options=EvaluateOptions(base_prompts=("bare", "labels_listed", "examples")),
        data=Data(open_dataset(workspace, version), version, chat),
        model="tiny",
        key="e",
        folder=tmp_path / "out",
        made_at="",
        clock=lambda: 0.0,
        scorers=scorers(),
    )


def test_label_tokens_are_the_templates_own(task: Task) -> None:
    bench = set_up(task).bench
    assert bench.labels == LABELS
    for label, tokens in zip(bench.labels, bench.label_tokens, strict=True):
        assert tokens[-1] in task.data.chat.stop_ids
        assert task.data.chat.decode(tokens[:-1]) == label
        whole = task.data.chat.encode(
            [{"role": "user", "content": "x"}, {"role": "assistant", "content": label}], loss_on="answers"
        )[0].tolist()
        start = len(task.data.chat.prompt_ids([{"role": "user", "content": "x"}]))
        assert tuple(whole[start : start + len(tokens)]) == tokens


def test_a_whole_evaluation_and_its_report(task: Task, tiny_model_folder: Path) -> None:
    chat = task.data.chat

    def opened(numbers: str) -> Local:
        return Local(
            numbers,
            chat,
            lambda: TransformersLanguageModel(load(tiny_model_folder, numbers=plain(numbers))),
            identity=numbers,
        )

    found = evaluate(
        [suite("heldout"), suite("labels")], Models(opened("fp32"), opened("bf16")), task=task, emit=silent
    )
    assert set(found.suites) == {"heldout", "labels_best", "labels_generated", "labels_ranked"}
    assert found.suites["heldout"]["loss"].base == pytest.approx(found.suites["heldout"]["loss"].tuned, rel=0.05)
    assert sum(map(sum, found.confusion["labels_ranked.base"])) == found.suites["labels_ranked"]["accuracy"].n == 15
    content = ReportContent(
        recipe={}, dataset=task.data.version, run=None, evaluation=found, events=[], title="Tiny", command="tunewright"
    )
    assert "Tiny" in write_report(task.folder / "report.html", content=content).read_text(encoding="utf-8")
