"""What people's votes amount to, and the files that others use: the record, the votes, and preference pairs.

`people.json` (the record), `votes.parquet` (one line a vote: rater, row, family, left, choice, winner, time) and
`preferences.jsonl`, ready to be training data of the shape `preference`: prompt, chosen, rejected, and beside them row,
way, chosen_model, raters, agreement (share of the votes that chose `chosen`) and time (of the last vote).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tunewright.core.workspace import write_text
from tunewright.evaluate.judging.measure import SEED, Figure, figure
from tunewright.evaluate.judging.pairs import SKIP, TIE, Pair
from tunewright.evaluate.judging.people.session import Session
from tunewright.evaluate.judging.people.votes import Rater, Vote
from tunewright.evaluate.judging.record import Part
from tunewright.evaluate.store import whole, write_table
from tunewright.stats.agreement import Level, krippendorff_alpha, krippendorff_interval

RECORD = "people.json"
VOTES = "votes.parquet"
PREFERENCES = "preferences.jsonl"
LEVEL: Level = "ordinal"
"""A tie lies between the two models: a tie and a win differ less than two opposite wins."""
COLUMNS = ("rater", "row", "family", "left", "choice", "winner", "time")
SCHEMA = pa.schema([pa.field(name, pa.string()) for name in COLUMNS])


class RaterCounts(Part):
    """One rater's votes by kind, of so many pairs."""

    name: str
    votes: int
    ties: int
    skips: int
    of: int
    finished: bool


class People(Part):
    """What people found about two models.

    `pairs` were shown; `identical` answers were not. `voted` pairs have a vote that is no skip, `shared` ones have two
    or more. `alpha` is Krippendorff's over the shared pairs at the level `ordinal`; `win_rate` is that of the second
    model, ties as half, a pair's votes averaged; `left_bias` is how much more often the left answer wins, from -1 to 1.
    `preferences` pairs have a majority, `undecided` ones have none, `blank` ones have one whose answer is empty.
    """

    evaluation: str
    way: str
    models: tuple[str, str]
    seed: int
    made_at: str
    pairs: int
    identical: int
    voted: int
    shared: int
    raters: tuple[RaterCounts, ...]
    alpha: Figure
    alpha_level: str
    win_rate: Figure
    left_bias: Figure
    preferences: int
    undecided: int
    blank: int


def make_people(session: Session, *, evaluation: str, made_at: str) -> People:
    """The record of the votes that stand now."""
    votes = votes_by_pair(session)
    voted = [(pair, votes[pair.identity]) for pair in session.shown if votes[pair.identity]]
    families = [pair.family for pair, _ in voted]
    preferred = [preference(session, pair, votes=own) for pair, own in voted]
    return People(
        evaluation=evaluation,
        way=session.duel.way,
        models=session.duel.models,
        seed=session.duel.seed,
        made_at=made_at,
        pairs=len(session.shown),
        identical=session.identical,
        voted=len(voted),
        shared=sum(len(own) > 1 for _, own in voted),
        raters=tuple(_counts(rater, session) for rater in session.ballot.raters.values() if rater.votes),
        alpha=_alpha([[_value(vote) for vote in own] for _, own in voted]),
        alpha_level=LEVEL,
        win_rate=figure([float(np.mean([_value(vote) for vote in own])) for _, own in voted], families),
        left_bias=figure([float(np.mean([_side(vote) for vote in own])) for _, own in voted], families, span=(-1, 1)),
        preferences=sum(line is not None and not _is_blank(line) for line in preferred),
        undecided=sum(line is None for line in preferred),
        blank=sum(line is not None and _is_blank(line) for line in preferred),
    )


def write_people(session: Session, people: People) -> Path:
    """Write record, votes and preference pairs into the session's folder; returns the record's file."""
    write_table(session.folder / VOTES, _lines(session), schema=SCHEMA)
    votes = votes_by_pair(session)
    found = [preference(session, pair, votes=votes[pair.identity]) for pair in session.shown]
    kept = [json.dumps(line, ensure_ascii=True) for line in found if line is not None and not _is_blank(line)]
    write_text(session.folder / PREFERENCES, "".join(f"{line}\n" for line in kept))
    write_text(session.folder / RECORD, people.model_dump_json(indent=1) + "\n")
    return session.folder / RECORD


def votes_by_pair(session: Session) -> dict[str, list[Vote]]:
    """Votes that are no skips, by the identity of their pair."""
    found: dict[str, list[Vote]] = defaultdict(list)
    for vote in session.ballot.votes():
        if vote.choice != SKIP:
            found[vote.pair].append(vote)
    return found


def preference(session: Session, pair: Pair, *, votes: Sequence[Vote]) -> dict[str, Any] | None:
    """The preference pair of some votes, None without a majority: an answer must have more votes than the other."""
    for side in (0, 1):
        won, lost = (sum(vote.winner == each for vote in votes) for each in (side, 1 - side))
        if won > lost:
            return {
                "prompt": [{name: value for name, value in turn.items() if name != "weight"} for turn in pair.prompt],
                "chosen": pair.answers[side],
                "rejected": pair.answers[1 - side],
                "row": pair.row,
                "way": session.duel.way,
                "chosen_model": session.duel.models[side],
                "raters": [vote.rater for vote in votes],
                "agreement": won / len(votes),
                "time": max(vote.time for vote in votes),
            }
    return None


def _is_blank(line: dict[str, Any]) -> bool:
    """True where an answer is empty, which is no training data."""
    return not (line["chosen"].strip() and line["rejected"].strip())


def _alpha(votes: Sequence[Sequence[float]]) -> Figure:
    shared = [own for own in votes if len(own) > 1]
    value = krippendorff_alpha(shared, level=LEVEL)
    interval = krippendorff_interval(shared, level=LEVEL, seed=SEED)
    return Figure(value=value, interval=interval, n=len(shared), families=len(shared))


def _value(vote: Vote) -> float:
    """1 where the second model won, 0 where the first did, a half for a tie."""
    return 0.5 if vote.winner is None else float(vote.winner)


def _side(vote: Vote) -> float:
    return {"left": 1.0, "right": -1.0}.get(vote.choice, 0.0)


def _counts(rater: Rater, session: Session) -> RaterCounts:
    choices = [vote.choice for vote in rater.votes.values()]
    return RaterCounts(
        name=rater.name,
        votes=len(choices),
        ties=choices.count(TIE),
        skips=choices.count(SKIP),
        of=len(session.shown),
        finished=rater.finished,
    )


def _lines(session: Session) -> Iterator[dict[str, Any]]:
    pairs = {pair.identity: pair for pair in session.shown}
    models = session.duel.models
    for vote in session.ballot.votes():
        pair = pairs.get(vote.pair)
        if pair is None:
            continue
        winner = models[vote.winner] if vote.winner is not None else vote.choice
        line = (vote.rater, pair.row, pair.family, models[vote.left], vote.choice, winner, vote.time)
        yield {name: whole(value) for name, value in zip(COLUMNS, line, strict=True)}
