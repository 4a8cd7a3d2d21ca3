"""Answer sheets: what was answered once is not asked again, and what was never answered so always is."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.evaluate.fakes import (
    CharChat,
    FakeSplit,
    RuleModel,
    is_chatty,
    labelled_rows,
    last_turn,
    reads_label,
    scorers,
    suite,
)
from tests.evaluate.fakes import task as task_of
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import OutsideError
from tunewright.core.events import silent
from tunewright.core.language_model import GREEDY, Sampling, Scored, ScoreItem
from tunewright.core.nouns import Evaluation
from tunewright.core.ports import Details, Row
from tunewright.evaluate.evaluate import Models, evaluate
from tunewright.evaluate.respondents import Local
from tunewright.evaluate.sheets import SCHEMA, Kept, Sheets
from tunewright.evaluate.store import ANSWERS
from tunewright.evaluate.suite import Talk


@dataclass
class Counted(Local):
    """A model that answers by rule, and keeps how many rows it was asked to write and to score."""

    wrote: list[int] = field(default_factory=list)
    scored: list[int] = field(default_factory=list)

    def write(self, talks: Sequence[Talk], *, max_new_tokens: int, sampling: Sampling = GREEDY) -> Any:
        self.wrote.append(len(talks))
        return super().write(talks, max_new_tokens=max_new_tokens, sampling=sampling)

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        self.scored.append(len(items))
        return super().score(items)

    @property
    def asked(self) -> int:
        return len(self.wrote) + len(self.scored)


def counted(model: RuleModel, name: str) -> Counted:
    return Counted(name, CharChat(), lambda: model, f"{name} {model.sure}")


def two() -> tuple[Counted, Counted]:
    return counted(RuleModel(is_chatty, sure=0.4), "base"), counted(RuleModel(reads_label), "tuned")


def measured(folder: Path, models: tuple[Counted, Counted | None], suites: Sequence[Any], **keys: Any) -> Evaluation:
    """One evaluation whose sheets lie in `folder`, its own files elsewhere."""
    work = replace(task_of(folder / "evaluation", **keys), sheets=folder / "sheets", scorers=scorers())
    return evaluate(suites, Models(*models), task=work, emit=silent)


def questions(folder: Path, suites: Sequence[Any], **keys: Any) -> tuple[int, int]:
    """How often a new base and a new tuned model are asked."""
    base, tuned = two()
    measured(folder, (base, tuned), suites, **keys)
    return base.asked, tuned.asked


def test_the_same_again_asks_nobody_and_finds_the_same(tmp_path: Path) -> None:
    asked = [suite("heldout"), suite("labels")]
    first = measured(tmp_path, two(), asked)
    answers = (tmp_path / "evaluation" / ANSWERS).read_bytes()
    models = two()
    again = measured(tmp_path, models, asked)
    assert [one.asked for one in models] == [0, 0]
    assert again.name == first.name
    assert again.suites == first.suites
    assert (tmp_path / "evaluation" / ANSWERS).read_bytes() == answers


def test_a_new_metric_asks_nobody(tmp_path: Path) -> None:
    questions(tmp_path, [suite("labels", scorers=("accuracy",))])
    assert questions(tmp_path, [suite("labels", scorers=("accuracy", "f1", "calibration"))]) == (0, 0)


def test_a_change_of_what_is_said_asks_again(tmp_path: Path) -> None:
    asked = [suite("answers")]
    keys: dict[str, Any] = {"base_prompts": ("bare",)}
    before = questions(tmp_path, asked, **keys)
    assert min(before) == 1
    assert questions(tmp_path, asked, max_new_tokens=3, **keys) == before
    assert questions(tmp_path, asked, seed=1, **keys) == before
    fewer = {"train": FakeSplit(labelled_rows(9)), "test": FakeSplit(labelled_rows(5, start=200))}
    assert questions(tmp_path, asked, splits=fewer, **keys) == before
    assert questions(tmp_path, asked, **keys) == (0, 0)


def test_another_prompt_asks_the_base_alone(tmp_path: Path) -> None:
    asked = [suite("labels")]
    assert questions(tmp_path, asked, base_prompts=("bare",)) == (2, 2)
    assert questions(tmp_path, asked, base_prompts=("labels_listed",)) == (2, 0)
    assert questions(tmp_path, asked, base_prompts=("labels_listed",)) == (0, 0)


def test_details_of_a_row_are_part_of_the_question(tmp_path: Path) -> None:
    def splits(choices: list[str]) -> dict[str, FakeSplit]:
        rows = [replace(row, details=Details(choices=choices)) for row in labelled_rows(4)]
        return {"train": FakeSplit(labelled_rows(9)), "test": FakeSplit(rows)}

    asked, keys = [suite("answers")], {"base_prompts": ("bare",)}
    questions(tmp_path, asked, splits=splits(["a", "b"]), **keys)
    assert questions(tmp_path, asked, splits=splits(["a", "b"]), **keys) == (0, 0)
    assert questions(tmp_path, asked, splits=splits(["b", "a"]), **keys) == (1, 1)


def test_another_model_is_asked_and_the_first_is_not(tmp_path: Path) -> None:
    base, _ = two()
    measured(tmp_path, (base, None), [suite("answers")], base_prompts=("bare",))
    before = base.asked
    other = counted(RuleModel(reads_label, sure=0.7), "other")
    measured(tmp_path, (base, other), [suite("answers")], base_prompts=("bare",))
    assert (base.asked - before, other.asked) == (0, 1)


def test_two_targets_on_the_same_prompts_share_the_base(tmp_path: Path) -> None:
    base = two()[0]
    for sure in (0.6, 0.7, 0.8):
        measured(tmp_path, (base, counted(RuleModel(reads_label, sure=sure), "tuned")), [suite("heldout")])
    assert base.asked == 1


def damage(file: Path, kind: str) -> None:
    """Make a sheet one that cannot be used."""
    content = file.read_bytes()
    table = pq.read_table(file)
    if kind == "empty":
        file.write_bytes(b"")
    elif kind == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif kind == "garbage":
        file.write_bytes(os.urandom(len(content)))
    elif kind == "text":
        file.write_text("{}")
    elif kind == "other columns":
        pq.write_table(table.select(["row", "answer"]), file)
    elif kind == "other rows":
        pq.write_table(table.slice(1), file)
    elif kind == "order":
        pq.write_table(table.take(list(reversed(range(len(table))))), file)
    elif kind == "nulls":
        nulls = pa.array([None] * len(table), SCHEMA.field("tokens").type)
        pq.write_table(table.set_column(table.schema.get_field_index("tokens"), SCHEMA.field("tokens"), nulls), file)
    elif kind == "types":
        numbers = pa.array([[str(each) for each in row] for row in table["tokens"].to_pylist()], pa.list_(pa.string()))
        pq.write_table(table.set_column(table.schema.get_field_index("tokens"), "tokens", numbers), file)


KINDS = ["empty", "cut", "garbage", "text", "other columns", "other rows", "order", "nulls", "types"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_sheet_is_asked_again_and_mended(tmp_path: Path, kind: str) -> None:
    asked, keys = [suite("answers")], {"base_prompts": ("bare",)}
    first = measured(tmp_path, two(), asked, **keys)
    files = sorted((tmp_path / "sheets").glob("*.parquet"))
    assert len(files) == 2
    for file in files:
        damage(file, kind)
    base, tuned = two()
    again = measured(tmp_path, (base, tuned), asked, **keys)
    assert (base.asked, tuned.asked) == (1, 1)
    assert again.name == first.name
    assert questions(tmp_path, asked, **keys) == (0, 0)


FLIP = """
import sys
from pathlib import Path
from tests.evaluate.test_sheets import a_sheet, some_answers
from tunewright.evaluate.sheets import Sheets
folder, rows, wrong = Path(sys.argv[1]), [each.row for each in some_answers()], 0
whole = a_sheet(folder).read_bytes()
for place in range(0, len(whole), int(sys.argv[2])):
    content = bytearray(whole)
    content[place] ^= 1 << (place % 8)
    (folder / "key.parquet").write_bytes(content)
    found = Sheets(folder).find("key", rows)
    wrong += found is not None and found != some_answers()
