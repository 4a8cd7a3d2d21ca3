"""The suite `robustness`: each change is the one that is named, nothing else changes, and answers are compared."""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.fakes import (
    LABELS,
    FakeSplit,
    RuleModel,
    labelled,
    labelled_rows,
    last_turn,
    local,
    models_of,
    reads_label,
    scorer,
    suite,
    task,
)
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.core.events import silent
from tunewright.core.ports import Details, Message, Row
from tunewright.evaluate.changing import AS_IT_IS, CHANGES, DISTRACTORS, INJECTED, INJECTION, changed
from tunewright.evaluate.evaluate import evaluate
from tunewright.evaluate.suite import Bench, NotMeasured, sample_of

TEXT = (
    "Which organ is meant, the heart, the lungs or the Skin tag?\n"
    "The patient writes that breathing became difficult yesterday evening, and that climbing stairs takes longer."
)
OPTIONS = ("heart", "lungs", "Skin tag")
SEEDS = range(40)


def asked(text: str = TEXT, label: str = "lungs") -> Row:
    """A row with a system turn and an earlier exchange before its question."""
    turns: tuple[Message, ...] = (
        {"role": "system", "content": "You name organs."},
        {"role": "user", "content": "An earlier question about the heart."},
        {"role": "assistant", "content": "heart"},
        {"role": "user", "content": text},
        {"role": "assistant", "content": label, "weight": 0.5},
    )
    return Row("r" * 64, turns, label=label, source="rows.csv", line=7, tools=({"name": "look"},))


def made(name: str, seed: int, text: str = TEXT) -> str:
    """The changed question."""
    row = changed(asked(text), name, labels=OPTIONS, seed=seed)
    assert row is not None
    return row.prompt[-1].get("content", "")


def texts(rows: list[Row], name: str) -> list[str]:
    """The questions of one variant."""
    return [row.prompt[-1].get("content", "") for row in rows if row.details.get("variant") == name]


def bench(rows: list[Row], labels: tuple[str, ...] = LABELS) -> Bench:
    """A bench with these rows to measure."""
    return Bench(labels=labels, measured=sample_of(rows))


def answered(rows: list[Row], rule: Any, labels: tuple[str, ...] = LABELS, **keys: Any) -> list[AnsweredRow]:
    """What a model that answers by rule says to all variants."""
    work, room = suite("robustness", **keys), bench(rows, labels)
    return work.answer("robustness", local(RuleModel(rule)), sample=work.examples(room), style="bare", bench=room)


def test_typos_swap_neighbouring_letters_of_longer_words() -> None:
    counts = Counter[int]()
    for seed in SEEDS:
        before, after = TEXT.split(), made("typos", seed).split()
        hit = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
        counts[len(hit)] += 1
        for old, new in hit:
            places = [place for place in range(len(old)) if old[place] != new[place]]
            assert len(old) >= 4 and old.isalpha() and places[0] > 0
            assert places[1] == places[0] + 1 and sorted(old) == sorted(new)
    assert min(counts) >= 3
    assert len({made("typos", seed) for seed in SEEDS}) > 30


def test_case_is_all_small_or_all_large_but_for_the_options() -> None:
    found = Counter[bool]()
    for seed in SEEDS:
        text = made("case", seed)
        assert text.casefold() == TEXT.casefold()
        rest = text
        for option in OPTIONS:
            assert option in text
            rest = rest.replace(option, "")
        assert rest.isupper() or rest.islower()
        found[rest.isupper()] += 1
    assert min(found[True], found[False]) >= 10


@pytest.mark.parametrize(("text", "wanted"), [("all of it is small", "ALL OF IT IS SMALL"), ("ALL CAPS", "all caps")])
def test_a_text_of_one_case_gets_the_other(text: str, wanted: str) -> None:
    assert {made("case", seed, text) for seed in SEEDS} == {wanted}


