"""The suite `alignment`: sums are those of a plain pass of the model, and a pair that lacks a side is no pair."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.data.builders import prepared, workspace_of, write_jsonl
from tests.evaluate.fakes import STOP, CharChat, FakeSplit, labelled_rows, scorer, suite, task
from tests.models.numbers import plain
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.core.events import silent
from tunewright.core.language_model import Scored, ScoreItem
from tunewright.core.ports import Converted, Message, Row
from tunewright.data.dataset import open_dataset
from tunewright.data.rows import make_row
from tunewright.evaluate.evaluate import Models, evaluate
from tunewright.evaluate.respondents import Local
from tunewright.evaluate.suite import Bench, NotMeasured, Sample, sample_of
from tunewright.models.language_model import open_language_model
from tunewright.models.load import load
from tunewright.text.chat import load_chat


def pair(question: str, chosen: str, *rejected: str) -> Row:
    """A preference pair."""
    turns: tuple[Message, ...] = ({"role": "user", "content": question}, {"role": "assistant", "content": chosen})
    lost = tuple({"role": "assistant", "content": each} for each in rejected)
    return make_row(Converted(turns, rejected=lost), source="p", line=1)  # type: ignore[arg-type]


PAIRS = [
    pair(f"What is {number}?", f"It is the number {number} of all.", ("Blood", "Paris, I think", "No")[number % 3] * 2)
    for number in range(12)
] + [pair("Who?", "ten thousand", "This is sentence a with words that come back again and again.")]


@dataclass
class Given:
    """A model whose likelihood of a text is given, the same for each of its tokens. `asked` keeps the texts."""

    of_text: Any
    forward: str = "given"
    asked: list[tuple[int, ...]] = field(default_factory=list)

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """One number a token."""
        return [[self._one(tokens) for tokens in item.continuations] for item in items]

    def _one(self, tokens: tuple[int, ...]) -> Scored:
        self.asked.append(tokens)
        value = self.of_text("".join(map(chr, tokens[:-1])))
        return Scored(np.full(len(tokens), value, dtype=np.float32), np.ones(len(tokens), dtype=np.bool_))


def given(of_text: Any) -> Local:
    """Such a model, as suites ask it."""
    model = Given(of_text)
    return Local("given", CharChat(), lambda: model, "given")


def asked(model: Any, rows: list[Row], **keys: Any) -> list[AnsweredRow]:
    """Both sums of each pair."""
    work, bench = suite("alignment", **keys), Bench(measured=sample_of(rows))
    return work.answer("alignment", model, sample=work.examples(bench), style="bare", bench=bench)


def share(rows: list[AnsweredRow]) -> float:
    """Preference accuracy."""
    return scorer("preference_accuracy").score(rows, ())


@pytest.fixture(scope="module")
def tiny(tiny_model_folder: Path) -> Local:
    model = open_language_model(load(tiny_model_folder, numbers=plain("fp32")))
    return Local("tiny", load_chat(tiny_model_folder), lambda: model, "tiny")


def test_sums_and_share_are_those_of_a_plain_pass(tiny: Local, tiny_model_folder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder)

    def by_hand(row: Row, answer: str) -> float:
        talk = [dict(turn) for turn in row.prompt]
        head = tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
        before = len(tokenizer(head, add_special_tokens=False)["input_ids"])
        ids = torch.tensor([tokenizer(f"{head}{answer}<|im_end|>", add_special_tokens=False)["input_ids"]])
        with torch.no_grad():
            logs = model(ids).logits[0].double().log_softmax(-1)
        return sum(float(logs[place - 1, ids[0, place]]) for place in range(before, ids.shape[1]))

    found = asked(tiny, PAIRS)
    sums = [(by_hand(row, row.target), by_hand(row, row.rejected[0]["content"])) for row in PAIRS]
    for row, wanted in zip(found, sums, strict=True):
        assert row.choices == pytest.approx(wanted, abs=1e-3)
    right = [chosen > rejected for chosen, rejected in sums]
    assert 0 < sum(right) < len(right)
    assert share(found) == sum(right) / len(right)


def test_the_stop_token_of_the_template_is_part_of_an_answer(tmp_path: Path, tiny_model_folder: Path) -> None:
    """Also where the model has another one with a smaller number, as those that stop at the end of a text have."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_model_folder, folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [0, 2]}))
    chat = load_chat(folder)
    assert chat.stop_ids == {0, 2} and chat.turn_end == (2,)
    model = Given(lambda _text: -1.0)
    here = Local("m", chat, lambda: model, "m")
    asked(here, PAIRS[:2])
    assert {tokens[-1] for tokens in model.asked} == {2}
    assert [chat.decode(tokens) for tokens in model.asked] == [
        PAIRS[0].target, PAIRS[1].target, *(row.rejected[0]["content"] for row in PAIRS[:2]),
    ]  # fmt: skip


def test_a_short_answer_has_an_advantage_and_its_end_counts() -> None:
    found = asked(given(lambda _text: -1.0), [pair("a", "four", "longer"), pair("b", "longer", "four")])
    assert [row.choices for row in found] == [(-5.0, -7.0), (-7.0, -5.0)]
    assert share(found) == 0.5


def test_ties_count_half() -> None:
    rows = [pair(f"{n}", "abcd", "efgh") for n in range(4)]
    assert share(asked(given(lambda _text: -1.0), rows)) == 0.5
    assert share(asked(given(lambda text: -1.0 if text == "abcd" else -2.0), [*rows, pair("x", "efgh", "abcd")])) == 0.8


