"""What data steps have written by a model behind a server: answers are kept in the workspace, costs are limited."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tunewright.core import digest
from tunewright.core.errors import LimitNotMet, OutsideError, UserError
from tunewright.core.events import Emit, Progress
from tunewright.core.language_model import GREEDY, Sampling
from tunewright.core.ports import Message
from tunewright.core.writing import Endpoint, Writer, Written
from tunewright.evaluate.completions import Reply
from tunewright.evaluate.judging.kept import Kept, Said, open_kept
from tunewright.evaluate.judging.limits import Limits, Prices, Purse
from tunewright.evaluate.remote import RemoteModel, key_from
from tunewright.evaluate.suite import Talk

FAILURES = 5
"""Questions that fail one after another before asking stops."""
RETRIES = 2
KEPT = "written"


def opener(cache: Path, *, emit: Emit, environment: Mapping[str, str] = os.environ) -> Callable[[Endpoint], Writer]:
    """What `Context.writer` is: a writer for an endpoint, whose answers lie below `cache`."""

    def open_writer(endpoint: Endpoint) -> Writer:
        return Remote(endpoint, folder=cache / KEPT, emit=emit, environment=environment)

    return open_writer


class Remote:
    """Fulfils the port Writer."""

    def __init__(self, endpoint: Endpoint, *, folder: Path, emit: Emit, environment: Mapping[str, str]) -> None:
        """Opens nothing yet. Raises UserError when the key's variable is not set."""
        self.endpoint, self.folder, self.emit = endpoint, folder, emit
        self.purse = Purse(Limits(max_usd=endpoint.cost_limit_usd), Prices(endpoint.read_usd, endpoint.written_usd))
        self._key = _key(endpoint.key_variable, environment)
        self._used: set[str] = set()

    @property
    def spent_usd(self) -> float:
        """What the answers that were used cost, those that were kept from earlier runs among them."""
        return self.purse.spent_usd

    def write(self, questions: Sequence[tuple[Message, ...]], *, temperature: float | None = None) -> list[Written]:
        """One answer a question, in order; see the port."""
        asked = self.endpoint
        warmth = asked.temperature if temperature is None else temperature
        with RemoteModel(
            asked.url, asked.model, key=self._key, timeout_s=asked.timeout_s, retries=RETRIES, parallel=asked.parallel
        ) as model:
            identity = digest.of_json([model.identity, asked.max_new_tokens])
            with open_kept(self.folder, identity, purpose="write") as kept:
                asking = _Asking(self, model, kept=kept, questions=questions, temperature=warmth)
                found = model.each(asking.one, range(len(questions)))
        if asking.error is not None:
            raise asking.error
        answers = [one for one in found if one is not None]
        if len(answers) < len(questions):
            raise self._too_dear(len(answers), len(questions))
        return answers

    def use(self, key: str, usd: float) -> None:
        """Count the cost of a kept answer, once."""
        if key not in self._used:
            self._used.add(key)
            self.purse.spend(usd)

    def _too_dear(self, answered: int, questions: int) -> LimitNotMet:
        return LimitNotMet(
            f"the cost limit is reached: {answered:,} of {questions:,} questions are answered for "
            f"{self.spent_usd:.4g} of {self.endpoint.cost_limit_usd:.4g} USD.",
            where="data.steps",
            do="Raise cost_limit_usd, or ask for fewer rows; what was answered is kept, and costs nothing again.",
        )


class _Asking:
    """One round of questions; what the threads that ask share."""

    def __init__(
        self,
        writer: Remote,
        model: RemoteModel,
        *,
        kept: Kept,
        questions: Sequence[tuple[Message, ...]],
        temperature: float,
    ) -> None:
        self.writer, self.model, self.kept = writer, model, kept
        self.questions, self.temperature = questions, temperature
        self.error: OutsideError | None = None
        self._failed = self._done = 0
        self._lock = threading.Lock()

    def one(self, place: int) -> Written | None:
        """The answer to one question, None once a limit is reached or asking has ended."""
        messages, limit = self.questions[place], self.writer.endpoint.max_new_tokens
        key = digest.of_json([list(messages), self.temperature])
        talk = Talk(messages)
        said = self.kept.find(key)
        if said is None:
            said = self._ask(talk, key, limit=limit)
        else:
            with self._lock:
                self.writer.use(key, self._cost(said, talk))
        if isinstance(said, Said):
            with self._lock:
                self._done += 1
                self.writer.emit(Progress(stage="write", done=self._done, total=len(self.questions), unit="answers"))
            return Written(said.text, "cut" if said.finish == "length" else "whole")
        return said

    def _ask(self, talk: Talk, key: str, *, limit: int) -> Said | Written | None:
        purse = self.writer.purse
        most = purse.most_usd(talk, limit)
        if self.error is not None or not purse.open(most, sent=self.model.requests, questions=1):
            return None
        purse.begin()
        spent = 0.0
        try:
            reply = self.model.ask(talk, max_new_tokens=limit, sampling=self._sampling(key))
            said = _said(reply)
            self.kept.add(key, said)
            spent = self._cost(said, talk)
            with self._lock:
                self._failed = 0
                self.writer.use(key, 0.0)
        except OutsideError as error:
            return self._fail(error)
        finally:
            purse.settle(most, spent_usd=spent, unasked=0)
        return said

    def _fail(self, error: OutsideError) -> Written | None:
        """A question without an answer; the end of asking after several, or where asking again is of no use."""
        with self._lock:
            self._failed += 1
            if error.retry == "useless":
                self.error = self.error or error
            elif self._failed >= FAILURES:
                self.error = self.error or _given_up(error)
        return Written("", "failed")

    def _sampling(self, key: str) -> Sampling:
        if not self.temperature:
            return GREEDY
        return Sampling(temperature=self.temperature, seed=int(key[:8], 16))

    def _cost(self, said: Said, talk: Talk) -> float:
        purse = self.writer.purse
        if said.prompt_tokens is None or said.completion_tokens is None:
            return purse.most_usd(talk, self.writer.endpoint.max_new_tokens)
        return purse.prices.cost_usd(said.prompt_tokens, said.completion_tokens)


def _said(reply: Reply) -> Said:
    if reply.usage.uncounted:
        return Said(reply.text, reply.finish)
    return Said(reply.text, reply.finish, reply.usage.prompt_tokens, reply.usage.completion_tokens)


def _given_up(error: OutsideError) -> OutsideError:
    problem = error.problems[0]
    what = f"{FAILURES} questions in a row failed; the last: {problem.what}"
    return OutsideError(what, where=problem.where, do=f"{problem.do} What was answered is kept.", retry="safe")


def _key(variable: str, environment: Mapping[str, str]) -> str | None:
    """The key in a variable that the recipe names, else where keys are looked for."""
    if not variable:
        return key_from(environment)
    if not environment.get(variable, "").strip():
        raise UserError(
            f"the environment variable {variable} is not set.",
            where="data.steps",
            do=f"Put the server's key there: export {variable}=...",
        )
    return environment[variable].strip()