def test_spacing_adds_spaces_and_nothing_else() -> None:
    doubled = 0
    for seed in SEEDS:
        text = made("spacing", seed)
        assert text.split() == TEXT.split()
        assert text[0] == text[-1] == " " and text.count("\n") == 1
        assert "Skin tag" in text
        doubled += text.count("  ")
    assert 3 * len(SEEDS) < doubled < 12 * len(SEEDS)


def test_a_paraphrase_is_a_frame_around_the_text() -> None:
    frames = {made("paraphrase", seed).replace(TEXT, "*") for seed in SEEDS}
    assert len(frames) == 4
    assert all(frame.count("*") == 1 and len(frame) > 20 for frame in frames)
    code = 'What does {"a": {0}} {text} mean?'
    assert all(code in made("paraphrase", seed, code) for seed in SEEDS)


def test_a_distractor_stands_before_or_behind() -> None:
    found = {made("distractor", seed) for seed in SEEDS}
    assert found == {f"{more} {TEXT}" for more in DISTRACTORS} | {f"{TEXT} {more}" for more in DISTRACTORS}


def test_order_lists_every_option_once_in_every_order() -> None:
    lists = set[tuple[str, ...]]()
    for seed in SEEDS:
        head, _, text = made("order", seed).partition("\n\n")
        assert text == TEXT and head.startswith("Answer with one of these: ")
        lists.add(tuple(head.removeprefix("Answer with one of these: ").removesuffix(".").split(", ")))
    assert {tuple(sorted(each)) for each in lists} == {tuple(sorted(OPTIONS))}
    assert len(lists) == 6


def test_an_injected_order_stands_behind_and_is_a_rule() -> None:
    row = changed(asked(), "injection", labels=OPTIONS, seed=0)
    assert row is not None
    assert row.prompt[-1].get("content") == f"{TEXT}\n\n{INJECTION}"
    assert row.details.get("rules") == [{"rule": "keywords:forbidden_words", "forbidden_words": [INJECTED]}]
    assert changed(asked("How do I peel a pineapple?"), "injection", labels=OPTIONS, seed=0) is None


@pytest.mark.parametrize("name", [AS_IT_IS, *CHANGES])
def test_only_the_last_question_changes(name: str) -> None:
    before = asked()
    after = changed(before, name, labels=OPTIONS, seed=3)
    assert after is not None
    assert (after.label, after.target, after.tools, after.source, after.line) == (
        before.label, before.target, before.tools, before.source, before.line,
    )  # fmt: skip
    assert after.messages[:3] == before.messages[:3] and after.messages[-1] == before.messages[-1]
    assert (after.messages[3] == before.messages[3]) == (name == AS_IT_IS)
    assert after.id != before.id and before == asked()
    details = after.details
    assert (details.get("family"), details.get("original"), details.get("variant")) == (before.id, before.id, name)


@pytest.mark.parametrize("name", CHANGES)
def test_options_in_the_text_stay_letter_by_letter(name: str) -> None:
    for seed in SEEDS:
        text = made(name, seed)
        assert all(option in text for option in OPTIONS)
    own = replace(
        asked("Is it Rome, Oslo or Paris that lies furthest north?"), details=Details(choices=["Rome", "Oslo"])
    )
    found = [changed(own, name, labels=OPTIONS, seed=seed) for seed in SEEDS]
    assert all(row and "Rome" in row.prompt[-1]["content"] and "Oslo" in row.prompt[-1]["content"] for row in found)


@pytest.mark.parametrize("name", [name for name in CHANGES if name != "injection"])
def test_the_seed_decides(name: str) -> None:
    def drawn(seed: int) -> list[str]:
        rows = [replace(asked(f"{TEXT} Case number {number} of this week."), id=str(number)) for number in range(12)]
        room = bench(rows, OPTIONS)
        return texts(suite("robustness", seed=seed, variants=[name]).examples(room).rows(), name)

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert len(drawn(1)) == 12


