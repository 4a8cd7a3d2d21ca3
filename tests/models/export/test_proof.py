"""The proof: right forms pass, and every way of breaking one is found."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from export_faults import (
    change_the_template,
    change_the_tokenizer,
    lose_the_stop,
    one_layer_left_out,
    weaker,
)

from tests.models.export.trained import examples, numbers, opener, train_at_random
from tunewright.core.nouns import Comparison
from tunewright.core.ports import Encoded
from tunewright.models.export.distance import few, reference
from tunewright.models.export.forms import Wanted, open_form, write_form
from tunewright.models.export.proof import (
    Standard,
    distance_problems,
    limit_of,
    score_problem,
    standard,
    text_problems,
)
from tunewright.models.load import load
from tunewright.models.methods.lora import Work
from tunewright.recipe.options.methods.lora import Options
from tunewright.recipe.proof import ProofOptions
from tunewright.text.chat import load_chat

OPTIONS = ProofOptions()
TALK = [{"role": "user", "content": "What is 123?\n\n1"}, {"role": "assistant", "content": "A number."}]


@pytest.fixture(scope="module")
def exact(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Any]:
    method, folder = Work(Options(rank=4, alpha=8)), tmp_path_factory.mktemp("adapter")
    train_at_random(method, tiny_model_folder, folder, as_held=numbers("bf16"))
    return opener(method, tiny_model_folder, folder, as_held=numbers("bf16"))


@pytest.fixture(scope="module")
def right(exact: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory) -> Standard:
    return standard(exact, examples(), scratch=tmp_path_factory.mktemp("scratch"))


def test_a_right_merge_is_far_within_its_limit(right: Standard) -> None:
    assert 0 <= right.merge.kl_mean < OPTIONS.merged / 10
    assert right.merge.greedy_agreement == 1
    assert right.own.kl_mean > OPTIONS.merged
    assert list(distance_problems(right.merge, right.merge, limit=OPTIONS.merged, options=OPTIONS)) == []


@pytest.mark.parametrize("broken", [weaker, one_layer_left_out], ids=["delta_0.9", "layer_left_out"])
def test_a_broken_merge_is_refused_in_every_form(
    broken: Callable[[Any], Any], exact: Callable[[], Any], tmp_path: Path
) -> None:
    found = standard(exact, examples(), scratch=tmp_path, merge=broken)
    assert found.merge.kl_mean > 10 * OPTIONS.merged
    for limit in (OPTIONS.merged, OPTIONS.q4_0):
        problems = list(distance_problems(found.merge, found.merge, limit=limit, options=OPTIONS))
        assert "the merged weights do not compute what was trained" in problems[0]


def test_not_a_number_is_past_every_limit(right: Standard) -> None:
    model = right.model
    kept = model.model.norm.weight.detach().clone()
    with torch.no_grad():
        model.model.norm.weight[0] = math.nan
    measured = right.reference.against(model)
    with torch.no_grad():
        model.model.norm.weight.copy_(kept)
    assert math.isnan(measured.kl_mean)
    assert len(list(distance_problems(measured, measured, limit=1e9, options=OPTIONS))) == 2


def test_the_distance_is_the_formula(tiny_model_folder: Path, tmp_path: Path) -> None:
    """KL, loss difference and agreement of two models, written out in numpy for two rows."""
    one = load(tiny_model_folder, numbers=numbers("fp32"), device="cpu")
    other = load(tiny_model_folder, numbers=numbers("fp32"), device="cpu")
    with torch.no_grad():
        other.model.layers[0].mlp.down_proj.weight *= 1.5
    rows = [
        Encoded(row.tokens, np.where(row.weights > 0, row.index + 0.5, 0).astype(np.float32), row.index)
        for row in (*examples(1, 20), *examples(2, 13)[1:])
    ]
    measured = reference(one, rows, path=tmp_path / "scores").against(other)
    kl: list[float] = []
    same, loss, weight = 0, 0.0, 0.0
    for row in rows:
        tokens = torch.from_numpy(row.tokens.astype(np.int64))[None]
        with torch.no_grad():
            first, second = (m(input_ids=tokens).logits[0].double().log_softmax(-1).numpy() for m in (one, other))
        for at in np.flatnonzero(row.weights[1:]):
            kl.append(float((np.exp(first[at]) * (first[at] - second[at])).sum()))
            same += int(first[at].argmax() == second[at].argmax())
            token, share = int(row.tokens[at + 1]), float(row.weights[at + 1])
            loss += share * (first[at][token] - second[at][token])
            weight += share
    assert measured.positions == len(kl)
    assert measured.kl_mean == pytest.approx(np.mean(kl), rel=1e-4)
    assert measured.kl_max == pytest.approx(np.max(kl), rel=1e-4)
    assert measured.greedy_agreement == same / len(kl)
    assert measured.loss_difference == pytest.approx(loss / weight, rel=1e-4)


def test_rows_are_taken_until_there_are_enough_positions() -> None:
    rows = examples(6, 30)
    assert few(rows, positions=31) == rows[:2]
    assert few(rows, positions=1) == rows[:1]
    nothing = Encoded(rows[0].tokens, np.zeros(30, np.float32), 0)
    assert few([nothing, rows[1]], positions=100) == [rows[1]]


@pytest.fixture
def folder(right: Standard, tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A right merged folder."""
    target = tmp_path / "merged"
    write_form(right.model, Wanted("merged-bf16", load_chat(tiny_model_folder), "tiny"), folder=target)
    return target


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lose_the_stop, r"it does not stop where the trained model does: <\|im_end\|> is no stop token of it"),
        (change_the_template, "its tokenizer or chat template writes other tokens"),
        (change_the_tokenizer, "its tokenizer or chat template writes other tokens"),
    ],
)
def test_a_lost_stop_and_another_text_are_found(
    spoil: Callable[[Path], None], says: str, folder: Path, tiny_model_folder: Path, right: Standard
) -> None:
    chat = load_chat(tiny_model_folder)
    assert text_problems(chat, folder, talks=[TALK]) == []
    measured = right.reference.against(open_form(folder, "merged-bf16", device="cpu"))
    limit = limit_of("merged-bf16", OPTIONS, own_kl=right.own.kl_mean)
    assert list(distance_problems(measured, right.merge, limit=limit, options=OPTIONS)) == []
    spoil(folder)
    problems = text_problems(chat, folder, talks=[TALK])
    assert len(problems) == 1
    assert re.search(says, problems[0])


