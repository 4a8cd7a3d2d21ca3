"""The step perplexity, asked of a real (tiny) model."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from transformers import AutoModelForCausalLM

from tests.data.builders import row
from tests.models.numbers import plain
from tunewright.core.errors import UserError
from tunewright.core.ports import Row, RowProblem
from tunewright.data.context import Context
from tunewright.data.steps.perplexity import Work, unasked
from tunewright.models.language_model import open_language_model
from tunewright.models.load import load
from tunewright.recipe.options.steps.perplexity import Options
from tunewright.text.chat import load_chat
from tunewright.text.spans import Conversation


@pytest.fixture(scope="module")
def context(tiny_model_folder: Path) -> Context:
    chat = load_chat(tiny_model_folder)
    model = open_language_model(load(tiny_model_folder, numbers=plain("fp32")))
    return Context(Path(), Path(), "2026-01-01", chat, model=lambda: model, model_digest="tiny")


def talk(number: int) -> Row:
    found = row(f"Question {number}?")
    answer = f"Answer {number} {'and more ' * (number % 3)}"
    return replace(found, messages=(found.messages[0], {"role": "assistant", "content": answer}))


ROWS = [talk(number) for number in range(12)]


def step(context: Context, **options: object) -> Work:
    found = Work(Options.model_validate(options))
    found.bind(context)
    return found


def loss_by_transformers(found: Row, folder: Path) -> float:
    """Mean loss of the trained tokens, by Transformers' own forward."""
    (example,) = load_chat(folder).encode_many([Conversation(found.messages, ())], loss_on="answers")
    assert not isinstance(example, RowProblem)
    tokens, weights = example
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        logits = model(torch.tensor(np.asarray(tokens, np.int64))[None]).logits[0]
    losses = -torch.log_softmax(logits[:-1].double(), -1)[range(len(tokens) - 1), tokens[1:].tolist()]
    kept = torch.tensor(np.asarray(weights[1:], np.float64))
    return float((losses * kept).sum() / kept.sum())


def test_the_numbers_are_those_of_transformers(context: Context, tiny_model_folder: Path) -> None:
    kept = step(context, keep_score=True).apply({"train": ROWS[:4], "test": ROWS[4:]})
    assert kept.rows["test"] == ROWS[4:]
    for before, after in zip(ROWS[:4], kept.rows["train"], strict=True):
        loss, alone = (loss_by_transformers(each, tiny_model_folder) for each in (before, unasked(before)))
        columns = after.details.get("columns", {})
        assert float(columns["perplexity"]) == pytest.approx(math.exp(loss), rel=0.01)
        assert float(columns["ifd"]) == pytest.approx(loss / alone, abs=0.002)
        assert after.id == before.id


def test_rows_outside_the_limits_go(context: Context) -> None:
    scored = step(context, keep_score=True).apply({"train": ROWS}).rows["train"]
    values = [float(each.details.get("columns", {})["perplexity"]) for each in scored]
    middle = sorted(values)[6] * 1.0001
    done = step(context, at_most=middle).apply({"train": ROWS})
    assert {gone.reason for gone in done.gone} == {"perplexity"}
    assert len(done.rows["train"]) + len(done.gone) == len(ROWS)
    assert all(value <= middle * 1.01 for value, each in zip(values, ROWS, strict=True) if each in done.rows["train"])
    difficulties = sorted(float(each.details.get("columns", {})["ifd"]) for each in scored)
    hard = step(context, ifd_at_least=difficulties[6] + 0.0006).apply({"train": ROWS})
    assert {gone.reason for gone in hard.gone} == {"perplexity.ifd"} and 3 <= len(hard.gone) <= 9


def test_without_limits_no_model_is_asked(context: Context) -> None:
    done = Work(Options()).apply({"train": ROWS})
    assert done.rows["train"] == ROWS
    assert step(context).parents(context) == []
    assert step(context, at_most=9).parents(context) == ["tiny"]
    with pytest.raises(UserError, match="asks the base model, and none was given"):
        Work(Options(at_most=9)).apply({"train": ROWS})


def test_limits_that_leave_no_row() -> None:
    with pytest.raises(ValidationError, match="leave no row"):
        Options(at_least=9, at_most=3)