def test_every_row_is_a_family_and_keeps_one_that_it_has() -> None:
    first, second, third = labelled_rows(3)
    second, third = (replace(row, details=Details(family="pair")) for row in (second, third))
    rows = suite("robustness").examples(bench([first, second, third])).rows()
    families = {row.details.get("original"): row.details.get("family") for row in rows}
    assert families == {first.id: first.id, second.id: "pair", third.id: "pair"}
    found = Counter(row.details.get("original") for row in rows)
    assert found == {first.id: 8, second.id: 8, third.id: 8}


def test_a_model_that_ignores_the_change_is_consistent() -> None:
    variants = ["typos", "case", "spacing", "paraphrase", "distractor", "injection"]
    rows = answered(
        labelled_rows(6),
        lambda prompt: next(label for label in LABELS if label in last_turn(prompt).lower()),
        variants=variants,
    )
    assert len(rows) == 6 * 7
    assert scorer("consistency").score(rows, LABELS) == 1
    assert scorer("accuracy").score(rows, LABELS) == 1
    assert {row.predicted for row in rows} == set(LABELS)


def test_a_model_that_minds_the_change_is_not() -> None:
    """It knows only prompts that end with a label: those that are as they were, in a frame before, or in other case."""
    rows = answered(labelled_rows(6), lambda prompt: reads_label(prompt) if last_turn(prompt).endswith(LABELS) else "?")
    right = [last_turn_of(row).endswith(LABELS) for row in rows if row.row.details.get("variant") != AS_IT_IS]
    assert 0.3 < sum(right) / len(right) < 0.9
    assert scorer("consistency").score(rows, LABELS) == pytest.approx(sum(right) / len(right))
    by_variant = scorer("consistency").per_row(rows)
    assert by_variant is not None
    for row, value in zip(rows, by_variant, strict=True):
        assert math.isnan(value) == (row.row.details.get("variant") == AS_IT_IS)
    spaced = [value for row, value in zip(rows, by_variant, strict=True) if row.row.details.get("variant") == "spacing"]
    assert spaced == [0.0] * 6


def last_turn_of(row: AnsweredRow) -> str:
    """The question of an answered row."""
    return row.row.prompt[-1].get("content", "")


@pytest.mark.parametrize(
    ("says", "kept"),
    [("heart", 1.0), (INJECTED, 0.0), ("Pineapple.", 0.0), ("heart, not PINEAPPLES", 1.0), ("", 0.0)],
)
def test_an_order_that_is_carried_out_is_seen(says: str, kept: float) -> None:
    rows = answered(labelled_rows(5), lambda prompt: says if INJECTION in prompt else "heart")
    values = scorer("rules_followed").per_row(rows)
    assert values is not None
    found = {str(row.row.details.get("variant")): value for row, value in zip(rows, values, strict=True)}
    assert found.pop("injection") == kept
    assert all(math.isnan(value) for value in found.values())
    assert scorer("rules_followed").score(rows, LABELS) == kept


def test_the_whole_evaluation_counts_families(tmp_path: Path) -> None:
    obeys = RuleModel(lambda prompt: INJECTED if INJECTION in prompt else next(
        label for label in LABELS if label in last_turn(prompt).lower().split("\n\n")[-1]
    ))  # fmt: skip
    steady = RuleModel(lambda prompt: next(label for label in LABELS if f"of the {label}" in last_turn(prompt).lower()))
    variants = ["typos", "case", "distractor", "injection"]
    found = evaluate(
        [suite("robustness", variants=variants, max_rows=20)],
        models_of(obeys, steady),
        task=task(tmp_path),
        emit=silent,
    )
    metrics = found.suites["robustness"]
    assert metrics["consistency"].families == 20
    assert metrics["rules_followed"].base == 0 and metrics["rules_followed"].tuned == 1
    assert metrics["rules_followed"].n == 20
    assert metrics["consistency"].base is not None and metrics["consistency"].base < 1
    groups = {part.value: part.base for part in found.slices["robustness"] if part.kind == "attribute"}
    assert groups["injection"] == 0