print(len(whole), wrong)
"""


def some_answers() -> list[AnsweredRow]:
    """Answers with everything that one can have."""
    numbers = random.Random(3)
    return [
        AnsweredRow(
            Row(f"{place:08x}", ()),
            f"answer {numbers.random()} ünï\n",
            predicted=None if place % 3 else "",
            log_probabilities=tuple(-numbers.random() for _ in range(place)),
            greedy=tuple(numbers.random() < 0.5 for _ in range(place)),
            weights=(0.5,) * place,
            tokens=tuple(numbers.randrange(1 << 17) for _ in range(place)),
            choices=(-1.5, -math.inf) if place % 2 else (),
            finish=("stop", "length", "error", "")[place % 4],
            seconds=0.25 if place % 5 else None,
            first_token_s=1e-3,
            bytes=place,
        )
        for place in range(12)
    ]


def a_sheet(folder: Path) -> Path:
    """A sheet with these answers."""
    Sheets(folder).keep("key", some_answers())
    return folder / "key.parquet"


def test_answers_come_back_as_they_were(tmp_path: Path) -> None:
    a_sheet(tmp_path)
    assert Sheets(tmp_path).find("key", [each.row for each in some_answers()]) == some_answers()


def test_no_flipped_bit_becomes_an_answer(tmp_path: Path) -> None:
    """In a process of its own, so that a crash of the reader would be seen as one."""
    done = subprocess.run(
        [sys.executable, "-c", FLIP, str(tmp_path), "11"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-500:]
    size, wrong = map(int, done.stdout.split())
    assert size > 3000
    assert wrong == 0


WRITE = """
import sys
from pathlib import Path
from tests.evaluate.test_sheets import a_sheet
for _ in range(25):
    a_sheet(Path(sys.argv[1]))
