"""The port LanguageModel over our own forward: one set of weights, many adapters, continuous batching."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tunewright.core.errors import UserError
from tunewright.core.language_model import BASE, GREEDY, Generated, Piece, Request, Sampling, Scored, ScoreItem
from tunewright.core.ports import Ids
from tunewright.models.inference import Seen
from tunewright.models.llama.adapters import DEFAULT, Adapter, Alone, live_adapter
from tunewright.models.llama.admission import admitted
from tunewright.models.llama.anatomy import Anatomy
from tunewright.models.llama.batching import Generator, Limits
from tunewright.models.llama.body import LlamaPasses
from tunewright.models.llama.forward import Decoder
from tunewright.models.llama.kernels import NotCompiled, kernels
from tunewright.models.score import log_probabilities, score
from tunewright.models.wording import Decode


class Shared:
    """What all views of one model share: the weights, the adapters and the batch under way."""

    def __init__(
        self,
        lm: Any,
        anatomy: Anatomy,
        *,
        limits: Limits,
        decode: Decode | None,
        live: bool,
        base_digest: str | None,
    ) -> None:
        self.lm, self.anatomy, self.live, self.base_digest = lm, anatomy, live, base_digest
        self.decoder = Decoder(anatomy)
        self.decoder.refresh()
        self.not_compiled = "it was not asked for"
        """Why the forward computes without compiled kernels, "" where it has them."""
        self.generator = Generator(self.decoder, limits=limits, decode=decode)
        self.adapters: dict[str, Adapter] = {}
        self.identities = itertools.count(2)
        self.mail: dict[int, deque[Piece]] = defaultdict(deque)
        modules = [module for block in anatomy.layers for part in block.projections for module in part]
        names = {name for module in modules if hasattr(module, "lora_A") for name in module.lora_A}
        self.inside = next(iter(sorted(names)), DEFAULT) if names else None
        """The name of the adapter that PEFT put into the model, None without one."""
        self._own: Adapter | None = None

    def compile(self, folder: Path | None) -> None:
        """Compute with compiled kernels, that lie in a folder or are put there; without, `not_compiled` says why."""
        try:
            self.decoder.use(kernels(folder, dtype=self.decoder.dtype, device=self.decoder.device))
            self.not_compiled = ""
        except NotCompiled as reason:
            self.not_compiled = str(reason)

    def renew(self) -> None:
        """See the weights as they are now. With `live` ones, what was remembered of older ones is forgotten."""
        self.decoder.refresh()
        if self.live:
            self._own = None
            if not self.generator.busy:
                self.generator.forget()

    def adapter(self, name: str) -> Adapter | None:
        """An adapter by name; "" is the one inside the model. Raises UserError for an unknown name."""
        if name == BASE or (name == "" and self.inside is None):
            return None
        if name == "":
            if self._own is None or torch.is_grad_enabled():
                assert self.inside is not None, "checked above"
                found = live_adapter(self.anatomy, self.decoder.projections, name=self.inside)
                if torch.is_grad_enabled():
                    return found
                self._own = replace(found, identity=1)
            return self._own
        if name not in self.adapters:
            known = ", ".join(sorted(self.adapters)) or "none"
            raise UserError(f"no adapter is loaded under the name {name!r}.", do=f"Loaded are: {known}.")
        return self.adapters[name]


class LlamaLanguageModel:
    """Scores and generates over the weights of a loaded model; many adapters share them, each row has its own."""

    def __init__(self, shared: Shared, *, adapter: str = "", batch_tokens: int = 2048) -> None:
        self.shared, self.name, self.batch_tokens = shared, adapter, batch_tokens

    @property
    def forward(self) -> str:
        """`tunewright, compiled` or `tunewright, not compiled: ` and the reason."""
        why = self.shared.not_compiled
        return f"tunewright, not compiled: {why}" if why else "tunewright, compiled"

    @torch.no_grad()
    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """For each item, one result a continuation, in order; natural logarithms, softmax in float32 at least."""
        return score(self._passes(), items, batch_tokens=self.batch_tokens)

    def log_probabilities(self, items: Sequence[ScoreItem]) -> list[list[Tensor]]:
        """The same as tensors, with a history where gradients are enabled and weights train."""
        return log_probabilities(self._passes(), items, batch_tokens=self.batch_tokens)

    def hidden(self, rows: Sequence[Ids]) -> list[Tensor]:
        """For each row the states after the last norm, [T, C]. Raises ValueError for an empty row."""
        if not all(rows):
            raise ValueError("a row must hold at least one token")
        passes, found = self._passes(), []
        batch: list[Seen] = []
        for at, row in enumerate(rows):
            batch.append(Seen(list(row), list(range(len(row)))))
            if at + 1 == len(rows) or sum(len(each.tokens) for each in batch) + len(rows[at + 1]) > self.batch_tokens:
                states, begins = passes.states(batch, [])
                found += [states[begin : begin + len(e.tokens)] for begin, e in zip(begins, batch, strict=True)]
                batch = []
        return found

    def generate(
        self, prompts: Sequence[Ids], *, max_new_tokens: int, stop: frozenset[int], sampling: Sampling = GREEDY
    ) -> list[Generated]:
        """Answers in the order of the prompts; a prompt draws with `sampling.seed` plus its place."""
        settings = [
            sampling if sampling.greedy else replace(sampling, seed=sampling.seed + at) for at in range(len(prompts))
        ]
        return self.answer(
            [
                Request(tuple(prompt), max_new_tokens, stop, sampling=each)
                for prompt, each in zip(prompts, settings, strict=True)
            ]
        )

    def answer(self, requests: Sequence[Request]) -> list[Generated]:
        """Answers in the order of the requests, each with its own settings and adapter."""
        found: dict[int, Generated] = {}
        with torch.no_grad():
            tickets = self._submit(requests)
            try:
                while len(found) < len(tickets):
                    self._step()
                    for ticket in tickets:
                        for piece in self.shared.mail.pop(ticket, ()):
                            if piece.answer is not None:
                                found[ticket] = piece.answer
            finally:
                self._leave(tickets)
        return [found[ticket] for ticket in tickets]

    def stream(self, requests: Sequence[Request]) -> Iterator[Piece]:
        """The same, token by token; tickets count from 0 in the order of the requests. Closing cancels what is left.

        Several streams may run at once, turn by turn in one thread: their rows share every step.
        """
        with torch.no_grad():
            tickets = self._submit(requests)
        number = {ticket: at for at, ticket in enumerate(tickets)}
        open_ones = set(tickets)
        try:
            while open_ones:
                if not any(self.shared.mail.get(ticket) for ticket in open_ones):
                    self._step()
                for ticket in sorted(open_ones):
                    for piece in self.shared.mail.pop(ticket, ()):
                        if piece.answer is not None:
                            open_ones.discard(ticket)
                        yield replace(piece, ticket=number[ticket])
        finally:
            self._leave(open_ones)

    def load_adapter(self, name: str, folder: Path) -> None:
        """Admit an adapter under a name. Raises UserError with the reason when it is refused."""
        if not name or name == BASE or name in self.shared.adapters:
            raise UserError(f"an adapter cannot be called {name!r} here.", do="Choose a name that is not in use.")
        self.shared.decoder.refresh()
        identity = next(self.shared.identities)
        self.shared.adapters[name] = admitted(
            name, folder, decoder=self.shared.decoder, base_digest=self.shared.base_digest, identity=identity
        )

    def unload_adapter(self, name: str) -> None:
        """Forget an adapter; rows under way are finished with it. Raises UserError for an unknown name."""
        adapter = self.shared.adapter(name)
        if adapter is None or name not in self.shared.adapters:
            raise UserError(f"no adapter is loaded under the name {name!r}.", do="Name one that was loaded.")
        del self.shared.adapters[name]
        self.shared.generator.forget_adapter(adapter)

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of loaded adapters."""
        return tuple(sorted(self.shared.adapters))

    def with_adapter(self, name: str) -> LlamaLanguageModel:
        """The same weights with a loaded adapter on. Raises UserError for an unknown name."""
        self.shared.adapter(name)
        return LlamaLanguageModel(self.shared, adapter=name, batch_tokens=self.batch_tokens)

    def without_adapter(self) -> LlamaLanguageModel:
        """The same weights with every adapter off."""
        return LlamaLanguageModel(self.shared, adapter=BASE, batch_tokens=self.batch_tokens)

    def _passes(self) -> LlamaPasses:
        self.shared.renew()
        return LlamaPasses(self.shared.decoder, Alone(self.shared.adapter(self.name)))

    def _submit(self, requests: Sequence[Request]) -> list[int]:
        self.shared.renew()
        adapters = [self.shared.adapter(request.adapter or self.name) for request in requests]
        tickets: list[int] = []
        try:
            for request, adapter in zip(requests, adapters, strict=True):
                tickets.append(self.shared.generator.submit(request, adapter))
        except (UserError, ValueError):
            self._leave(tickets)
            raise
        return tickets

    def _step(self) -> None:
        for piece in self.shared.generator.step():
            self.shared.mail[piece.ticket].append(piece)

    def _leave(self, tickets: Sequence[int] | set[int]) -> None:
        """Cancel what has not ended and forget its mail; over live weights, give the cache's memory back."""
        generator = self.shared.generator
        for ticket in tickets:
            generator.cancel(ticket)
        for piece in generator.drain():
            self.shared.mail[piece.ticket].append(piece)
        for ticket in tickets:
            self.shared.mail.pop(ticket, None)
        if self.shared.live and not generator.busy:
            generator.release()
