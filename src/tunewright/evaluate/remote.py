"""A model behind an OpenAI-compatible server: it writes answers over HTTP, and gives no scores of given texts.

Used for targets that are an address, and for judges. The key comes from the environment and is stored nowhere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

from tunewright.core.language_model import GREEDY, Sampling, Scored, ScoreItem
from tunewright.core.ports import Chat
from tunewright.evaluate.completions import Reply, Usage, question, read_stream, read_whole
from tunewright.evaluate.remote_http import Server
from tunewright.evaluate.respondents import Watch
from tunewright.evaluate.suite import NotMeasured, Talk, Written

KEY_VARIABLES = ("TUNEWRIGHT_API_KEY", "OPENAI_API_KEY")
"""Where a key is looked for, in this order."""
ResultT = TypeVar("ResultT")


def key_from(environment: Mapping[str, str]) -> str | None:
    """The key of a server: TUNEWRIGHT_API_KEY, else OPENAI_API_KEY, else None."""
    return next((environment[name].strip() for name in KEY_VARIABLES if environment.get(name, "").strip()), None)


class RemoteModel:
    """A respondent behind `url`, asked at most `parallel` questions at a time; close it after use.

    `timeout_s` bounds one whole try; a try that fails in a way that may pass is repeated up to `retries` times.
    """

    chat: Chat | None = None
    forward = "remote"
    watch: Watch | None = None

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None = None,
        timeout_s: float = 120.0,
        retries: int = 4,
        parallel: int = 4,
    ) -> None:
        """Opens nothing yet. Raises UserError for an address that cannot be one."""
        self.server = Server(url, key=key, timeout_s=timeout_s, retries=retries)
        self.name = model
        self.identity = f"{self.server.url}#{model}"
        self.parallel = parallel
        self._lock = threading.Lock()
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        """The answers that were given so far."""
        with self._lock:
            return self._usage

    @property
    def requests(self) -> int:
        """Requests that were sent so far, repeated tries among them."""
        return self.server.tries

    def write(self, talks: Sequence[Talk], *, max_new_tokens: int, sampling: Sampling = GREEDY) -> list[Written]:
        """One answer a conversation, in order; a prompt draws with the seed plus its place.

        Raises OutsideError when one answer cannot be had; the others are given up.
        """

        def one(place: int) -> Written:
            own = replace(sampling, seed=(sampling.seed + place) % (1 << 64))
            reply = self.ask(talks[place], max_new_tokens=max_new_tokens, sampling=own)
            return Written(reply.text, reply.finish)

        return self.each(one, range(len(talks)))

    def write_alone(self, talks: Sequence[Talk], *, max_new_tokens: int) -> list[Written]:
        """Greedy answers one at a time, streamed, with the seconds to the first text and to the end."""
        written: list[Written] = []
        for talk in talks:
            reply = self.ask_streamed(talk, max_new_tokens=max_new_tokens)
            written.append(Written(reply.text, reply.finish, seconds=reply.seconds, first_token_s=reply.first_token_s))
        return written

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """Raises NotMeasured: a server gives no log-probabilities of a given text."""
        raise NotMeasured(f"{self.name} gives no log-probabilities of a given text; only its written answers count")

    def ask(self, talk: Talk, *, max_new_tokens: int, sampling: Sampling = GREEDY) -> Reply:
        """One answer. Raises OutsideError with the reason; `retry` is "safe" where it may be had later."""
        body = question(self.name, talk, max_new_tokens=max_new_tokens, sampling=sampling)
        return self._counted(self.server.post(body, read_whole))

    def ask_streamed(self, talk: Talk, *, max_new_tokens: int, sampling: Sampling = GREEDY) -> Reply:
        """The same as a stream, with its times."""
        body = question(self.name, talk, max_new_tokens=max_new_tokens, sampling=sampling)
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        return self._counted(self.server.post(body, read_stream))

    def each(self, work: Callable[[int], ResultT], places: Sequence[int]) -> list[ResultT]:
        """The work for every place, in order, at most `parallel` at a time; the first failure ends it.

        Ctrl-C ends it at once: what is under way is left to its threads, which end with the process.
        """
        batch = _Batch(work, places)
        threads = [threading.Thread(target=batch.run, daemon=True) for _ in range(min(self.parallel, len(places)))]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            batch.stop.set()
            self.close()
            raise
        if batch.failure is not None:
            raise batch.failure
        return [batch.results[place] for place in places]

    def close(self) -> None:
        """Close all connections; what is under way fails soon."""
        self.server.close()

    def __enter__(self) -> RemoteModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _counted(self, reply: Reply) -> Reply:
        with self._lock:
            self._usage += reply.usage
            if self.watch is not None:
                self.watch.add(1)
        return reply


class _Batch(Generic[ResultT]):
    """Places of a list that threads take one after another, with what became of each; a failure stops all."""

    def __init__(self, work: Callable[[int], ResultT], places: Sequence[int]) -> None:
        self._work, self._left = work, iter(places)
        self._lock = threading.Lock()
        self.results: dict[int, ResultT] = {}
        self.failure: BaseException | None = None
        self.stop = threading.Event()

    def run(self) -> None:
        """Work until nothing is left."""
        while not self.stop.is_set() and (place := self._take()) is not None:
            with self:
                self.results[place] = self._work(place)

    def _take(self) -> int | None:
        with self._lock:
            return next(self._left, None)

    def __enter__(self) -> _Batch[ResultT]:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        """Keep the first failure for the thread that waits."""
        if error is not None:
            self.failure = self.failure or error
            self.stop.set()
        return error is not None