def test_a_pair_that_lacks_a_side_is_left_out() -> None:
    whole = pair("a", "yes", "no")
    call: Message = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"type": "function", "function": {"name": "f"}}],
    }
    odd = [
        pair("b", "yes"),
        pair("c", "yes", ""),
        pair("d", " ", "no"),
        pair("e", "yes", "no", "nor this"),
        replace(whole, rejected=(call,)),
        replace(whole, rejected=({**call, "content": "I call."},)),
        replace(whole, messages=(*whole.messages[:-1], call)),
        *labelled_rows(2),
    ]
    assert [row.row.id for row in asked(given(lambda _text: -1.0), [*odd, whole])] == [whole.id]
    with pytest.raises(NotMeasured, match='alignment needs preference pairs: rows of the shape "preference"'):
        suite("alignment").examples(Bench(measured=sample_of(odd)))


def test_no_rows_and_no_dataset_have_their_own_sentences(tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match="alignment needs preference pairs"):
        suite("alignment").examples(Bench(measured=sample_of([])))
    with pytest.raises(NotMeasured, match="give a recipe or a run"):
        suite("alignment").examples(Bench())
    splits = {"train": FakeSplit(labelled_rows(3)), "test": FakeSplit(labelled_rows(3))}
    with pytest.raises(UserError, match="nothing could be measured: alignment: alignment needs preference pairs"):
        evaluate(
            [suite("alignment")], Models(given(lambda _t: 0.0), None), task=task(tmp_path, splits=splits), emit=silent
        )


def test_at_most_so_many_pairs() -> None:
    assert len(asked(given(lambda _text: -1.0), PAIRS, max_rows=3)) == 3
    assert len(asked(given(lambda _text: -1.0), PAIRS)) == 13


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_scores_that_are_no_numbers_are_left_out(tmp_path: Path, value: float) -> None:
    """Two answers that are both impossible cannot be told apart either."""
    rows = [pair("a", "good", "bad!"), pair("b", "odd1", "odd2"), pair("c", "bad!", "good")]
    model = given(lambda text: value if text.startswith("odd") else -1.0 if text == "good" else -3.0)
    values = scorer("preference_accuracy").per_row(asked(model, rows))
    assert values is not None
    assert values.tolist()[::2] == [1.0, 0.0] and math.isnan(values[1])
    splits = {"train": FakeSplit(PAIRS), "test": FakeSplit([rows[1]])}
    found = evaluate([suite("alignment")], Models(model, model), task=task(tmp_path, splits=splits), emit=silent)
    one = found.suites["alignment"]["preference_accuracy"]
    assert (one.base, one.tuned, one.n, one.unmeasured) == (None, None, 0, 1)


def test_base_beside_tuned_in_a_whole_evaluation(tmp_path: Path) -> None:
    rows = [pair(f"{n}", "good" if n % 4 else "odd!", "bad!") for n in range(40)]
    base, tuned = given(lambda _text: -1.0), given(lambda text: {"good": -0.5, "odd!": -4.0}.get(text, -2.0))
    splits = {"train": FakeSplit(PAIRS), "test": FakeSplit(rows)}
    found = evaluate([suite("alignment")], Models(base, tuned), task=task(tmp_path, splits=splits), emit=silent)
    one = found.suites["alignment"]["preference_accuracy"]
    assert (one.base, one.tuned, one.n) == (0.5, 0.75, 40)
    assert one.interval is not None and one.interval[0] < 0.25 < one.interval[1]


def test_one_pair_of_a_megabyte(tmp_path: Path) -> None:
    (found,) = asked(given(lambda _text: -1.0), [pair("q" * 1_000_000, "y" * 1_000_000, "n")])
    assert found.choices == (-1_000_001.0, -2.0)
    assert share([found]) == 0


def test_half_a_character_and_other_scripts(tiny: Local) -> None:
    rows = [pair("心臓は？", "血液", "空気"), pair("a\ud800b", "yes \ud83d", "no"), pair("Ünï?", "ß", "İ")]
    found = asked(tiny, [rows[0], rows[2]])
    assert all(math.isfinite(choice) for row in found for choice in row.choices)
    assert len(asked(given(lambda _text: -1.0), rows)) == 3


def test_pairs_of_a_file_come_through(tmp_path: Path, tiny: Local, tiny_model_folder: Path) -> None:
    lines = [{"prompt": f"What is {n}?", "chosen": f"A number, {n}.", "rejected": "Blood."} for n in range(40)]
    broken = [{"prompt": "a", "chosen": "b"}, {"prompt": "a", "chosen": "", "rejected": "c"}]
    write_jsonl(tmp_path / "pairs.jsonl", [*lines, *broken])
    options = {
        "train": "pairs.jsonl",
        "shape": "preference",
        "max_tokens": 256,
        "split": {"validation": 0.2, "test": 0.2},
    }
    version = prepared(tmp_path, load_chat(tiny_model_folder), options=options)
    test = open_dataset(workspace_of(tmp_path), version).split("test")
    bench = Bench(measured=Sample(test, tuple(range(len(test)))))
    work = suite("alignment")
    found = work.answer("alignment", tiny, sample=work.examples(bench), style="bare", bench=bench)
    assert len(found) == len(test) == version.receipt.splits["test"] > 4
    assert 0 <= share(found) <= 1
    assert version.receipt.rows.quarantined == 2


def test_a_model_that_is_far_away_gives_no_scores() -> None:
    class Far:
        name = "far"
        identity = "far"
        chat = None

    with pytest.raises(NotMeasured, match="far gives no log-probabilities"):
        asked(Far(), PAIRS)


def test_the_fake_template_ends_a_turn_as_it_says() -> None:
    chat = CharChat()
    assert chat.turn({"role": "assistant", "content": "x"})[-1:] == list(chat.turn_end) == [STOP]
