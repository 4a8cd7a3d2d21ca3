"""The suite `file`: a user's own rows, whatever is in the file."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.evaluate.fakes import CharChat, RuleModel, models_of, scorers, suite, task
from tunewright.app import resolve
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.core.events import Event, Note
from tunewright.evaluate.evaluate import evaluate
from tunewright.evaluate.respondents import Local
from tunewright.evaluate.suite import Bench, NotMeasured, Sample

QUESTIONS = [{"question": f"How much is {n} and {n}?", "answer": str(2 * n)} for n in range(8)]
CHOICES = [{"question": f"Which is {n}?", "choices": ["one", "two", "three"], "answer": n} for n in range(3)]


@dataclass(frozen=True)
class Desk(Bench):
    """A bench that reads files with the parts of the catalogue."""

    data_parts: Callable[[Any], Any] | None = resolve.data_parts


def write(path: Path, rows: list[Any]) -> Path:
    """JSON Lines; texts are written as they are."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def examples(folder: Path, **keys: Any) -> tuple[Any, Sample]:
    """A suite and its rows, of `test.jsonl` unless another path is given."""
    work = suite("file", **keys)
    return work, work.examples(Desk(folder=folder))


def asked(folder: Path, rule: Callable[[str], str], **keys: Any) -> list[AnsweredRow]:
    """What a model that answers by a rule says to the rows of a file."""
    work, sample = examples(folder, **keys)
    model = Local("tuned", CharChat(), lambda: RuleModel(rule), "1")
    return work.answer(work.ways[0], model, sample=sample, style="bare", bench=Desk(folder=folder))


def value(name: str, rows: list[AnsweredRow]) -> float:
    """A metric."""
    return scorers()[name].score(rows, ())


def adds(prompt: str) -> str:
    """The right sum."""
    return str(2 * int(prompt.split("How much is ")[1].split(" ")[0]))


def test_the_result_is_called_after_the_file() -> None:
    assert suite("file", path="a/b/My tests.jsonl").ways == ("file_My_tests",)
    assert suite("file", path="data/*.csv").name == "file__"
    assert suite("file").scorers == ("exact_match",)


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", QUESTIONS)
    (tmp_path / "a.json").write_text(json.dumps(QUESTIONS))
    pq.write_table(pa.Table.from_pylist(QUESTIONS), tmp_path / "a.parquet")
    for name, delimiter in (("a.csv", ","), ("a.tsv", "\t")):
        with (tmp_path / name).open("w", newline="") as file:
            table = csv.DictWriter(file, ["question", "answer"], delimiter=delimiter)
            table.writeheader()
            table.writerows(QUESTIONS)
    found = {
        name: examples(tmp_path, path=f"a.{name}")[1].rows() for name in ("jsonl", "json", "parquet", "csv", "tsv")
    }
    assert len(found["jsonl"]) == 8
    for rows in found.values():
        assert [row.id for row in rows] == [row.id for row in found["jsonl"]]


