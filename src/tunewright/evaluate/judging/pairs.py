"""Pairs to be judged: two models' stored answers to the same rows, as `answers.parquet` of an evaluation holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tunewright.core import digest
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.core.ports import Message
from tunewright.evaluate.compare import Measured
from tunewright.evaluate.store import ANSWERS, read_answers, whole

TIE = "tie"
SKIP = "skip"


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt, in the order of the duel's models. Pairs of one family depend on one another."""

    row: str
    prompt: tuple[Message, ...]
    answers: tuple[str, str]
    family: str = ""

    @cached_property
    def identity(self) -> str:
        """Digest of what a judge sees: the prompt and both answers."""
        return digest.of_json([list(self.prompt), list(self.answers)])

    @property
    def same(self) -> bool:
        """True when the answers differ in nothing but the space around them: nobody need judge them."""
        return self.answers[0].strip() == self.answers[1].strip()


@dataclass(frozen=True)
class Duel:
    """Two models and their pairs, in an order drawn with `seed`, so that the first of them are a sample of all.

    `repeated` rows came more than once with the same prompt and answers, and stand once.
    """

    way: str
    models: tuple[str, str]
    pairs: tuple[Pair, ...] = field(repr=False)
    seed: int = 0
    repeated: int = 0

    @cached_property
    def identity(self) -> str:
        """Digest of the models, the pairs and their order."""
        return digest.of_json([self.way, list(self.models), [pair.identity for pair in self.pairs]])

    def first(self, most: int | None) -> Duel:
        """The same duel with at most so many of its pairs; None leaves it as it is."""
        return self if most is None else replace(self, pairs=self.pairs[:most])

    def side(self, winner: str) -> int | None:
        """0 or 1 for a model of the duel, None for a tie. Raises KeyError for anything else."""
        return {self.models[0]: 0, self.models[1]: 1, TIE: None}[winner]


def read_duel(
    folder: Path, *, way: str | None = None, models: tuple[str, str] = ("base", "tuned"), seed: int = 0
) -> Duel:
    """The pairs of an evaluation's folder.

    `way` None means the first way in which both models wrote something; the second of `models` is the one whose win
    rate is measured. Raises UserError when there is nothing to judge, with what there is instead.
    """
    if not (folder / ANSWERS).exists():
        raise UserError(
            "no answers are stored here.", where=str(folder), do="Run: tunewright evaluate, with a suite that writes."
        )
    measured = read_answers(folder)
    if not measured:
        raise UserError("this evaluation holds no answer.", where=str(folder / ANSWERS), do="Evaluate some rows first.")
    if models[0] == models[1]:
        raise UserError(f"{models[0]} cannot be compared with itself.", where="--between", do="Name two models.")
    chosen = _chosen(measured, way, models=models)
    return _duel(chosen, models, seed=seed)


def _chosen(measured: Sequence[Measured], way: str | None, *, models: tuple[str, str]) -> Measured:
    """The way that is meant, with answers of both models."""
    known = {one.way: one for one in measured}
    if way is not None and way not in known:
        raise UserError(f'no way of asking is called "{way}".', where="--way", do=f"There is: {', '.join(known)}.")
    wanted = [known[way]] if way is not None else list(known.values())
    there = sorted({name for one in wanted for name in one.answers()})
    missing = [name for name in models if name not in there]
    if missing:
        raise UserError(
            f"{missing[0]} gave no answers here.", where="--between", do=f"There are answers of: {', '.join(there)}."
        )
    spoken = [one for one in wanted if _is_spoken(one, models)]
    if not spoken:
        raise UserError(
            "neither model wrote an answer; likelihoods cannot be judged.",
            where=", ".join(one.way for one in wanted),
            do="Evaluate with a suite that lets them write, such as answers.",
        )
    return spoken[0]


def _is_spoken(one: Measured, models: tuple[str, str]) -> bool:
    """True when both models are there and something was written; the likeliest of given texts is not written."""
    answers = one.answers()
    rows = [row for name in models for row in answers.get(name, [])]
    return all(name in answers for name in models) and any(row.answer and not row.choices for row in rows)


def _duel(one: Measured, models: tuple[str, str], *, seed: int) -> Duel:
    answers = one.answers()
    first, second = answers[models[0]], answers[models[1]]
    found: dict[str, Pair] = {}
    for before, after in zip(first, second, strict=True):
        pair = _pair(before, after)
        found.setdefault(pair.identity, pair)
    pairs = list(found.values())
    order = np.random.default_rng(seed).permutation(len(pairs)).tolist()
    return Duel(one.way, models, tuple(pairs[place] for place in order), seed, len(first) - len(pairs))


def _pair(before: AnsweredRow, after: AnsweredRow) -> Pair:
    """Raises ValueError when the answers are not of the same row."""
    row = before.row
    if row.id != after.row.id:
        raise ValueError(f"the models answered different rows: {row.id} and {after.row.id}.")
    prompt = tuple(_legible(turn) for turn in row.prompt)
    return Pair(row.id, prompt, (before.answer, after.answer), row.details.get("family", "") or row.id)


def _legible(turn: Message) -> Message:
    """A turn whose text UTF-8 can hold."""
    return {**turn, "content": whole(turn.get("content", "")) or ""}