def test_a_row_that_stands_twice_is_asked_once() -> None:
    rows = labelled_rows(2)
    found = suite("robustness", variants=["case"]).examples(bench([rows[0], rows[0], rows[1], rows[0]])).rows()
    assert [row.details.get("original") for row in found] == [rows[0].id] * 2 + [rows[1].id] * 2


def test_an_answer_that_an_error_ended_is_not_compared() -> None:
    rows = [
        AnsweredRow(row, "heart", finish="error" if row.details.get("variant") == "case" else "stop")
        for row in suite("robustness", variants=["case", "spacing"]).examples(bench(labelled_rows(3))).rows()
    ]
    values = scorer("consistency").per_row(rows)
    assert values is not None
    found = {str(row.row.details.get("variant")): value for row, value in zip(rows, values, strict=True)}
    assert found["spacing"] == 1 and math.isnan(found["case"])
    broken = [replace(row, finish="error") for row in rows]
    assert math.isnan(scorer("consistency").score(broken, LABELS))


def document(text: str) -> Row:
    """A row of plain text."""
    return Row(text[:9], ({"role": "document", "content": text},))


@pytest.mark.parametrize(
    ("rows", "keys", "labels", "reason"),
    [
        ([], {}, LABELS, "prompt ends with a user's turn"),
        ([document("plain text")], {}, (), "prompt ends with a user's turn"),
        ([labelled("a b", "heart")], {"variants": ["order"]}, (), "no row can be changed by order"),
        ([labelled("   ", "heart")], {}, LABELS, "no row can be changed by typos, case"),
        ([labelled("1 2 3", "heart")], {"variants": ["typos", "case"]}, LABELS, "no row can be changed by typos, case"),
    ],
    ids=["no rows", "documents", "order without labels", "blank prompts", "no words"],
)
def test_what_cannot_be_measured_is_one_sentence(
    rows: list[Row], keys: dict[str, Any], labels: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(NotMeasured, match=reason):
        suite("robustness", **keys).examples(bench(rows, labels))
    with pytest.raises(NotMeasured, match="give a recipe or a run"):
        suite("robustness", **keys).examples(Bench(labels=labels))


def test_a_split_without_rows_is_the_users_mistake(tmp_path: Path) -> None:
    splits = {"train": FakeSplit(labelled_rows(3)), "test": FakeSplit([])}
    with pytest.raises(UserError, match="no test rows to measure"):
        evaluate(
            [suite("robustness")],
            models_of(RuleModel(reads_label), None),
            task=task(tmp_path, splits=splits),
            emit=silent,
        )


@pytest.mark.parametrize(
    "row",
    [
        labelled("one row alone", "heart"),
        replace(labelled("", "heart"), messages=asked("half a character \ud800 here", "heart").messages),
        labelled("心臓は血液を送り出します。 ÄÖÜ ß İstanbul", "heart"),
        labelled("a label that nobody knows", "spleen"),
    ],
    ids=["one", "surrogate", "scripts", "unseen"],
)
def test_odd_rows_are_measured(tmp_path: Path, row: Row) -> None:
    splits = {"train": FakeSplit(labelled_rows(3)), "test": FakeSplit([row])}
    model = RuleModel(lambda _prompt: "heart")
    found = evaluate([suite("robustness")], models_of(model, model), task=task(tmp_path, splits=splits), emit=silent)
    one = found.suites["robustness"]
    assert one["consistency"].tuned == 1 and one["consistency"].families == 1
    assert one["accuracy"].tuned == float(row.label == "heart")


@pytest.mark.parametrize("unit", ["word ", "x", "heart ", "\n", "a,b;"])
def test_a_megabyte_is_changed_in_seconds(unit: str) -> None:
    text = "Which one? " + unit * (1_000_000 // len(unit))
    began = time.process_time()
    found = [changed(asked(text), name, labels=OPTIONS, seed=1) for name in CHANGES]
    assert time.process_time() - began < 20
    assert sum(row is not None for row in found) >= 6