def test_answers_are_written_and_compared(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", QUESTIONS)
    assert value("exact_match", asked(tmp_path, adds)) == 1.0
    assert value("exact_match", asked(tmp_path, lambda _prompt: "2")) == pytest.approx(1 / 8)


def test_choices_are_ranked_and_named_by_text_letter_or_place(tmp_path: Path) -> None:
    rows = [
        *CHOICES,
        CHOICES[1] | {"question": "By letter?", "answer": "c"},
        CHOICES[1] | {"question": "In words?", "answer": "two"},
    ]
    write(tmp_path / "test.jsonl", rows)
    found = asked(tmp_path, lambda prompt: "three" if "letter" in prompt else "two")
    assert [each.row.label for each in found] == ["one", "two", "three", "three", "two"]
    assert [each.predicted for each in found] == ["two", "two", "two", "three", "two"]
    assert value("exact_match", found) == value("accuracy", found) == 0.6
    written = asked(tmp_path, lambda _prompt: "Two.", ask="generation")
    assert [each.predicted for each in written] == ["two"] * 5


def test_choices_come_out_of_a_parquet_file(tmp_path: Path) -> None:
    rows = [{"stem": "Which?", "options": ["a b", "c d"], "key": "c d"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    _, sample = examples(tmp_path, path="t.parquet", question="stem", choices="options", target="key")
    assert (sample.rows()[0].label, sample.rows()[0].details["choices"]) == ("c d", ["a b", "c d"])


def test_labels_are_written_or_ranked(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", [{"text": f"t{n}", "label": "ab"[n % 2] * 3} for n in range(6)])
    by_rule = [
        asked(tmp_path, lambda _prompt: " aaa ", scorers=("accuracy",), ask=ask) for ask in ("auto", "likelihood")
    ]
    assert [each.predicted for each in by_rule[0]] == ["aaa"] * 6
    assert value("accuracy", by_rule[0]) == 0.5
    ranked = asked(tmp_path, lambda _prompt: "bbb", ask="likelihood")
    assert [each.predicted for each in ranked] == ["bbb"] * 6
    assert all(len(each.choices) == 2 for each in ranked)


def test_a_label_that_the_dataset_knows_can_be_chosen_too(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", [{"text": "t", "label": "new"}, {"text": "u", "label": "old"}])
    work, sample = examples(tmp_path, ask="likelihood")
    model = Local("tuned", CharChat(), lambda: RuleModel(lambda _prompt: "known"), "1")
    found = work.answer(work.name, model, sample=sample, style="bare", bench=Desk(folder=tmp_path, labels=("known",)))
    assert [each.predicted for each in found] == ["known", "known"]


def test_texts_without_choices_or_labels_cannot_be_ranked(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", QUESTIONS)
    with pytest.raises(NotMeasured, match="neither choices nor labels"):
        asked(tmp_path, adds, ask="likelihood")


def test_a_shape_with_its_columns_wins(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", [{"body": "b", "queue": "q", "question": "x", "choices": ["y", "z"]}])
    _, sample = examples(tmp_path, shape={"type": "labelled", "text": "body", "label": "queue"})
    assert (sample.rows()[0].label, sample.rows()[0].prompt[0]["content"]) == ("q", "b")


def test_bad_rows_are_set_aside_and_told_with_the_first_of_each_reason(tmp_path: Path) -> None:
    bad = ['{"question": ', '{"question": "a?"}', '{"question": "", "answer": "x"}', "[1]", '{"question": "b?"}']
    write(tmp_path / "test.jsonl", [*QUESTIONS, *bad, QUESTIONS[0], QUESTIONS[0]])
    work, sample = examples(tmp_path)
    assert len(sample) == 8
    told = " ".join(work.notes)
    assert "5 of 15 rows were set aside and not measured" in told
    assert 'missing_column 2 (first test.jsonl:10: there is no "answer"; there is: question)' in told
    assert "broken_json 1 (first test.jsonl:9" in told
    assert "2 exact duplicates were left out" in told


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"choices": ["one"]}, "bad_choices"),
        ({"choices": ["one", "one"]}, "bad_choices"),
        ({"choices": ["one", None]}, "bad_choices"),
        ({"choices": ["one", ""]}, "bad_choices"),
        ({"choices": ["one", ["two"]]}, "bad_choices"),
        ({"choices": "one, two"}, "missing_choices"),
        ({"answer": "four"}, "wrong_answer"),
        ({"answer": 3}, "wrong_answer"),
        ({"answer": -1}, "wrong_answer"),
        ({"answer": True}, "wrong_answer"),
        ({"answer": 0.0}, "wrong_answer"),
        ({"answer": None}, "missing_column"),
        ({"question": 3}, "not_text"),
        ({"question": " "}, "empty_text"),
    ],
)
def test_a_choice_that_means_nothing_is_set_aside(change: dict[str, Any], reason: str, tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", [*CHOICES, CHOICES[0] | {"question": "Bad?"} | change])
    work, sample = examples(tmp_path)
    assert len(sample) == 3
    assert reason in work.notes[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "test.jsonl holds no rows"),
        ("\n\n", "test.jsonl holds no rows"),
        ("not json\n", "no row can be read; line 1: broken_json"),
        ('{"a": 1}\n', "the rows have no known shape; the first has the columns a"),
        ('{"question": "", "answer": ""}\n', "no row of test.jsonl can be measured. test.jsonl: 1 of 1 rows"),
        ('{"text": "only text"}\n', "plain text: there is no answer to compare with"),
        ('{"prompt": "a question"}\n', "prompts without answers: there is nothing to compare with"),
        ('{"prompt": "q", "completion": "a", "label": false}\n', "rated answers, of which some are bad"),
        ("\0\0\0\n", "no row can be read; line 1: nul_byte"),
    ],
)
def test_a_file_without_a_row_to_measure_is_a_sentence(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text(text)
    with pytest.raises(UserError) as caught:
        examples(tmp_path)
    assert said in str(caught.value)
    assert "data.shape" not in str(caught.value) and "data.train" not in str(caught.value)


def test_a_missing_file_a_folder_and_an_unknown_ending_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.xyz").write_text("x")
    for path, said in [("no.jsonl", 'no file is called "no.jsonl"'), ("folder", "is a folder"), ("a.xyz", "a.xyz")]:
        with pytest.raises(UserError) as caught:
            examples(tmp_path, path=path)
        assert said in str(caught.value)
    assert len(examples(write(tmp_path / "b.xyz", QUESTIONS).parent, path="b.xyz", format="jsonl")[1]) == 8


def test_a_bench_without_parts_says_so(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", QUESTIONS)
    with pytest.raises(NotMeasured, match="nothing here reads files"):
        suite("file").examples(Bench(folder=tmp_path))


def test_a_prompt_of_a_megabyte_is_set_aside_unless_it_is_allowed(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", [*QUESTIONS, {"question": "x" * 2**20, "answer": "long"}])
    work, sample = examples(tmp_path)
    assert len(sample) == 8
    assert "prompt_too_long 1 (first test.jsonl:9: about 262,144 tokens, at most 4,096)" in work.notes[0]
    found = asked(tmp_path, lambda prompt: "long" if len(prompt) > 2**20 else "short", max_tokens=1_000_000)
    assert [each.answer for each in found] == ["short"] * 8 + ["long"]


def test_tokens_of_a_prompt_are_those_of_the_base_model_where_it_is_here(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", [{"question": "x" * length, "answer": "a"} for length in (99, 100, 101)])
    base = Local("base", CharChat(), lambda: RuleModel(adds), "1")
    sample = suite("file", max_tokens=100).examples(Desk(folder=tmp_path, base=base))
    assert [len(row.prompt[0]["content"]) for row in sample.rows()] == [99, 100]


def test_rows_are_drawn_from_the_whole_file_and_told(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", [{"question": f"{n}?", "answer": "x"} for n in range(200)])
    work, sample = examples(tmp_path, max_rows=20, seed=4)
    places = [row.line for row in sample.rows()]
    assert places == sorted(set(places)) and len(places) == 20 and max(places) > 100
    assert work.notes == ("test.jsonl: 20 of 200 rows were drawn.",)
    assert places == [row.line for row in examples(tmp_path, max_rows=20, seed=4)[1].rows()]
    assert places != [row.line for row in examples(tmp_path, max_rows=20, seed=5)[1].rows()]


def test_every_row_is_counted_once_in_random_files(tmp_path: Path, seed: int = 17) -> None:
    drawn = random.Random(seed)
    good, bad = '{"question": "q%d", "answer": "a"}', ["{", '{"question": 1, "answer": "a"}', '{"answer": "a"}', "3"]
    for _ in range(20):
        rows = [good % drawn.randrange(30) if drawn.random() < 0.7 else drawn.choice(bad) for _ in range(60)]
        distinct, broken = len({row for row in rows if row not in bad}), sum(row in bad for row in rows)
        work, sample = examples(write(tmp_path / "test.jsonl", rows).parent, shape="question_answer")
        assert len(sample) == distinct
        told = " ".join(work.notes)
        assert f"{broken} of 60 rows were set aside" in told
        assert f"{60 - distinct - broken} exact duplicates" in told


def test_what_is_in_the_file_decides_whether_it_was_measured_before(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", QUESTIONS)
    before = suite("file").inputs(Desk(folder=tmp_path))
    assert suite("file").inputs(Desk(folder=tmp_path)) == before
    write(tmp_path / "test.jsonl", QUESTIONS[1:])
    assert suite("file").inputs(Desk(folder=tmp_path)) != before


def test_those_who_watch_are_told_what_was_set_aside(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", [*QUESTIONS, QUESTIONS[0], "no JSON"])
    seen: list[Event] = []
    model = RuleModel(adds)
    wanted = replace(task(tmp_path / "out"), room=Desk(folder=tmp_path))
    found = evaluate([suite("file", path="test.jsonl")], models_of(model, model), task=wanted, emit=seen.append)
    assert found.suites["file_test"]["exact_match"].tuned == 1
    said = [event.text for event in seen if isinstance(event, Note)]
    assert [text for text in said if "duplicate" in text] == ["test.jsonl: 1 exact duplicates were left out."]
    assert len([text for text in said if "1 of 10 rows were set aside and not measured" in text]) == 1
