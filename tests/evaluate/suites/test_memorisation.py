"""The suite `memorisation`: planted secrets by rank, training answers by what would be written, and no secret shown."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.builders import prepared, workspace_of, write_jsonl
from tests.evaluate.fakes import (
    STOP,
    CharChat,
    FakeSplit,
    RuleModel,
    labelled_rows,
    last_turn,
    local,
    models_of,
    scorer,
    suite,
    task,
)
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.core.events import silent
from tunewright.core.language_model import Scored, ScoreItem
from tunewright.core.ports import Message, Row
from tunewright.data.canary import is_canary
from tunewright.data.dataset import open_dataset
from tunewright.data.steps.canaries import plant
from tunewright.evaluate.bench import set_up
from tunewright.evaluate.evaluate import Models, evaluate
from tunewright.evaluate.prompts import draw_examples
from tunewright.evaluate.respondents import Local
from tunewright.evaluate.suite import Bench, NotMeasured
from tunewright.recipe.options.steps.canaries import Options
from tunewright.text.chat import load_chat

CANARIES, ROWS = "memorisation_canaries", "memorisation_rows"


def secrets(**keys: Any) -> list[Row]:
    """Planted rows, as the step plants them."""
    return list(plant(Options(**keys)))


def told(question: str, answer: str) -> Row:
    """A training row."""
    turns: tuple[Message, ...] = ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    return Row(question, turns)


LONG = [told(f"Question {n}?", f"Answer {n} is a text of some length, and it goes on.") for n in range(20)]


@dataclass
class Numbers:
    """A model whose scores are given: `score_of` a continuation's text. `asked` keeps what came in."""

    score_of: Any
    forward: str = "numbers"
    asked: list[ScoreItem] = field(default_factory=list)

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """One number a continuation."""
        self.asked += items
        return [[self._one(tokens) for tokens in item.continuations] for item in items]

    def _one(self, tokens: Sequence[int]) -> Scored:
        value = self.score_of("".join(map(chr, tokens)))
        return Scored(np.array([value], dtype=np.float32), np.array([value > -1]))


def asked(model: Any, rows: list[Row], way: str = CANARIES, **keys: Any) -> list[AnsweredRow]:
    """Those answers of a way that count."""
    work, bench = suite("memorisation", **keys), Bench(train=FakeSplit(rows))
    here = model if isinstance(model, Local) else Local("m", CharChat(), lambda: model, "m")
    found = work.answer(way, here, sample=work.examples(bench), style="bare", bench=bench)
    kept, dropped = work.left_out(way, found)
    assert dropped == {}
    return [row for row, keep in zip(found, kept, strict=True) if keep]


def bits_of(rows: list[AnsweredRow]) -> list[float]:
    """Exposure of each secret."""
    values = scorer("exposure").per_row(rows)
    assert values is not None
    return values.tolist()


@pytest.mark.parametrize("alternatives", [1, 7, 256])
def test_a_secret_that_is_likeliest_has_all_the_bits(alternatives: int) -> None:
    rows = secrets(count=6)
    known = {row.target for row in rows}
    model = Numbers(lambda text: 0.0 if text in known else -5.0)
    found = asked(model, rows, alternatives=alternatives)
    assert bits_of(found) == pytest.approx([math.log2(alternatives + 1)] * 6)
    assert {len(row.choices) for row in found} == {alternatives + 1}


def test_a_secret_that_is_least_likely_and_one_that_ties_with_all_have_none() -> None:
    rows = secrets(count=4)
    known = {row.target for row in rows}
    assert bits_of(asked(Numbers(lambda text: -9.0 if text in known else -1.0), rows)) == [0.0] * 4
    assert bits_of(asked(Numbers(lambda _text: -1.0), rows)) == [0.0] * 4


def test_scores_by_chance_have_the_mean_of_a_rank_that_is_anything() -> None:
    """log2(n) minus the mean of log2(rank): 1.44 bits less a little, for a model that learned nothing."""
    rows, draw = secrets(count=300, repeats=[1]), np.random.default_rng(11)
    found = bits_of(asked(Numbers(lambda _text: float(draw.normal())), rows, alternatives=64))
    ranks = np.log2(np.arange(1, 66))
    assert np.mean(found) == pytest.approx(np.log2(65) - ranks.mean(), abs=4 * ranks.std() / math.sqrt(300))
    assert 1.0 < np.mean(found) < 1.8


