"""The suite `contamination`: test rows that were trained on are found, others are not, and nothing is remembered."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.data.builders import row
from tests.evaluate.fakes import FakeSplit, RuleModel, models_of, scorer, suite, task
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.core.events import silent
from tunewright.core.nouns import Comparison
from tunewright.core.ports import Converted, Row
from tunewright.data.rows import make_row
from tunewright.evaluate.evaluate import evaluate
from tunewright.evaluate.suite import Bench, NotMeasured, sample_of

WORDS = [f"{start}{end}" for start in "abcdefghijklmnopqrst" for end in ("ard", "est", "ilk", "orn", "unt", "ymp")]
DRAW = random.Random(5)


def text(words: int, draw: random.Random = DRAW) -> str:
    """Words in random order."""
    return " ".join(draw.choices(WORDS, k=words))


def rows(count: int, *, words: int = 40, source: str = "f") -> list[Row]:
    """Rows of random words."""
    return [row(text(words), text(6), source=source, line=number) for number in range(2, count + 2)]


def asked(train: list[Row], measured: list[Row], **keys: object) -> list[AnsweredRow]:
    """What was found of each row."""
    work, bench = suite("contamination", **keys), Bench(train=FakeSplit(train), measured=sample_of(measured))
    return work.answer("contamination", None, sample=work.examples(bench), style="bare", bench=bench)


def one(train: Row, measured: Row, **keys: object) -> AnsweredRow:
    """The same for one row among others."""
    return asked([*rows(20), train, *rows(20)], [measured, *rows(15)], **keys)[0]


def prompt(of: Row) -> str:
    """The question."""
    return of.prompt[-1].get("content", "")


def test_clean_rows_are_clean() -> None:
    found = asked(rows(200), rows(60))
    assert {each.predicted for each in found} == {"clean"} and {each.answer for each in found} == {""}
    assert scorer("contaminated").score(found, ()) == 0


CHANGES: dict[str, Callable[[str], str]] = {
    "as it is": lambda said: said,
    "upper": str.upper,
    "title": str.title,
    "punctuation": lambda said: said.replace(" ", ", ") + "?!",
    "spaces": lambda said: "\n " + said.replace(" ", "  \t") + "\n\n",
    "quotes": lambda said: f"«{said}»",
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_prompt_is_found_whatever_its_case_and_punctuation(change: str) -> None:
    measured = rows(1)[0]
    found = one(row(CHANGES[change](prompt(measured)), "quite another answer", source="train.csv", line=9), measured)
    assert found.predicted == "exact"
    assert found.answer.startswith("exact: train.csv:9 (")


def covered(words: int, changed: Sequence[int], run: int) -> set[int]:
    """Places of the words that stand in an unchanged run of so many, by hand."""
    starts = [start for start in range(words - run + 1) if not any(start <= place < start + run for place in changed)]
    return {place for start in starts for place in range(start, start + run)}


@pytest.mark.parametrize(
    ("changed", "kind"),
    [((), "nearly"), ((3,), "nearly"), ((20, 21), "nearly"), ((20, 35), "nearly"), ((5, 20, 35, 50), "clean"),
     (tuple(range(0, 60, 6)), "clean")],
)  # fmt: skip
def test_a_few_words_may_differ(changed: tuple[int, ...], kind: str) -> None:
    """The prompt goes on in training, so that it is never the same; of 61 words the answer is another one, too."""
    said = text(60).split()
    train = [f"new{place}" if place in changed else word for place, word in enumerate(said)]
    found = one(row(" ".join([*train, "and", "more"]), "yes", source="t", line=4), row(" ".join(said), "no"))
    share = len(covered(61, [*changed, 60], 13)) / 61
    assert found.predicted == kind == ("nearly" if share >= 0.7 else "clean")
    assert found.answer == ("" if kind == "clean" else f"nearly: t:4 ({share:.0%} of its words)")


def test_the_options_decide_what_counts() -> None:
    """Of 31 words, in runs of 7, 17 are left where four are changed, 26 in runs of 3."""
    said = text(30).split()
    train = [f"new{place}" if place in (8, 12, 16, 20) else word for place, word in enumerate(said)]
    pair = row(" ".join([*train, "and", "more"]), "yes"), row(" ".join(said), "no")
    assert one(*pair).predicted == "clean"
    assert one(*pair, share=0.54).predicted == "nearly"
    assert one(*pair, share=0.56).predicted == "clean"
    assert one(*pair, ngram=3).predicted == "nearly"


def test_a_row_shorter_than_a_run_is_compared_whole() -> None:
    short = row("Who wrote Faust", "Goethe")
    assert one(row("Quiz: who wrote Faust? Goethe! Next one", "please", line=3), short).predicted == "nearly"
    assert one(row("Quiz: who wrote Faust? Schiller! Next", "please"), short).predicted == "clean"
    assert one(row("who wrote faust?", "Nobody"), short).predicted == "exact"


@pytest.mark.parametrize(
    ("train", "measured", "kind"),
    [
        ("心臓は血液を全身に送り出す臓器です。", "心臓は血液を全身に送り出す臓器です", "exact"),
        ("ÇOK GÜZEL BIR GÜN", "çok güzel bir gün", "exact"),
        ("STRASSE UND FLUSS", "Straße und Fluß", "exact"),
        ("😀😀", "😀 😀", "exact"),
        ("😀😀", "😡😡", "clean"),
        ("half \ud800 a pair", "half \ud800 a pair", "exact"),
        ("", "", "clean"),
        ("   \n", "", "clean"),
        ("…", "?!", "clean"),
    ],
)
def test_any_script_and_no_words_at_all(train: str, measured: str, kind: str) -> None:
    assert one(row(train, "x1"), row(measured, "x2")).predicted == kind


def test_plain_text_and_pairs_are_searched_too() -> None:
    said = text(50)
    document = make_row(Converted(({"role": "document", "content": f"Before. {said}. After."},)), source="d", line=1)
    assert one(document, row(said, "a")).predicted == "nearly"
    lost = make_row(
        Converted(row("What?", "Something").messages, rejected=({"role": "assistant", "content": said},)),
        source="p",
        line=2,
    )
    assert one(lost, row(said, "a")).answer.startswith("nearly: p:2")


def measured_by(
    folder: Path, train: list[Row], test: list[Row], *, sheets: Path | None = None, both: bool = True
) -> Comparison:
    """The metric in a whole evaluation."""
    model = RuleModel(lambda _prompt: "never asked")
    splits = {"train": FakeSplit(train), "test": FakeSplit(test)}
    wanted = replace(task(folder, splits=splits, labels=()), sheets=sheets)
    found = evaluate([suite("contamination")], models_of(model, model if both else None), task=wanted, emit=silent)
    assert model.asked == []
    return found.suites["contamination"]["contaminated"]


def test_planted_rows_are_counted_without_an_interval(tmp_path: Path) -> None:
    test = rows(40)
    planted = [row(prompt(each).upper(), "label") for each in test[:3]]
    found = measured_by(tmp_path, [*rows(100), *planted], test)
    assert (found.base, found.tuned, found.n, found.census) == (3 / 40, 3 / 40, 40, True)
    assert (found.base_interval, found.tuned_interval, found.interval) == (None, None, None)


def test_other_training_rows_are_searched_though_answers_are_kept(tmp_path: Path) -> None:
    """Answers of the same model to the same rows are kept; what stands in training is no answer of a model."""
    test, train, sheets = rows(10), rows(50), tmp_path / "sheets"
    for number, both in enumerate((True, False)):
        clean = measured_by(tmp_path / f"clean{number}", train, test, sheets=sheets, both=both)
        dirty = measured_by(tmp_path / f"dirty{number}", [*train, *test[:4]], test, sheets=sheets, both=both)
        assert (clean.base, dirty.base) == (0, 0.4)
    assert clean.tuned is None


def test_all_rows_alike_one_row_and_none(tmp_path: Path) -> None:
    same = [row("What is the capital of France?", "Paris")] * 30
    assert {each.predicted for each in asked([row("what is the capital of france", "Rome")], same)} == {"exact"}
    assert {each.predicted for each in asked(rows(5), same)} == {"clean"}
    alone = measured_by(tmp_path, [row("a b", "c")], [row("A, b!", "d")])
    assert (alone.tuned, alone.n) == (1.0, 1)
    with pytest.raises(NotMeasured, match="there are no training rows to search in"):
        suite("contamination").examples(Bench(measured=sample_of(rows(1))))
    with pytest.raises(NotMeasured, match="give a recipe or a run"):
        suite("contamination").examples(Bench(train=FakeSplit(rows(1))))
    with pytest.raises(UserError, match="no test rows to measure"):
        measured_by(tmp_path, rows(3), [])


def test_a_megabyte_on_both_sides() -> None:
    long = text(200_000)
    assert len(long) > 800_000
    found = asked([row(long, "yes", line=8)], [row(" ".join(long.split()[70_000:70_100]), ""), row(long.upper(), "no")])
    assert [each.predicted for each in found] == ["nearly", "exact"]
    assert found[0].answer.startswith("nearly: f:8")


def test_a_label_that_nobody_knows_is_no_matter() -> None:
    assert one(row("a b c", "seen"), row("A B C", "never seen")).predicted == "exact"