"""


def test_two_processes_that_write_one_sheet_leave_a_whole_one(tmp_path: Path) -> None:
    line = [sys.executable, "-c", WRITE, str(tmp_path)]
    a_sheet(tmp_path)
    rows = [each.row for each in some_answers()]
    writers = [subprocess.Popen(line) for _ in range(2)]
    looks = 0
    while any(writer.poll() is None for writer in writers):
        assert Sheets(tmp_path).find("key", rows) == some_answers()
        looks += 1
    assert [writer.returncode for writer in writers] == [0, 0]
    assert looks > 10
    assert [each.name for each in tmp_path.iterdir()] == ["key.parquet"]


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutsideError, match=r"the disk is full\. Free some space") as caught:
        questions(tmp_path, [suite("answers")])
    assert caught.value.retry == "safe"
    assert list((tmp_path / "sheets").iterdir()) == []
    monkeypatch.undo()
    assert min(questions(tmp_path, [suite("answers")])) > 0


# What a suite asks the base while it makes its examples.


def talkers() -> tuple[Counted, Counted]:
    """Models that say what they were asked."""
    return counted(RuleModel(last_turn, sure=0.4), "base"), counted(RuleModel(last_turn), "tuned")


def test_the_base_writes_the_answers_of_general_kl_once(tmp_path: Path) -> None:
    asked = [suite("general", parts=("kl",), max_rows=6)]
    base, tuned = talkers()
    first = measured(tmp_path, (base, tuned), asked, labels=())
    assert base.wrote == [6]
    assert base.scored == [6, 6], "its own tokens, and as every model"
    base, tuned = talkers()
    again = measured(tmp_path, (base, tuned), asked, labels=())
    assert (base.asked, tuned.asked) == (0, 0)
    assert again.name == first.name
    assert again.suites["general_kl"]["kl_to_base"].base == 0.0
    other = counted(RuleModel(last_turn, sure=0.3), "other")
    base, _ = talkers()
    measured(tmp_path, (base, other), asked, labels=())
    assert (base.asked, other.asked) == (0, 1)


def test_other_answers_of_the_base_are_asked_for(tmp_path: Path) -> None:
    def wrote(base: Counted, seed: int = 0, **options: Any) -> list[int]:
        keys = {"parts": ("kl",), "max_rows": 4} | options
        measured(tmp_path, (base, None), [suite("general", **keys)], labels=(), seed=seed)
        return base.wrote

    assert wrote(talkers()[0]) == [4]
    assert wrote(talkers()[0]) == []
    assert wrote(talkers()[0], seed=1) == [4]
    assert wrote(talkers()[0], max_new_tokens=3) == [4]
    assert wrote(talkers()[0], max_rows=5) == [5]
    assert wrote(counted(RuleModel(last_turn, sure=0.3), "base")) == [4]


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_answers_of_the_base_are_made_again(tmp_path: Path, kind: str) -> None:
    asked = [suite("general", parts=("kl",), max_rows=4)]
    first = measured(tmp_path, talkers(), asked, labels=())
    for file in (tmp_path / "sheets").glob("*.parquet"):
        damage(file, kind)
    base, tuned = talkers()
    again = measured(tmp_path, (base, tuned), asked, labels=())
    assert base.wrote == [4]
    assert again.name == first.name


def test_kept_scores_are_those_that_were_given(tmp_path: Path) -> None:
    base = talkers()[0]
    kept = Kept(base, Sheets(tmp_path))
    items = [ScoreItem((65, 66), ((67,), (68, 69))), ScoreItem((65,), ((1, 2, 3),))]
    first, again, plain = kept.score(items), kept.score(items), base.score(items)
    assert base.scored == [2, 2], "once for the sheet, once for the comparison"
    for results in (first, again):
        assert [len(each) for each in results] == [2, 1]
        for one, other in zip((x for each in results for x in each), (x for each in plain for x in each), strict=True):
            assert one.log_probabilities.dtype == other.log_probabilities.dtype == np.float32
            assert np.array_equal(one.log_probabilities, other.log_probabilities)
            assert np.array_equal(one.greedy, other.greedy)
    assert (kept.name, kept.identity, kept.chat) == (base.name, base.identity, base.chat)


def test_times_are_measured_anew(tmp_path: Path) -> None:
    model = RuleModel(last_turn)
    kept = Kept(counted(model, "base"), Sheets(tmp_path))
    talks = [Talk(row.prompt) for row in labelled_rows(2)]
    for _ in range(2):
        assert all(each.seconds is not None for each in kept.write_alone(talks, max_new_tokens=5))
    assert len(model.asked) == 8
    assert list(tmp_path.iterdir()) == []