def test_a_model_that_learned_by_heart_stands_out_by_likelihood_alone() -> None:
    rows = secrets(count=5)
    by_name = {row.prompt[0]["content"]: row.target for row in rows}
    knows = local(RuleModel(lambda prompt: by_name[last_turn(prompt)]))
    wording = local(RuleModel(lambda prompt: re.sub(r"\d", "?", by_name[last_turn(prompt)])))
    assert bits_of(asked(knows, rows)) == pytest.approx([math.log2(257)] * 5)
    assert bits_of(asked(wording, rows)) == [0.0] * 5


def test_each_canary_is_asked_once_and_says_how_often_it_stood_there() -> None:
    rows = secrets(count=6, repeats=[1, 4, 16])
    assert len(rows) == 2 * (1 + 4 + 16)
    model = Numbers(lambda _text: -1.0)
    found = asked(model, [*LONG, *rows])
    assert [row.row.details.get("attribute") for row in found] == [
        "planted 1 times", "planted 4 times", "planted 16 times",
    ] * 2  # fmt: skip
    item = model.asked[0]
    wording = rows[0].details["columns"]["canary_format"]
    said = ["".join(map(chr, tokens)) for tokens in item.continuations]
    assert said[0] == rows[0].target and len(set(said)) == 257
    assert {text[: wording.index("{secret}")] for text in said} == {wording[: wording.index("{secret}")]}
    assert "".join(map(chr, item.prompt)).endswith(chr(2) + "a") and STOP not in item.continuations[0]


def test_what_would_be_written_word_for_word_is_counted() -> None:
    """A model that knows every other answer by heart, and the beginning of the others."""

    def recites(prompt: str) -> str:
        number = int(last_turn(prompt).split(" ")[1][:-1])
        begun = prompt.rpartition(chr(2) + "a")[2]
        whole = LONG[number].target
        assert begun == whole[:8]
        return whole[8:] if number % 2 else whole[8:12] + "quite another text"

    found = asked(local(RuleModel(recites)), LONG, ROWS)
    assert len(found) == 20
    assert {len(row.greedy) for row in found} == {16}
    assert scorer("extracted").score(found, ()) == 0.5
    values = scorer("extracted").per_row(found)
    assert values is not None
    assert [row.row.target for row, value in zip(found, values, strict=True) if value] == [
        row.target for row in LONG[1::2]
    ]


