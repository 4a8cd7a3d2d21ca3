"""Any order of joins, leaves, cancels and adapter switches gives each row what it gets alone, in float64."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.models.llama.adapters import saved
from tests.models.llama.families import ids, model_of
from tests.models.llama.test_parity import opened
from tunewright.core.errors import UserError
from tunewright.core.language_model import BASE, Generated, Request, Sampling
from tunewright.models.llama.batching import Limits
from tunewright.models.llama.language_model import LlamaLanguageModel

NAMES = ("attention", "dora", "some")
BEGINNINGS = [ids(90, 40), ids(91, 70), (*ids(90, 25), *ids(92, 9))]
FAMILIES = ("llama", "mistral, window", "qwen3", "smollm3")


@cache
def model_with_adapters(family: str) -> LlamaLanguageModel:
    """A model with three adapters, for rows that are computed alone."""
    found = opened(model_of(family))
    with TemporaryDirectory() as work:
        for seed, name in enumerate(NAMES):
            found.load_adapter(name, saved(model_of(family), name, Path(work) / name, seed=seed))
    return found


def fresh(family: str, limits: Limits) -> LlamaLanguageModel:
    """The same adapters over the same weights with an empty cache."""
    known = model_with_adapters(family)
    found = opened(known.shared.lm, limits=limits)
    found.shared.adapters = dict(known.shared.adapters)
    return found


@cache
def alone(family: str, request: Request) -> Generated:
    """What a row gets by itself, its whole prompt in one chunk, nothing remembered."""
    return fresh(family, Limits(rows=1, chunk_tokens=4096)).answer([request])[0]


def same(one: Generated, other: Generated) -> bool:
    close = torch.allclose(
        torch.tensor(one.log_probabilities), torch.tensor(other.log_probabilities), rtol=0, atol=1e-9
    )
    return one.tokens == other.tokens and one.finish == other.finish and close


def begins(part: Generated, whole: Generated) -> bool:
    """A cancelled answer is the beginning of what it would have been."""
    return part.tokens == whole.tokens[: len(part.tokens)]


samplings = st.one_of(
    st.just(Sampling()),
    st.builds(
        Sampling,
        temperature=st.sampled_from([0.0, 0.7, 1.5]),
        top_k=st.sampled_from([0, 1, 5]),
        top_p=st.sampled_from([1.0, 0.8]),
        repetition_penalty=st.sampled_from([1.0, 1.3]),
        seed=st.integers(0, 5),
    ),
)
requests = st.builds(
    lambda begin, own, count, adapter, sampling: Request(
        (*begin, *own), count, frozenset({5, 6}), sampling=sampling, adapter=adapter
    ),
    st.sampled_from([(), *BEGINNINGS]),
    st.lists(st.integers(3, 95), min_size=1, max_size=30).map(tuple),
    st.integers(0, 25),
    st.sampled_from([BASE, *NAMES]),
    samplings,
)
moves = st.lists(
    st.one_of(
        requests.map(lambda request: ("join", request)),
        st.integers(1, 6).map(lambda steps: ("step", steps)),
        st.integers(0, 20).map(lambda place: ("cancel", place)),
        st.sampled_from(NAMES).map(lambda name: ("reload", name)),
    ),
    min_size=4,
    max_size=30,
)
limits = st.builds(
    Limits,
    cache_bytes=st.sampled_from([300_000, 1 << 20, 1 << 24]),
    rows=st.sampled_from([1, 3, 16]),
    chunk_tokens=st.sampled_from([1, 7, 64, 512]),
    remembered_share=st.sampled_from([0.0, 0.5]),
)


def reload(language_model: LlamaLanguageModel, name: str, identity: int) -> None:
    """The same adapter loaded anew under its name, as after an unload: rows under way keep the old one."""
    adapters = language_model.shared.adapters
    adapters[name] = replace(adapters[name], identity=identity)


def play(
    language_model: LlamaLanguageModel, limit: Limits, script: list[tuple[str, Any]]
) -> dict[int, tuple[Request, Generated]]:
    """Do what the script says, then let everything end; each answer with its request, by ticket."""
    generator = language_model.shared.generator
    asked: dict[int, Request] = {}
    found: dict[int, Generated] = {}
    told: dict[int, list[int]] = {}

    def keep(pieces: Any) -> None:
        for piece in pieces:
            if piece.answer is not None:
                assert piece.ticket not in found
                found[piece.ticket] = piece.answer
            else:
                told.setdefault(piece.ticket, []).append(piece.token)

    for number, (what, value) in enumerate(script):
        if what == "join":
            asked[generator.submit(value, language_model.shared.adapter(value.adapter))] = value
        elif what == "step":
            for _ in range(value):
                keep(generator.step())
        elif what == "cancel" and asked:
            generator.cancel(list(asked)[value % len(asked)])
        elif what == "reload":
            reload(language_model, value, 100 + number)
        assert generator.cache_bytes <= limit.cache_bytes
    while generator.busy:
        keep(generator.step())
        assert generator.cache_bytes <= limit.cache_bytes
    assert sorted(found) == sorted(asked)
    for ticket, answer in found.items():
        assert list(answer.tokens) == told.get(ticket, [])
    return {ticket: (asked[ticket], answer) for ticket, answer in found.items()}


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(limit=limits, script=moves)
def test_each_row_gets_what_it_gets_alone(family: str, limit: Limits, script: list[tuple[str, Any]]) -> None:
    for request, answer in play(fresh(family, limit), limit, script).values():
        wanted = alone(family, request)
        assert begins(answer, wanted) if answer.finish == "cancelled" else same(answer, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(limit=limits, script=moves)
def test_each_row_gets_what_it_gets_alone_in_many_orders(
    family: str, limit: Limits, script: list[tuple[str, Any]]
) -> None:
    for request, answer in play(fresh(family, limit), limit, script).values():
        wanted = alone(family, request)
        assert begins(answer, wanted) if answer.finish == "cancelled" else same(answer, wanted)


CLOSE = {torch.float32: 1e-4, torch.bfloat16: 1.0}
"""Of log-probabilities. In 16 bits this model is 0.4 from itself in 32; other adapters are several away."""


@cache
def in_few_bits(dtype: torch.dtype) -> tuple[LlamaLanguageModel, LlamaLanguageModel]:
    """A model in 16 or 32 bits, and the same numbers in float32 without kernels, with the same adapters."""
    narrow = model_of("llama", dtype=dtype)
    models = opened(narrow), opened(deepcopy(narrow).float())
    with TemporaryDirectory() as work:
        for seed, name in enumerate(NAMES):
            folder = saved(deepcopy(narrow), name, Path(work) / name, seed=seed)
            for each in models:
                each.load_adapter(name, folder)
    return models


@torch.no_grad()
def follows(answer: Generated, request: Request, plain: LlamaLanguageModel, limit: float) -> bool:
    """Each token is as likely as told, and none is likelier."""
    view = plain.with_adapter(request.adapter) if request.adapter != BASE else plain.without_adapter()
    states = view.hidden([(*request.prompt, *answer.tokens)])[0][len(request.prompt) - 1 : -1]
    scores = plain.shared.decoder.logits(states).log_softmax(-1)
    said = scores.gather(1, torch.tensor(answer.tokens)[:, None])[:, 0]
    told = torch.tensor(answer.log_probabilities)
    return bool(((said - told).abs() < limit).all() and ((scores.max(-1).values - said) < limit).all())


@pytest.mark.parametrize("dtype", CLOSE, ids=["fp32", "bf16"])
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(limit=limits, script=moves)
def test_compiled_kernels_keep_rows_apart(
    dtype: torch.dtype, limit: Limits, script: list[tuple[str, Any]], compiled: Path
) -> None:
    """The same orders with kernels, greedy: in one batch rows with and without adapters, few and many."""
    narrow, plain = in_few_bits(dtype)
    language_model = opened(narrow.shared.lm, limits=limit, compiled=compiled)
    assert language_model.forward == "tunewright, compiled"
    language_model.shared.adapters = dict(narrow.shared.adapters)
    greedy = [(what, replace(value, sampling=Sampling()) if what == "join" else value) for what, value in script]
    for request, answer in play(language_model, limit, greedy).values():
        assert not answer.tokens or follows(answer, request, plain, CLOSE[dtype])


def test_a_long_prompt_does_not_stop_others() -> None:
    language_model = fresh("llama", Limits(chunk_tokens=16))
    stream = language_model.stream([Request(ids(1, 5), 40), Request(ids(2, 400), 3)])
    order = [piece.ticket for piece in stream]
    first_of_long = order.index(1)
    assert first_of_long >= 20, "the short one goes on while the long one is read"


def test_a_request_larger_than_the_cache_is_refused() -> None:
    language_model = fresh("llama", Limits(cache_bytes=200_000))
    with pytest.raises(UserError, match="MB of cache, and there are"):
        language_model.answer([Request(ids(1, 500), 500)])
    assert not language_model.shared.generator.busy


def test_streams_share_steps_and_closing_one_cancels_it() -> None:
    language_model = fresh("llama", Limits())
    one, two = Request(ids(1, 9), 12), Request(ids(2, 30), 30)
    first, second = language_model.stream([one]), language_model.stream([two])
    for _ in range(4):
        next(first), next(second)
    second.close()
    rest = [piece for piece in first]
    assert rest[-1].answer is not None
    assert same(rest[-1].answer, alone("llama", one))
    assert not language_model.shared.generator.busy
    assert not language_model.shared.mail
    assert same(language_model.answer([two])[0], alone("llama", two))


def test_an_empty_prompt_is_an_error_and_leaves_nothing_behind() -> None:
    language_model = fresh("llama", Limits())
    with pytest.raises(ValueError, match="at least one token"):
        language_model.answer([Request(ids(1, 9), 5), Request((), 5)])
    with pytest.raises(ValueError, match="need a decoder"):
        language_model.answer([Request((4,), 5, stop_strings=("a",))])
    assert not language_model.shared.generator.busy
    with pytest.raises(ValueError, match="temperature cannot be -1"):
        Sampling(temperature=-1)
