"""Labels of people beside verdicts: kappa as others compute it, files with mistakes, labels that belong elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from tests.evaluate.judging.duels import duel_of
from tunewright.core.errors import UserError
from tunewright.evaluate.judging.ask import Heard, JudgedPair
from tunewright.evaluate.judging.labels import Label, agreement, kappa, majorities, read_labels
from tunewright.evaluate.judging.pairs import Duel

WINNERS = ("base", "tuned", "tie")


def judged(duel: Duel, place: int, winner: int) -> JudgedPair:
    """A pair whose both orders say the same."""
    said = [{0: "first", 1: "second", 2: "tie"}[winner], {0: "second", 1: "first", 2: "tie"}[winner]]
    heard = tuple(Heard(order, "", verdict) for order, verdict in enumerate(said))  # type: ignore[arg-type]
    return JudgedPair(duel.pairs[place], heard, reached=True)


@pytest.mark.parametrize("seed", range(4))
def test_kappa_and_its_interval_are_those_of_others(seed: int, tmp_path: Path) -> None:
    generator = np.random.default_rng(seed)
    duel = duel_of(tmp_path, 250)
    people = generator.choice(3, size=250, p=[0.2, 0.5, 0.3])
    model = np.where(generator.random(250) < 0.6, people, generator.choice(3, size=250))
    pairs = [judged(duel, place, int(winner)) for place, winner in enumerate(model)]
    labels = [Label(duel.pairs[place].row, WINNERS[winner]) for place, winner in enumerate(people)]
    found = agreement(pairs, labels, duel=duel)
    assert found.kappa.value == pytest.approx(cohen_kappa_score(model, people), abs=1e-12)
    assert found.share.value == pytest.approx(np.mean(model == people))
    table = np.zeros((3, 3))
    np.add.at(table, (model, people), 1)
    reference = cohens_kappa(table)
    assert found.kappa.interval == pytest.approx((reference.kappa_low, reference.kappa_upp), abs=0.02)
    assert (found.pairs, found.labels, found.raters, found.elsewhere) == (250, 250, 1, 0)


def test_one_verdict_throughout_has_no_kappa(tmp_path: Path) -> None:
    duel = duel_of(tmp_path, 5)
    pairs = [judged(duel, place, 1) for place in range(5)]
    found = agreement(pairs, [Label(one.row, "tuned") for one in duel.pairs], duel=duel)
    assert (found.share.value, found.kappa.value, found.kappa.interval) == (1.0, None, None)
    assert np.isnan(kappa(np.zeros(9)))


def test_labels_of_rows_that_were_not_judged_are_counted(tmp_path: Path) -> None:
    duel = duel_of(tmp_path, 3)
    labels = [Label(duel.pairs[0].row, "tuned"), Label("unseen", "base", "Ann"), Label(duel.pairs[2].row, "tie")]
    found = agreement([judged(duel, 0, 1), JudgedPair(duel.pairs[2])], labels, duel=duel)
    assert (found.pairs, found.elsewhere, found.raters) == (1, 2, 2)
    nothing = agreement([], labels, duel=duel)
    assert (nothing.pairs, nothing.share.value, nothing.kappa.value) == (0, None, None)


def test_the_majority_of_raters_counts(tmp_path: Path) -> None:
    duel = duel_of(tmp_path, 4)
    said = {"a": ["tuned", "tuned", "base"], "b": ["tuned", "base"], "c": ["tie", "base"], "d": ["tie", "tie"]}
    labels = [Label(row, winner) for row, winners in said.items() for winner in winners]
    assert majorities(labels, duel) == {"a": 1, "b": None, "c": 0, "d": None}


def test_labels_come_from_json_lines_and_parquet(tmp_path: Path) -> None:
    duel = duel_of(tmp_path, 2)
    rows = [{"row": "a", "winner": "tuned", "rater": "Ann", "time": 3}, {"row": "b", "winner": "skip", "rater": "Bo"}]
    (tmp_path / "votes.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "votes.parquet")
    for name in ("votes.jsonl", "votes.parquet"):
        assert read_labels(tmp_path / name, duel) == [Label("a", "tuned", "Ann")]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.jsonl", None, "no such file"),
        ("empty.jsonl", "", "no label"),
        ("skips.jsonl", '{"row": "a", "winner": "skip"}\n', "no label"),
        ("x.jsonl", '{"row": "a"}\n', r"x.jsonl:1: a label needs row and winner"),
        ("x.jsonl", '{"row": "a", "winner": "tie"}\n{"row": 3, "winner": "tie"}\n', "x.jsonl:2"),
        ("x.jsonl", '{"row": "a", "winner": "Tuned"}\n', "base, tuned, tie, skip"),
        ("x.parquet", "no parquet", "no Parquet file"),
    ],
)
def test_a_file_with_a_mistake_is_one_sentence(tmp_path: Path, name: str, content: str | None, sentence: str) -> None:
    duel = duel_of(tmp_path, 2)
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=sentence):
        read_labels(tmp_path / name, duel)
