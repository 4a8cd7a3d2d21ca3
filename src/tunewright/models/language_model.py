"""A loaded model as the port LanguageModel: our own forward for the Llama family, Transformers' own for any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tunewright.core.errors import UserError
from tunewright.core.language_model import (
    BASE,
    GREEDY,
    Generated,
    LanguageModel,
    Piece,
    Request,
    Sampling,
    Scored,
    ScoreItem,
)
from tunewright.core.ports import Ids
from tunewright.models.adapted import Wardrobe, coats, kinds_in, names_in
from tunewright.models.forward import TOLERANCE, causal_lm, distance
from tunewright.models.generate import stream
from tunewright.models.inference import Body, Seen, undisturbed
from tunewright.models.llama.anatomy import Foreign, anatomy_of
from tunewright.models.llama.batching import Limits
from tunewright.models.llama.language_model import LlamaLanguageModel, Shared
from tunewright.models.score import log_probabilities, score
from tunewright.models.under import KIND as STACK
from tunewright.models.wording import Decode

CHECK_TOKENS = 24


BULK = Limits(chunk_tokens=2048)
"""For many answers at once where nobody waits for the first token: prompts are read in larger pieces."""


def open_language_model(
    model: Any,
    *,
    decode: Decode | None = None,
    limits: Limits | None = None,
    live: bool = False,
    base_digest: str | None = None,
    compiled: Path | None = None,
) -> LanguageModel:
    """A loaded Transformers model, with PEFT around it or not, behind the port.

    The Llama family runs on our own forward, after one short pass in which both must agree; anything else on
    Transformers' own, and `forward` says why. `decode` turns tokens into text, for stop strings. `live`: the weights
    train, so nothing computed is kept between calls. `base_digest`: compared with that of adapters to load.
    `compiled`: folder where compiled kernels lie or are put; None goes without.
    """
    try:
        _check_adapters(model)
        lm = causal_lm(model)
        own = LlamaLanguageModel(
            Shared(
                lm,
                anatomy_of(lm),
                limits=limits or Limits(),
                decode=decode,
                live=live,
                base_digest=base_digest,
            )
        )
        own.shared.compile(compiled)
        _check_pass(model, own)
    except Foreign as reason:
        return TransformersLanguageModel(model, decode=decode, reason=str(reason), base_digest=base_digest)
    return own


def _check_adapters(model: Any) -> None:
    """Raise Foreign for adapters that our forward does not compute."""
    kinds = kinds_in(model)
    if STACK in kinds:
        raise Foreign("an adapter lies under another")
    if strange := sorted(kinds - {"LORA"}):
        raise Foreign(f"the adapter is of the kind {strange[0]}")
    if sum(len(names_in(coat)) for coat in coats(model)) > 1:
        raise Foreign("the model holds several adapters")


@torch.no_grad()
def _check_pass(model: Any, own: LlamaLanguageModel) -> None:
    """Raise Foreign unless a short row gives the same scores in both forwards."""
    decoder = own.shared.decoder
    row = [at * (decoder.anatomy.vocabulary - 1) // CHECK_TOKENS for at in range(CHECK_TOKENS)]
    states = own.hidden([row])[0]
    ours = torch.cat([decoder.logits(states[:-1]), decoder.logits(states[-1:])])
    with undisturbed(model) as body:
        theirs = body.logits(body.states([Seen(row, list(range(len(row))))], [])[0])
    limit = TOLERANCE.get(decoder.dtype, TOLERANCE[torch.bfloat16])
    if bool(torch.isfinite(theirs).all()) and not distance(ours, theirs) <= limit:
        raise Foreign(f"scores differ by {distance(ours, theirs):.2g} from those of Transformers")


class TransformersLanguageModel:
    """Scores and generates with a model that may be in training; leaves modes, gradients and random state as they were.

    `batch_tokens` bounds the tokens of one pass, padding included; 2,048 keep a layer's values near the cores.
    """

    def __init__(
        self,
        model: Any,
        *,
        batch_tokens: int = 2048,
        decode: Decode | None = None,
        reason: str = "asked for",
        base_digest: str | None = None,
    ) -> None:
        self.batch_tokens, self.decode, self.reason = batch_tokens, decode, reason
        self.wardrobe = model if isinstance(model, Wardrobe) else Wardrobe(model, base_digest=base_digest)
        self.name = ""

    @property
    def model(self) -> Any:
        """The model with every adapter that it has by now."""
        return self.wardrobe.model

    @property
    def forward(self) -> str:
        """`transformers: ` and the reason."""
        return f"transformers: {self.reason}"

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """For each item, one result a continuation, in order; natural logarithms, softmax in float32 at least."""
        with self._passing(self.name) as body:
            return score(body, items, batch_tokens=self.batch_tokens)

    def log_probabilities(self, items: Sequence[ScoreItem]) -> list[list[Tensor]]:
        """The same as tensors, with a history where gradients are enabled and weights train."""
        with self._passing(self.name, gradients=torch.is_grad_enabled()) as body:
            return log_probabilities(body, items, batch_tokens=self.batch_tokens)

    def hidden(self, rows: Sequence[Ids]) -> list[Tensor]:
        """For each row the states after the last norm, [T, C]; rows of one length are computed together.

        Raises ValueError for an empty row.
        """
        if not all(len(row) for row in rows):
            raise ValueError("a row must hold at least one token")
        found: dict[int, Tensor] = {}
        with self._passing(self.name, gradients=torch.is_grad_enabled()) as body:
            for places in _alike(rows, batch_tokens=self.batch_tokens):
                batch = [Seen(list(rows[at]), list(range(len(rows[at])))) for at in places]
                states, begins = body.states(batch, [])
                found |= {at: states[begin : begin + len(rows[at])] for at, begin in zip(places, begins, strict=True)}
        return [found[at] for at in range(len(rows))]

    def generate(
        self, prompts: Sequence[Ids], *, max_new_tokens: int, stop: frozenset[int], sampling: Sampling = GREEDY
    ) -> list[Generated]:
        """Answers in the order of the prompts; a prompt draws with `sampling.seed` plus its place."""
        return self.answer(
            [
                Request(tuple(prompt), max_new_tokens, stop, sampling=replace(sampling, seed=sampling.seed + at))
                for at, prompt in enumerate(prompts)
            ]
        )

    def answer(self, requests: Sequence[Request]) -> list[Generated]:
        """Answers in the order of the requests, each with its own settings and adapter."""
        found = {piece.ticket: piece.answer for piece in self.stream(requests) if piece.answer is not None}
        return [found[at] for at in range(len(requests))]

    def stream(self, requests: Sequence[Request]) -> Iterator[Piece]:
        """The same, token by token, one adapter after the other; the model is in use until the iterator ends."""
        names = [request.adapter or self.name for request in requests]
        for name in sorted(set(names)):
            places = [at for at, each in enumerate(names) if each == name]
            with self._passing(name) as body:
                own = [requests[at] for at in places]
                for piece in stream(body, own, batch_tokens=self.batch_tokens, decode=self.decode):
                    yield replace(piece, ticket=places[piece.ticket])

    def load_adapter(self, name: str, folder: Path) -> None:
        """Load an adapter of any kind. Raises UserError when it is spoilt or does not fit."""
        self.wardrobe.load(name, folder)

    def unload_adapter(self, name: str) -> None:
        """Forget an adapter. Raises UserError for an unknown name."""
        self._check_name(name)
        self.wardrobe.forget(name)

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that the model holds."""
        return self.wardrobe.names

    def with_adapter(self, name: str) -> TransformersLanguageModel:
        """The same weights with a loaded adapter on. Raises UserError for an unknown name."""
        self._check_name(name)
        return self._view(name)

    def without_adapter(self) -> TransformersLanguageModel:
        """The same weights with every adapter off during calls; for a model without one, the model itself."""
        return self._view(BASE) if coats(self.model) else self

    def _view(self, name: str) -> TransformersLanguageModel:
        view = TransformersLanguageModel(
            self.wardrobe, batch_tokens=self.batch_tokens, decode=self.decode, reason=self.reason
        )
        view.name = name
        return view

    def _check_name(self, name: str) -> None:
        if name not in self.adapters:
            known = ", ".join(self.adapters) or "none"
            raise UserError(f"no adapter is loaded under the name {name!r}.", do=f"Loaded are: {known}.")

    @contextmanager
    def _passing(self, name: str, *, gradients: bool = False) -> Iterator[Body]:
        """The model with one adapter, the ones it was opened with ("") or none, for the block."""
        if name not in ("", BASE):
            self._check_name(name)
        with undisturbed(self.model, adapters=self.wardrobe.wearing(name), gradients=gradients) as body:
            yield body


def _alike(rows: Sequence[Ids], *, batch_tokens: int) -> Iterator[list[int]]:
    """Places of rows of one length, which need no padding that a recurrent layer could see; bounded in tokens."""
    order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
    for length, group in groupby(order, key=lambda at: len(rows[at])):
        places = list(group)
        step = max(1, batch_tokens // length)
        yield from (places[start : start + step] for start in range(0, len(places), step))