def test_a_template_that_is_gone_is_a_problem_and_no_crash(folder: Path, tiny_model_folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    problems = text_problems(load_chat(tiny_model_folder), folder, talks=[TALK])
    assert problems == ["this model has no chat template"]


def test_limits_are_the_recipes() -> None:
    limits = {form: limit_of(form, OPTIONS, own_kl=1e-3) for form in ("merged-fp32", "merged-bf16", "gguf-q8_0")}
    assert limits == {"merged-fp32": 1e-6, "merged-bf16": 2e-3, "gguf-q8_0": 5e-3}


def scored(low: float, high: float, direction: Any = "higher") -> Comparison:
    middle = (low + high) / 2
    return Comparison(
        base=0.8,
        base_same_prompt=0.8,
        tuned=0.8 + middle,
        difference=middle,
        interval=(low, high),
        n=100,
        direction=direction,
    )


def test_answers_that_are_surely_worse_by_more_than_the_margin_are_a_problem() -> None:
    problem = score_problem(scored(-0.30, -0.05), margin=0.02, metric="exact_match")
    assert problem.startswith("its answers are worse: exact_match changes by -0.175, 95 % interval -0.300 to -0.050")
    assert score_problem(scored(-0.30, 0.05), margin=0.02, metric="x") == ""
    assert score_problem(scored(0.10, 0.20), margin=0.02, metric="x") == ""
    assert score_problem(scored(0.10, 0.20, "lower"), margin=0.02, metric="x") != ""
    assert score_problem(None, margin=0.02, metric="x") == ""
