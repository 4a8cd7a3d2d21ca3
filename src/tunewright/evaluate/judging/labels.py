"""Labels of people beside a judge's verdicts: read from a file of votes, and how far the two agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from tunewright.core.appended import json_lines
from tunewright.core.errors import UserError
from tunewright.evaluate.judging.ask import JudgedPair
from tunewright.evaluate.judging.measure import Figure, figure, figure_of
from tunewright.evaluate.judging.pairs import SKIP, TIE, Duel
from tunewright.stats.families import by_family
from tunewright.stats.resampling import Floats

COLUMNS = ("row", "winner")


@dataclass(frozen=True)
class Label:
    """One person's verdict on a row: the name of the model that won, or `tie`."""

    row: str
    winner: str
    rater: str = ""


class Agreement(BaseModel):
    """How far a judge and people agree on the same pairs.

    `share` is that of equal verdicts, `kappa` is Cohen's: agreement beyond what their habits alone would give. Of a
    pair with several raters the majority counts; without one, and where the judge's orders disagree, it is a tie.
    `elsewhere` labels are about rows that were not judged.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    labels: int
    raters: int
    pairs: int
    elsewhere: int
    share: Figure
    kappa: Figure


def read_labels(path: Path, duel: Duel) -> list[Label]:
    """The labels of a file, JSON Lines or Parquet, with the columns `row`, `winner` and perhaps `rater`.

    Skipped pairs are left out. Raises UserError for a file that cannot be read, or names a winner who is no model of
    the duel.
    """
    labels = [_label(value, duel, where=f"{path}:{number}") for number, value in enumerate(_values(path), start=1)]
    kept = [label for label in labels if label.winner != SKIP]
    if not kept:
        raise UserError("this file holds no label.", where=str(path), do="Give a file of votes with row and winner.")
    return kept


def _values(path: Path) -> Iterable[dict[str, Any]]:
    if not path.exists():
        raise UserError("there is no such file.", where=str(path), do="Give a file of votes with --labels.")
    if path.suffix != ".parquet":
        return json_lines(path)
    try:
        return pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise UserError("this is no Parquet file.", where=str(path), do="Give JSON Lines or Parquet.") from error


def _label(value: dict[str, Any], duel: Duel, *, where: str) -> Label:
    row, winner, rater = (value.get(name) for name in (*COLUMNS, "rater"))
    if not isinstance(row, str) or not isinstance(winner, str) or not isinstance(rater, str | None):
        raise UserError("a label needs row and winner, as texts.", where=where, do="Mend the line.")
    known = (*duel.models, TIE, SKIP)
    if winner not in known:
        raise UserError(f'"{winner[:80]}" is no winner.', where=where, do=f"Winners are: {', '.join(known)}.")
    return Label(row, winner, rater or "")


def majorities(labels: Sequence[Label], duel: Duel) -> dict[str, int | None]:
    """For each labelled row the side that most people chose, 0 or 1; None where no side has more."""
    leaning: dict[str, int] = defaultdict(int)
    for label in labels:
        side = duel.side(label.winner)
        leaning[label.row] += 0 if side is None else (1 if side else -1)
    return {row: None if not lean else int(lean > 0) for row, lean in leaning.items()}


def agreement(pairs: Sequence[JudgedPair], labels: Sequence[Label], *, duel: Duel) -> Agreement:
    """Judge and people on the pairs that both judged."""
    people = majorities(labels, duel)
    both = [judged for judged in pairs if judged.fate == "judged" and judged.pair.row in people]
    met = {judged.pair.row for judged in both}
    verdicts = [(_side(judged.winner), _side(people[judged.pair.row])) for judged in both]
    families = [judged.pair.family for judged in both]
    return Agreement(
        labels=len(labels),
        raters=len({label.rater for label in labels}),
        pairs=len(both),
        elsewhere=sum(label.row not in met for label in labels),
        share=figure([float(first == second) for first, second in verdicts], families),
        kappa=_kappa_figure(verdicts, families),
    )


def _side(winner: int | None) -> int:
    return 2 if winner is None else winner


def _kappa_figure(verdicts: Sequence[tuple[int, int]], families: Sequence[str]) -> Figure:
    if not verdicts:
        return Figure()
    table = np.zeros((len(verdicts), 9))
    table[np.arange(len(verdicts)), [3 * first + second for first, second in verdicts]] = 1
    return figure_of(by_family(table, families), value=kappa, n=len(verdicts), span=(-1.0, 1.0))


def kappa(counts: Floats) -> Floats:
    """Cohen's kappa [...] of tables of counts [..., 9]: the first verdict times three plus the second.

    NaN without counts, and where chance alone would agree always: both give one verdict throughout.
    Source: Cohen, 1960, Educational and Psychological Measurement 20(1), 37-46.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        table = (counts / counts.sum(axis=-1, keepdims=True)).reshape(*counts.shape[:-1], 3, 3)
        chance = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1)
        seen = np.trace(table, axis1=-2, axis2=-1)
        return np.where(1 - chance > 1e-12, (seen - chance) / (1 - chance), np.nan)
