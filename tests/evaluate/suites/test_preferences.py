"""The suite `preferences`: numbers are those of a plain pass over the trained tokens, and what cannot be is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.data.builders import prepared, workspace_of, write_jsonl
from tests.evaluate.fakes import CharChat, FakeSplit, local, models_of, reads_label, scorer, suite, task
from tests.evaluate.fakes import RuleModel as Rule
from tests.evaluate.suites.test_alignment import PAIRS, Given
from tests.models.numbers import plain
from tunewright.core.answers import AnsweredRow
from tunewright.core.events import silent
from tunewright.core.ports import Encoded, Row
from tunewright.data.dataset import open_dataset
from tunewright.evaluate.evaluate import evaluate
from tunewright.evaluate.respondents import Local
from tunewright.evaluate.suite import Bench, NotMeasured, Sample, sample_of
from tunewright.models.language_model import open_language_model
from tunewright.models.load import load
from tunewright.text.chat import load_chat


def encoded(row: Row) -> Encoded:
    """Both answers of a pair, or of another row its answer."""
    found = CharChat().encoded(row)
    if not row.rejected:
        return found
    return replace(found, rejected=CharChat().encoded(replace(row, messages=(*row.prompt, *row.rejected))))


def asked(work: Any, way: str, model: Local, *, sample: Sample, base: Local) -> list[AnsweredRow]:
    """The answers of one way."""
    bench = Bench(measured=sample, chat_digest=model.chat.digest, base=base)
    return work.answer(way, model, sample=work.examples(bench), style="bare", bench=bench)


@pytest.fixture(scope="module")
def tiny(tiny_model_folder: Path) -> Local:
    model = open_language_model(load(tiny_model_folder, numbers=plain("fp32")))
    return Local("tiny", load_chat(tiny_model_folder), lambda: model, "tiny")


def test_sums_and_means_are_those_of_a_plain_pass(tmp_path: Path, tiny: Local, tiny_model_folder: Path) -> None:
    lines = [{"prompt": f"What is {n}?", "chosen": f"A number, {n}, I say.", "rejected": "Blood."} for n in range(30)]
    write_jsonl(tmp_path / "pairs.jsonl", lines)
    options = {"train": "pairs.jsonl", "max_tokens": 256, "split": {"validation": 0.2, "test": 0.2}}
    version = prepared(tmp_path, load_chat(tiny_model_folder), options=options, rows="pairs")
    test = open_dataset(workspace_of(tmp_path), version).split("test")
    sample = Sample(test, tuple(range(len(test))))
    model = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32).eval()

    def by_hand(example: Encoded) -> tuple[float, int]:
        with torch.no_grad():
            logs = model(torch.from_numpy(example.tokens.astype(np.int64))[None]).logits[0].double().log_softmax(-1)
        places = np.flatnonzero(example.weights)
        return sum(float(logs[at - 1, int(example.tokens[at])]) for at in places), len(places)

    work = suite("preferences")
    sums, means, over = (asked(work, way, tiny, sample=sample, base=tiny) for way in work.ways)
    assert len(sums) == version.receipt.splits["test"] > 3
    for at, example in enumerate(sample.encoded()):
        assert example.rejected is not None
        (won, long), (lost, short) = by_hand(example), by_hand(example.rejected)
        assert sums[at].choices == pytest.approx((won, lost), abs=1e-3)
        assert means[at].choices == pytest.approx((won / long, lost / short), abs=1e-4)
        assert over[at].choices == (0, 0)


def test_each_model_is_asked_once_and_the_answer_shown_is_the_likelier_one() -> None:
    here, other = Given(lambda text: -1.0 if "number" in text else -9.0), Given(lambda _text: -2.0)
    tuned = Local("tuned", CharChat(), lambda: here, "tuned")
    base = Local("base", CharChat(), lambda: other, "base")
    sample = Sample(FakeSplit(PAIRS[:4], encoded), (0, 1, 2, 3))
    work = suite("preferences")
    found = {way: asked(work, way, tuned, sample=sample, base=base) for way in work.ways}
    assert len(here.asked) == len(other.asked) == 8
    assert [row.answer for row in found["preferences"]] == [row.target for row in PAIRS[:4]]
    first = found["preferences_over_base"][0]
    tokens = len(PAIRS[0].target) + 1
    assert first.choices == pytest.approx((tokens * 1.0, (len(PAIRS[0].rejected[0].get("content", "")) + 1) * -7.0))


def test_what_is_no_pair_or_was_encoded_as_none_is_not_measured(tmp_path: Path) -> None:
    model = local(Rule(reads_label))
    with pytest.raises(NotMeasured, match="no measured row has an answer that lost"):
        suite("preferences").examples(Bench(measured=sample_of([replace(PAIRS[0], rejected=())])))
    plainly = Sample(FakeSplit(PAIRS[:2]), (0, 1))
    with pytest.raises(NotMeasured, match="an objective that does not learn from pairs; name alignment"):
        asked(suite("preferences"), "preferences", model, sample=plainly, base=model)
    with pytest.raises(NotMeasured, match="has another tokenizer or template"):
        work = suite("preferences")
        work.answer("preferences", model, sample=plainly, style="bare", bench=Bench(chat_digest="other"))


def test_a_whole_evaluation_of_one_model_has_no_difference(tmp_path: Path) -> None:
    splits = {"train": FakeSplit(PAIRS, encoded), "test": FakeSplit(PAIRS[:6], encoded)}
    one = Rule(lambda _prompt: "It is")
    made = task(tmp_path, splits=splits)
    made.scorers["preference_margin"] = scorer("preference_margin")
    found = evaluate([suite("preferences")], models_of(one, one), task=made, emit=silent)
    margin = found.suites["preferences_over_base"]["preference_margin"]
    assert (margin.base, margin.tuned, margin.difference) == (0, 0, 0)
