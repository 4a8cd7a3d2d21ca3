"""The verb `judge`: which pairs are meant, and a model that judges them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from tunewright.app.found import Found
from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.events import Emit
from tunewright.evaluate.judging.ask import Judge, put_to
from tunewright.evaluate.judging.kept import open_kept
from tunewright.evaluate.judging.labels import Label, read_labels
from tunewright.evaluate.judging.limits import Limits, Prices, Purse
from tunewright.evaluate.judging.pairs import Duel, read_duel
from tunewright.evaluate.judging.people.results import RECORD as PEOPLE_RECORD
from tunewright.evaluate.judging.people.results import VOTES, People
from tunewright.evaluate.judging.record import Judging, Setting, make_judging, write_judging
from tunewright.evaluate.remote import RemoteModel, key_from

PEOPLE = "people"
JUDGING = "judging"
RETRIES = 2
"""Of a question; five questions that fail in a row end a round, and the same command goes on later."""


@dataclass(frozen=True)
class Asked:
    """Which pairs are judged: a way of asking (None: the first with written answers), two models, at most so many."""

    way: str | None = None
    models: tuple[str, str] = ("base", "tuned")
    seed: int = 0
    most_pairs: int | None = None


@dataclass(frozen=True)
class Server:
    """Where the judging model is, and how it is asked."""

    url: str
    model: str
    rubric: str = ""
    max_new_tokens: int = 512
    timeout_s: float = 120.0
    parallel: int = 4


@dataclass(frozen=True)
class Terms:
    """What judging may cost, and people's labels to compare with (None: those of this evaluation's own pages)."""

    limits: Limits = field(default_factory=Limits)
    prices: Prices = field(default_factory=Prices)
    labels: Path | None = None


def duel_of(found: Found, asked: Asked) -> Duel:
    """The pairs that are meant. Raises UserError when there is nothing to judge."""
    return read_duel(found.folder, way=asked.way, models=asked.models, seed=asked.seed).first(asked.most_pairs)


def judge_by_model(
    found: Found,
    duel: Duel,
    *,
    server: Server,
    terms: Terms,
    emit: Emit,
    environment: Mapping[str, str] = os.environ,
) -> tuple[Judging, Path]:
    """Ask a model about every pair, and write what it found; returns the record and its file.

    The server's key is taken from the environment. Raises OutsideError after the record is written when the judge
    fails again and again, or gives no verdict; what it answered is kept, and the same call goes on.
    """
    with RemoteModel(
        server.url,
        server.model,
        key=key_from(environment),
        timeout_s=server.timeout_s,
        retries=RETRIES,
        parallel=server.parallel,
    ) as model:
        judge = Judge(model, server.rubric, server.max_new_tokens)
        labels = _labels(found, duel, terms.labels)
        purse = Purse(terms.limits, terms.prices)
        with open_kept(found.workspace.cache / JUDGING, judge.identity) as kept:
            done = put_to(judge, duel, kept=kept, purse=purse, emit=emit)
        setting = Setting(found.evaluation.name, found.now(), tuple(labels))
        judging = make_judging(done.pairs, duel, judge=judge, purse=purse, setting=setting)
    folder = found.folder / JUDGING / digest.short(digest.of_json([judge.identity, duel.identity]))
    file = write_judging(folder, judging, pairs=done.pairs)
    if done.error is not None:
        raise done.error
    return judging, file


def _labels(found: Found, duel: Duel, path: Path | None) -> list[Label]:
    """The labels of a file, or all that people gave on pages of this evaluation about the same two models."""
    if path is not None:
        return read_labels(path, duel)
    labels: list[Label] = []
    for record in sorted((found.folder / PEOPLE).glob(f"*/{PEOPLE_RECORD}")):
        votes = record.with_name(VOTES)
        if votes.exists() and _is_about(record, duel):
            labels += read_labels(votes, duel)
    return labels


def _is_about(record: Path, duel: Duel) -> bool:
    """True where people judged the same way and models, and did not only skip."""
    try:
        people = People.model_validate_json(record.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        do = "Write it anew with: tunewright judge people EVALUATION --results"
        raise UserError("this record of people's votes is damaged.", where=str(record), do=do) from error
    return people.voted > 0 and people.way == duel.way and set(people.models) == set(duel.models)
