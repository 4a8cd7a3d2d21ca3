"""Puts every pair to a judging model, in both orders; what it said before is not asked again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tunewright.core.errors import OutsideError
from tunewright.core.events import Emit, Progress
from tunewright.evaluate.completions import Reply
from tunewright.evaluate.judging.kept import Kept, Said
from tunewright.evaluate.judging.limits import Purse
from tunewright.evaluate.judging.pairs import Duel, Pair
from tunewright.evaluate.judging.prompt import Order, Place, judge_identity, question, question_key, read_verdict
from tunewright.evaluate.remote import RemoteModel
from tunewright.evaluate.suite import Talk

ORDERS: tuple[Order, Order] = (0, 1)
FAILURES = 5
"""Questions that fail one after another before asking stops."""
UNREADABLE = 20
"""Answers without one readable verdict before asking stops."""
Fate = Literal["judged", "identical", "invalid", "failed", "unasked"]


@dataclass(frozen=True)
class Judge:
    """A model that judges, what it is told to look at, and how long its answer may be."""

    model: RemoteModel
    rubric: str = ""
    max_new_tokens: int = 512

    @property
    def identity(self) -> str:
        """Digest of everything that can change its verdicts."""
        url = self.model.server.url
        return judge_identity(url, self.model.name, rubric=self.rubric, max_new_tokens=self.max_new_tokens)


@dataclass(frozen=True)
class Heard:
    """What a judge answered about a pair in one order; `kept` from an earlier run, or why there is no answer."""

    order: Order
    text: str = ""
    verdict: Place | None = None
    kept: bool = False
    failure: str = ""

    @property
    def winner(self) -> int | None:
        """Which answer of the pair won, 0 or 1, None for a tie or no verdict."""
        return {"first": self.order, "second": 1 - self.order}.get(self.verdict or "")


@dataclass(frozen=True)
class JudgedPair:
    """A pair with what was heard about it: nothing, or both orders. `reached`: asking came as far as this pair."""

    pair: Pair
    heard: tuple[Heard, ...] = ()
    reached: bool = False

    @property
    def fate(self) -> Fate:
        """What became of it: `judged` means two readable verdicts."""
        if not self.reached:
            return "unasked"
        if not self.heard:
            return "identical"
        if any(heard.failure for heard in self.heard):
            return "failed"
        return "judged" if all(heard.verdict for heard in self.heard) else "invalid"

    @property
    def winner(self) -> int | None:
        """The answer that won in both orders, 0 or 1; None where it was a tie or the orders disagree."""
        winners = {heard.winner for heard in self.heard}
        return winners.pop() if len(winners) == 1 else None


@dataclass
class _State:
    """What the threads that ask share."""

    done: int = 0
    answers: int = 0
    readable: int = 0
    failed: int = 0
    error: OutsideError | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Asking:
    """One round of questions."""

    def __init__(self, judge: Judge, duel: Duel, *, kept: Kept, purse: Purse, emit: Emit) -> None:
        self.judge, self.duel, self.kept, self.purse, self.emit = judge, duel, kept, purse, emit
        self.state = _State()
        self._identity = judge.identity

    def pair(self, place: int) -> JudgedPair:
        """One pair; after a limit or an end nothing more is taken up."""
        pair = self.duel.pairs[place]
        if self.purse.stopped or self.state.error:
            return JudgedPair(pair)
        if pair.same:
            return self._told(JudgedPair(pair, reached=True))
        remembered = [self._remembered(pair, order) for order in ORDERS]
        heard = [one for one in (remembered if all(remembered) else self._asked(pair, remembered)) if one]
        return self._told(JudgedPair(pair, tuple(heard), reached=bool(heard)))

    def _asked(self, pair: Pair, heard: Sequence[Heard | None]) -> list[Heard]:
        """Both orders, those asked that are not remembered; nothing where the purse is closed."""
        limit = self.judge.max_new_tokens
        talks = [question(pair, order, rubric=self.judge.rubric) for order in ORDERS]
        costs = [self.purse.most_usd(talk, limit) for talk in talks]
        if not self.purse.open(sum(costs), sent=self.judge.model.requests):
            return []
        found, spent, unasked = list[Heard](), 0.0, len(ORDERS)
        try:
            for order in ORDERS:
                one, usd = heard[order], 0.0
                if one is None:
                    unasked -= 1
                    one, usd = self._question(talks[order], question_key(self._identity, pair, order=order), order)
                found, spent = [*found, one], spent + usd
                if one.failure:
                    break
        finally:
            self.purse.settle(sum(costs), spent_usd=spent, unasked=unasked)
        return found

    def _remembered(self, pair: Pair, order: Order) -> Heard | None:
        said = self.kept.find(question_key(self._identity, pair, order=order))
        return None if said is None else self._counted(replace(_heard(order, said), kept=True))

    def _question(self, talk: Talk, key: str, order: Order) -> tuple[Heard, float]:
        """The answer, kept on disk, and what it cost; or the failure."""
        self.purse.begin()
        try:
            reply = self.judge.model.ask(talk, max_new_tokens=self.judge.max_new_tokens)
        except OutsideError as error:
            return self._failed(order, error), 0.0
        said = _said(reply)
        self.kept.add(key, said)
        usd = self.purse.most_usd(talk, self.judge.max_new_tokens)
        if said.prompt_tokens is not None and said.completion_tokens is not None:
            usd = self.purse.prices.cost_usd(said.prompt_tokens, said.completion_tokens)
        return self._counted(_heard(order, said)), usd

    def _failed(self, order: Order, error: OutsideError) -> Heard:
        with self.state.lock:
            self.state.failed += 1
            if self.state.failed >= FAILURES:
                self.state.error = self.state.error or _given_up(error)
        return Heard(order, failure=error.problems[0].what)

    def _counted(self, heard: Heard) -> Heard:
        """Ends the asking of a judge whose answers are never verdicts."""
        with self.state.lock:
            self.state.failed = 0
            self.state.answers += 1
            self.state.readable += heard.verdict is not None
            if self.state.answers >= UNREADABLE and not self.state.readable:
                self.state.error = self.state.error or unreadable(self.state.answers, self.judge)
        return heard

    def _told(self, judged: JudgedPair) -> JudgedPair:
        with self.state.lock:
            self.state.done += judged.fate != "unasked"
            self.emit(Progress(stage="judge", done=self.state.done, total=len(self.duel.pairs), unit="pairs"))
        return judged


@dataclass(frozen=True)
class Round:
    """What a round of questions brought: the pairs in the duel's order, and the error that ended it, if one did."""

    pairs: tuple[JudgedPair, ...]
    error: OutsideError | None = None


