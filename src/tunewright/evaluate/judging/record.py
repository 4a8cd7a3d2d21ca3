"""The record of a judging model: `judging.json`, with every verdict beside it in `votes.parquet`.

`votes.parquet`, one line a pair and order: row, family, first (the model that stood first), verdict (first, second,
tie; null where it could not be read), winner (a model or tie), text (what the judge wrote), failure, fate, kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tunewright.core.workspace import write_text
from tunewright.evaluate.judging import measure
from tunewright.evaluate.judging.ask import Heard, Judge, JudgedPair
from tunewright.evaluate.judging.labels import Agreement, Label, agreement
from tunewright.evaluate.judging.limits import Purse
from tunewright.evaluate.judging.measure import Figure
from tunewright.evaluate.judging.pairs import TIE, Duel
from tunewright.evaluate.judging.prompt import VERSION
from tunewright.evaluate.store import whole, write_table

RECORD = "judging.json"
VOTES = "votes.parquet"
SCHEMA = pa.schema(
    [pa.field(name, pa.string()) for name in ("row", "family", "first", "verdict", "winner", "text", "failure", "fate")]
    + [pa.field("kept", pa.bool_())]
)


class Part(BaseModel):
    """Frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JudgeUsed(Part):
    """Who judged, and what it was told."""

    url: str
    model: str
    prompt_version: int
    rubric: str
    max_new_tokens: int


class PairCounts(Part):
    """Pairs by fate: always pairs = judged + identical + invalid + failed + unasked.

    `judged` in both orders; `identical` answers, which nobody need judge; `invalid`, where an answer was no verdict;
    `failed`, where there was no answer; `unasked`, because a limit was reached. `repeated` rows stand once.
    """

    pairs: int
    judged: int
    identical: int
    invalid: int
    failed: int
    unasked: int
    repeated: int


@dataclass(frozen=True)
class Setting:
    """What a round was about: the evaluation by name, the moment in UTC, and people's labels, if there are any."""

    evaluation: str
    made_at: str
    labels: tuple[Label, ...] = ()


class Cost(Part):
    """What this round asked: requests sent, answers kept from earlier, tokens as the server counts them, dollars."""

    requests: int
    kept: int
    prompt_tokens: int
    completion_tokens: int
    uncounted: int
    usd: float | None


class Judging(Part):
    """What a judging model found about two models. `stopped` says which limit ended the round, empty where none did.

    `win_rate` is that of the second model.
    """

    evaluation: str
    way: str
    models: tuple[str, str]
    judge: JudgeUsed
    seed: int
    made_at: str
    pairs: PairCounts
    cost: Cost
    win_rate: Figure
    steady_win_rate: Figure
    position_bias: Figure
    consistency: Figure
    ties: Figure
    people: Agreement | None = None
    stopped: str = ""


def make_judging(pairs: Sequence[JudgedPair], duel: Duel, *, judge: Judge, purse: Purse, setting: Setting) -> Judging:
    """The record of a round."""
    return Judging(
        evaluation=setting.evaluation,
        made_at=setting.made_at,
        way=duel.way,
        models=duel.models,
        judge=JudgeUsed(
            url=judge.model.server.url,
            model=judge.model.name,
            prompt_version=VERSION,
            rubric=judge.rubric,
            max_new_tokens=judge.max_new_tokens,
        ),
        seed=duel.seed,
        pairs=_counts(pairs, duel),
        cost=_cost(pairs, judge, purse),
        win_rate=measure.win_rate(pairs),
        steady_win_rate=measure.steady_win_rate(pairs),
        position_bias=measure.position_bias(pairs),
        consistency=measure.consistency(pairs),
        ties=measure.tie_rate(pairs),
        people=agreement(pairs, setting.labels, duel=duel) if setting.labels else None,
        stopped=purse.stopped,
    )


def write_judging(folder: Path, judging: Judging, *, pairs: Sequence[JudgedPair]) -> Path:
    """Write the record and every verdict; returns the record's file."""
    write_table(folder / VOTES, _lines(pairs, judging.models), schema=SCHEMA)
    write_text(folder / RECORD, judging.model_dump_json(indent=1) + "\n")
    return folder / RECORD


def _counts(pairs: Sequence[JudgedPair], duel: Duel) -> PairCounts:
    fates = Counter[str](judged.fate for judged in pairs)
    kinds = ("judged", "identical", "invalid", "failed", "unasked")
    return PairCounts(pairs=len(pairs), repeated=duel.repeated, **{kind: fates[kind] for kind in kinds})


def _cost(pairs: Sequence[JudgedPair], judge: Judge, purse: Purse) -> Cost:
    usage, priced = judge.model.usage, purse.prices.read_usd or purse.prices.written_usd
    return Cost(
        requests=judge.model.requests,
        kept=sum(heard.kept for judged in pairs for heard in judged.heard),
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        uncounted=usage.uncounted,
        usd=purse.spent_usd if priced else None,
    )


def _lines(pairs: Sequence[JudgedPair], models: tuple[str, str]) -> Iterator[dict[str, Any]]:
    for judged in pairs:
        for heard in judged.heard:
            yield _line(judged, heard, models)


def _line(judged: JudgedPair, heard: Heard, models: tuple[str, str]) -> dict[str, Any]:
    winner = None if heard.verdict is None else TIE if heard.winner is None else models[heard.winner]
    return {
        "row": judged.pair.row,
        "family": judged.pair.family,
        "first": models[heard.order],
        "verdict": heard.verdict,
        "winner": winner,
        "text": whole(heard.text),
        "failure": heard.failure or None,
        "fate": judged.fate,
        "kept": heard.kept,
    }