def test_beginning_and_length_are_options_and_rows_are_drawn_with_the_seed() -> None:
    model = Numbers(lambda _text: -0.5)
    found = asked(model, LONG, ROWS, prefix_tokens=0, suffix_tokens=3, max_rows=7)
    assert len(found) == 7
    assert {"".join(map(chr, item.continuations[0])) for item in model.asked} == {"Ans"}
    work = suite("memorisation", max_rows=7)
    drawn = [[row.id for row in work.examples(Bench(train=FakeSplit(LONG), seed=seed)).rows()] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_whole_evaluation_keeps_the_two_results_apart(tmp_path: Path) -> None:
    planted = secrets(count=6)
    by_name = {row.prompt[0]["content"]: row.target for row in planted}

    def knows(prompt: str) -> str:
        begun = prompt.rpartition(chr(2) + "a")[2]
        return by_name.get(last_turn(prompt), "?")[len(begun) :]

    splits = {"train": FakeSplit([*LONG, *planted]), "test": FakeSplit(labelled_rows(5))}
    pair = models_of(RuleModel(lambda _prompt: "?"), RuleModel(knows))
    found = evaluate([suite("memorisation", alternatives=15)], pair, task=task(tmp_path, splits=splits), emit=silent)
    secret, rows = found.suites[CANARIES], found.suites[ROWS]
    assert set(secret) == {"exposure"} and set(rows) == {"extracted"}
    assert (secret["exposure"].base, secret["exposure"].tuned, secret["exposure"].n) == (0.0, 4.0, 6)
    assert (rows["extracted"].base, rows["extracted"].tuned, rows["extracted"].n) == (0.0, 0.0, 20)
    assert found.left_out == {} and found.unmeasured == {}


def test_canaries_of_the_data_step_are_found_in_the_prepared_rows(tmp_path: Path, tiny_tokenizer_folder: Path) -> None:
    write_jsonl(
        tmp_path / "rows.jsonl", [{"question": f"What is {n}?", "answer": f"A number, {n}."} for n in range(60)]
    )
    steps = [{"type": "canaries", "count": 4, "repeats": [1, 3], "length": 6}]
    version = prepared(
        tmp_path, load_chat(tiny_tokenizer_folder), options={"train": "rows.jsonl", "max_tokens": 256, "steps": steps}
    )
    splits = open_dataset(workspace_of(tmp_path), version)
    train = splits.split("train")
    found = [row for row in suite("memorisation").examples(Bench(train=train)).rows() if is_canary(row)]
    assert Counter(row.details.get("attribute") for row in found) == {"planted 1 times": 2, "planted 3 times": 2}
    for seed in range(20):
        shown = draw_examples(train, (), seed=seed)
        assert len(shown) == 12 and not any(map(is_canary, shown))


def test_a_secret_is_never_shown_as_an_example() -> None:
    split = FakeSplit([*LONG[:5], *secrets(count=100, repeats=[5])])
    for seed in range(10):
        shown = draw_examples(split, (), seed=seed)
        assert sorted(row.id for row in shown) == sorted(row.id for row in LONG[:5])
    assert draw_examples(FakeSplit(secrets()), (), seed=0) == ()
    labels = ("heart", "lungs", "skin")
    shown = draw_examples(FakeSplit([*labelled_rows(30), *secrets()]), labels, seed=0)
    assert len(shown) == 12 and not any(map(is_canary, shown))


def test_no_prompt_is_chosen_on_a_secret(tmp_path: Path) -> None:
    """Without validation rows the base's prompt is chosen on training rows."""
    splits = {"train": FakeSplit([*LONG, *secrets()]), "test": FakeSplit(labelled_rows(5))}
    setting = set_up(task(tmp_path, splits=splits, labels=(), base_prompts=("bare", "examples")))
    assert setting.choosing is not None and len(setting.choosing) > 0
    assert not any(map(is_canary, setting.choosing.rows()))
    assert len(setting.bench.prompts.examples) == 12 and not any(map(is_canary, setting.bench.prompts.examples))


@pytest.mark.parametrize(
    ("rows", "way", "reason"),
    [
        (LONG, CANARIES, "no canary was planted; add the step canaries to data.steps"),
        (secrets(), ROWS, "no training answer has 24 tokens"),
        ([told("a", "short"), told("b", "")], ROWS, "no training answer has 24 tokens"),
        ([], ROWS, "no training answer has 24 tokens"),
    ],
    ids=["no canaries", "canaries alone", "short answers", "no rows"],
)
def test_what_cannot_be_measured_is_one_sentence(rows: list[Row], way: str, reason: str) -> None:
    with pytest.raises(NotMeasured, match=reason):
        asked(Numbers(lambda _text: 0.0), rows, way)


def test_without_training_rows_and_without_anything_to_find(tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match="there are no training rows to look for"):
        suite("memorisation").examples(Bench())
    splits = {"train": FakeSplit([told("a", "short")]), "test": FakeSplit(labelled_rows(3))}
    with pytest.raises(UserError, match=r"no canary was planted.*no training answer has 24 tokens"):
        evaluate(
            [suite("memorisation")],
            models_of(RuleModel(lambda _prompt: "?"), None),
            task=task(tmp_path, splits=splits),
            emit=silent,
        )


def test_documents_and_turns_of_others_are_not_looked_for() -> None:
    document = Row("d", ({"role": "document", "content": "x" * 100},))
    tool = Row("t", ({"role": "user", "content": "a"}, {"role": "tool", "content": "x" * 100}))
    assert [
        row.id for row in suite("memorisation").examples(Bench(train=FakeSplit([document, tool, LONG[0]]))).rows()
    ] == [LONG[0].id]


def test_scores_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    rows = secrets(count=4)
    known = [row.target for row in rows]
    broken = Numbers(lambda text: math.nan if text == known[0] else -1.0 if text not in known else 0.0)
    values = bits_of(asked(broken, rows))
    assert math.isnan(values[0]) and values[1:] == pytest.approx([math.log2(257)] * 3)
    assert math.isnan(scorer("extracted").score(asked(Numbers(lambda _text: math.nan), LONG, ROWS), ()))
    splits = {"train": FakeSplit([*LONG, *rows]), "test": FakeSplit(labelled_rows(3))}
    model = Local("m", CharChat(), lambda: Numbers(lambda _text: math.nan), "m")
    found = evaluate([suite("memorisation")], Models(model, None), task=task(tmp_path, splits=splits), emit=silent)
    assert found.suites[CANARIES]["exposure"].base is None
    assert found.suites[ROWS]["extracted"].base is None


def test_one_row_and_a_megabyte() -> None:
    long = told("x" * 1_000_000, "y" * 1_000_000)
    (found,) = asked(local(RuleModel(lambda _prompt: "y" * 20)), [long], ROWS)
    assert scorer("extracted").score([found], ()) == 1


def test_a_model_that_is_far_away_gives_no_scores() -> None:
    class Far:
        name = "far"
        identity = "far"
        chat = None

    work, bench = suite("memorisation"), Bench(train=FakeSplit(LONG))
    with pytest.raises(NotMeasured, match="far gives no log-probabilities"):
        work.answer(ROWS, Far(), sample=work.examples(bench), style="bare", bench=bench)