def put_to(judge: Judge, duel: Duel, *, kept: Kept, purse: Purse, emit: Emit) -> Round:
    """Ask the judge about every pair of the duel in both orders, until a limit is reached.

    The round ends early with an error when five questions in a row fail, or none of twenty answers is a verdict; what
    was answered until then is kept.
    """
    asking = _Asking(judge, duel, kept=kept, purse=purse, emit=emit)
    pairs = tuple(judge.model.each(asking.pair, range(len(duel.pairs))))
    return Round(pairs, asking.state.error or _nothing_heard(pairs, judge))


def _nothing_heard(pairs: Sequence[JudgedPair], judge: Judge) -> OutsideError | None:
    """The error of a round in which no answer was a verdict, None where there was one or nothing was asked."""
    heard = [one for judged in pairs for one in judged.heard]
    if not heard or any(one.verdict for one in heard):
        return None
    failed = next((one.failure for one in heard if one.failure), None)
    if failed is None:
        return unreadable(len(heard), judge)
    return OutsideError(failed, where=judge.model.server.url, do="Run the same command again later.", retry="safe")


def unreadable(answers: int, judge: Judge) -> OutsideError:
    """The error of a judge that cannot judge."""
    return OutsideError(
        f"none of {answers} answers of the judge ends in a verdict.",
        where=judge.model.name,
        do="Choose a more capable judge, or raise --max-tokens if its answers are cut; they stand in votes.parquet.",
    )


def _given_up(error: OutsideError) -> OutsideError:
    problem = error.problems[0]
    what = f"{FAILURES} questions in a row failed; the last: {problem.what}"
    do = f"{problem.do} What was judged is kept.".strip()
    return OutsideError(what, where=problem.where, do=do, retry="safe")


def _said(reply: Reply) -> Said:
    usage = reply.usage
    if usage.uncounted:
        return Said(reply.text, reply.finish)
    return Said(reply.text, reply.finish, usage.prompt_tokens, usage.completion_tokens)


def _heard(order: Order, said: Said) -> Heard:
    return Heard(order, said.text, read_verdict(said.text))
