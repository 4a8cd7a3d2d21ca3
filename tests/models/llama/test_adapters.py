"""Adapters against PEFT, single and mixed in one batch, in float64; over live weights; what is refused, and why."""

from __future__ import annotations

import gc
import json
import math
import weakref
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from tests.models.llama.adapters import FORMS, by_peft, peft_model, saved
from tests.models.llama.families import ids, model_of
from tests.models.llama.test_parity import EXACT, logits_alone, opened
from tests.models.numbers import plain
from tunewright.core.errors import UserError
from tunewright.core.language_model import BASE, Request, ScoreItem
from tunewright.core.nouns import ModelVersion
from tunewright.models.llama.language_model import LlamaLanguageModel
from tunewright.models.version import RECORD

PROMPTS = [ids(seed, length) for seed, length in enumerate((3, 30, 17, 9, 40, 21, 5, 33))]


@torch.no_grad()
def logits_of(model: LlamaLanguageModel, row: tuple[int, ...]) -> torch.Tensor:
    return model.shared.decoder.logits(model.hidden([row])[0])


@torch.no_grad()
def apart(answer: Any, prompt: tuple[int, ...], model: Any) -> float:
    """The largest difference of a log-probability from what `model` says greedily; infinite where a token differs."""
    logits = logits_alone(model, (*prompt, *answer.tokens)).log_softmax(-1)[len(prompt) - 1 : -1]
    if logits.argmax(-1).tolist() != list(answer.tokens) or len(answer.log_probabilities) != len(logits):
        return math.inf
    return float((logits.max(-1).values - torch.tensor(answer.log_probabilities, dtype=logits.dtype)).abs().max())


@pytest.mark.parametrize("family", ["llama", "llama, biases", "qwen3, biases", "smollm3"])
@pytest.mark.parametrize("form", FORMS)
def test_one_adapter_is_what_peft_computes(family: str, form: str, tmp_path: Path) -> None:
    model = model_of(family)
    folder = saved(model, form, tmp_path)
    theirs = by_peft(model, folder)
    base = opened(model)
    base.load_adapter("mine", folder)
    ours, row = base.with_adapter("mine"), ids(5, 40)
    assert (logits_of(ours, row) - logits_alone(theirs, row)).abs().max() < EXACT
    assert (logits_of(base, row) - logits_alone(model, row)).abs().max() < EXACT
    assert (logits_alone(theirs, row) - logits_alone(model, row)).abs().max() > 0.1
    assert apart(ours.answer([Request(row, 10)])[0], row, theirs) <= EXACT
    item = ScoreItem(row, ((4, 5), (6,)))
    scored = ours.score([item])[0][0]
    logits = logits_alone(theirs, (*row, 4, 5)).log_softmax(-1)
    assert scored.log_probabilities.tolist() == pytest.approx([float(logits[39, 4]), float(logits[40, 5])], abs=1e-5)


@pytest.mark.parametrize("family", ["llama, biases", "qwen3"])
def test_rows_of_one_batch_have_their_own_adapters(family: str, tmp_path: Path) -> None:
    model = model_of(family)
    language_model = opened(model)
    references = {BASE: model}
    for seed, form in enumerate(FORMS):
        folder = saved(model, form, tmp_path / form, seed=seed)
        language_model.load_adapter(form, folder)
        references[form] = by_peft(model, folder)
    names = [BASE, *FORMS, "all"]
    requests = [
        Request(prompt, 6 + at, adapter=name) for at, (prompt, name) in enumerate(zip(PROMPTS, names, strict=True))
    ]
    for request, answer in zip(requests, language_model.answer(requests), strict=True):
        assert apart(answer, request.prompt, references[request.adapter]) <= EXACT


def test_rows_with_their_own_adapters_as_pefts_own_mixed_batch(tmp_path: Path) -> None:
    model = model_of("llama")
    language_model, theirs = opened(model), None
    plain = ["attention", "some", "all"]
    for seed, form in enumerate(plain):
        folder = saved(model, form, tmp_path / form, seed=seed)
        language_model.load_adapter(form, folder)
        if theirs is None:
            theirs = PeftModel.from_pretrained(
                deepcopy(model), folder, adapter_name=form, autocast_adapter_dtype=False
            ).eval()
        else:
            theirs.load_adapter(str(folder), adapter_name=form, autocast_adapter_dtype=False)
    names = [*plain, "__base__"] * 2
    prompts = [ids(seed, 20) for seed in range(8)]
    answers = language_model.answer(
        [Request(p, 8, adapter=BASE if n == "__base__" else n) for p, n in zip(prompts, names, strict=True)]
    )
    rows = torch.tensor([[*prompt, *answer.tokens] for prompt, answer in zip(prompts, answers, strict=True)])
    assert theirs is not None
    with torch.no_grad():
        logits = theirs(rows, adapter_names=names, use_cache=False).logits.log_softmax(-1)[:, 19:-1]
    for answer, each in zip(answers, logits, strict=True):
        assert each.argmax(-1).tolist() == list(answer.tokens)
        assert answer.log_probabilities == pytest.approx(each.max(-1).values.tolist(), abs=EXACT)


def test_the_adapter_inside_the_model_is_live() -> None:
    model = model_of("llama")
    theirs = peft_model(model, "all")
    language_model, row = opened(theirs, live=True), ids(5, 20)
    for _ in range(2):
        assert (logits_of(language_model, row) - logits_alone(theirs, row)).abs().max() < EXACT
        assert apart(language_model.answer([Request(row, 8)])[0], row, theirs) <= EXACT
        assert apart(language_model.without_adapter().answer([Request(row, 8)])[0], row, model) <= EXACT
        with torch.no_grad():
            for name, parameter in theirs.named_parameters():
                if "lora_" in name:
                    parameter.add_(0.1 * torch.randn_like(parameter))
    assert language_model.shared.generator.cache_bytes == 0


def test_live_and_loaded_adapters_and_the_base_share_a_batch(tmp_path: Path) -> None:
    model = model_of("llama")
    inside = peft_model(model, "dora", seed=4)
    folder = saved(model, "all", tmp_path)
    language_model = opened(inside, live=True)
    language_model.load_adapter("other", folder)
    references = {"": inside, BASE: model, "other": by_peft(model, folder)}
    requests = [Request(ids(seed, 12), 6, adapter=name) for seed, name in enumerate(references)]
    for request, answer in zip(requests, language_model.answer(requests), strict=True):
        assert apart(answer, request.prompt, references[request.adapter]) <= EXACT


def test_gradients_of_a_live_adapter_are_pefts() -> None:
    theirs = peft_model(model_of("llama"), "all")
    row = ids(5, 20)
    theirs(torch.tensor([row])).logits.sin().sum().backward()
    wanted = {name: parameter.grad.clone() for name, parameter in theirs.named_parameters() if parameter.requires_grad}
    theirs.zero_grad()
    ours = opened(theirs, live=True)
    ours.shared.decoder.logits(ours.hidden([row])[0]).sin().sum().backward()
    for name, parameter in theirs.named_parameters():
        if name in wanted:
            assert (parameter.grad - wanted[name]).abs().max() < 1e-8 * max(1.0, float(wanted[name].abs().max())), name


def test_a_poisoned_row_ends_alone(tmp_path: Path) -> None:
    model = model_of("llama")
    language_model = opened(model)
    names = ["attention", "some", "all"]
    for seed, name in enumerate(names):
        language_model.load_adapter(name, saved(model, name, tmp_path / name, seed=seed))
    requests = [Request(prompt, 12, adapter=[BASE, *names][at % 4]) for at, prompt in enumerate(PROMPTS)]
    alone = language_model.answer(requests)
    stream = language_model.stream(requests)
    for _ in range(40):
        next(stream)
    poisoned = language_model.shared.adapters["some"]
    for part in poisoned.parts:
        if part is not None:
            part.down.fill_(torch.inf)
    language_model.shared.generator._stack = None
    answers = {piece.ticket: piece.answer for piece in stream if piece.answer is not None}
    for at, request in enumerate(requests):
        if request.adapter == "some":
            assert answers[at].finish == "error"
            assert answers[at].tokens == alone[at].tokens[: len(answers[at].tokens)]
        else:
            assert answers[at].tokens == alone[at].tokens
            assert answers[at].log_probabilities == pytest.approx(alone[at].log_probabilities, abs=EXACT)
    assert [answer.tokens for answer in language_model.answer([requests[0], requests[3]])] == [
        alone[0].tokens,
        alone[3].tokens,
    ]


def test_a_live_adapter_that_diverged_touches_nobody(tmp_path: Path) -> None:
    model = model_of("llama")
    inside = peft_model(model, "all")
    language_model = opened(inside, live=True)
    with torch.no_grad():
        for name, parameter in inside.named_parameters():
            if "lora_B" in name:
                parameter.fill_(torch.nan)
    mine, base = language_model.answer([Request(ids(1, 9), 5), Request(ids(1, 9), 5, adapter=BASE)])
    assert (mine.finish, mine.tokens) == ("error", ())
    assert apart(base, ids(1, 9), model) <= EXACT


def broken(folder: Path, how: str) -> None:
    """Spoil the folder of an adapter."""
    weights, config = folder / "adapter_model.safetensors", folder / "adapter_config.json"
    tensors, settings = load_file(weights), json.loads(config.read_text())
    first = sorted(tensors)[0]
    if how == "nan":
        tensors[first][0, 0] = torch.nan
    elif how == "huge":
        tensors = {name: tensor * 1e150 for name, tensor in tensors.items()}
    elif how == "too large":
        tensors = {name: tensor * 1e200 for name, tensor in tensors.items()}
        settings["lora_alpha"] = 1e300
    elif how == "rank":
        settings["r"] = 5
    elif how == "shape":
        tensors[first] = tensors[first][:, :-1].contiguous()
    elif how == "half":
        tensors.pop(first)
    elif how == "layer":
        tensors = {name.replace("layers.2.", "layers.7."): tensor for name, tensor in tensors.items()}
    elif how == "module":
        tensors = {name.replace("q_proj", "k_norm"): tensor for name, tensor in tensors.items()}
    elif how == "kind":
        settings["peft_type"] = "IA3"
    elif how == "form":
        settings["rank_pattern"] = {"q_proj": 2}
    elif how == "start":
        settings["init_lora_weights"] = "pissa"
    elif how == "magnitudes":
        settings["use_dora"] = True
    save_file(tensors, weights)
    config.write_text(json.dumps(settings))
    if how == "cut":
        weights.write_bytes(weights.read_bytes()[:200])
    elif how == "empty":
        weights.unlink()
    elif how == "config":
        config.unlink()


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("nan", "holds NaN or infinity"),
        ("huge", "NaN or infinity with it"),
        ("too large", "too large for torch.float64"),
        ("rank", "has the shapes"),
        ("shape", "has the shapes"),
        ("half", "one of the two matrices of layer 0"),
        ("layer", "it adapts layer 7, "),
        ("module", "knows no adapter weight"),
        ("kind", "it is of the kind IA3"),
        ("form", "it has the form rank_pattern"),
        ("start", "it began with pissa"),
        ("magnitudes", "are not as use_dora says"),
        ("cut", "its weights cannot be read"),
        ("empty", "it holds no adapter_model.safetensors"),
        ("config", "there is no adapter_config.json"),
    ],
)
def test_a_bad_adapter_is_refused_with_the_reason(how: str, why: str, tmp_path: Path) -> None:
    model = model_of("llama")
    language_model = opened(model)
    broken(saved(model, "all", tmp_path), how)
    with pytest.raises(UserError, match=why):
        language_model.load_adapter("mine", tmp_path)
    assert language_model.adapters == ()
    assert apart(language_model.answer([Request(ids(1, 9), 5)])[0], ids(1, 9), model) <= EXACT


def test_names_of_adapters(tmp_path: Path) -> None:
    model = model_of("llama")
    language_model = opened(model)
    folder = saved(model, "some", tmp_path)
    language_model.load_adapter("mine", folder)
    for name in ("", BASE, "mine"):
        with pytest.raises(UserError, match="cannot be called"):
            language_model.load_adapter(name, folder)
    for use in (language_model.with_adapter, language_model.unload_adapter):
        with pytest.raises(UserError, match="no adapter is loaded under the name 'yours'"):
            use("yours")
    with pytest.raises(UserError, match="Loaded are: mine"):
        language_model.answer([Request(ids(1, 9), 5, adapter="yours")])
    view = language_model.with_adapter("mine")
    language_model.unload_adapter("mine")
    with pytest.raises(UserError, match="no adapter is loaded"):
        view.score([ScoreItem((1, 2), ((3,),))])


def test_rows_under_way_end_with_the_adapter_they_began_with(tmp_path: Path) -> None:
    model = model_of("llama")
    language_model = opened(model)
    first, second = (saved(model, form, tmp_path / form) for form in ("all", "some"))
    language_model.load_adapter("mine", first)
    prompt = ids(3, 25)
    stream = language_model.stream([Request(prompt, 20, adapter="mine")])
    for _ in range(5):
        next(stream)
    language_model.unload_adapter("mine")
    language_model.load_adapter("mine", second)
    other = language_model.answer([Request(prompt, 20, adapter="mine")])[0]
    (old,) = [piece.answer for piece in stream if piece.answer is not None]
    assert apart(old, prompt, by_peft(model, first)) <= EXACT
    assert apart(other, prompt, by_peft(model, second)) <= EXACT


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    model = model_of("llama")
    folder = saved(model, "some", tmp_path)
    record = ModelVersion(
        name="x",
        key="k",
        base="somewhere",
        base_digest="b" * 64,
        method="lora",
        chat_digest="c",
        numbers=plain("fp32"),
        trained_parameters=1,
    )
    (folder / RECORD).write_text(record.model_dump_json())
    with pytest.raises(UserError, match="trained over another base model"):
        opened(model, base_digest="a" * 64).load_adapter("mine", folder)
    opened(model, base_digest="b" * 64).load_adapter("mine", folder)
    (folder / RECORD).write_text("{}")
    with pytest.raises(UserError, match="its record cannot be read"):
        opened(model, base_digest="b" * 64).load_adapter("mine", folder)


def test_an_adapter_that_was_loaded_anew_under_its_name_is_the_new_one(tmp_path: Path) -> None:
    model = model_of("llama")
    language_model = opened(model)
    first, second = (saved(model, "all", tmp_path / str(seed), seed=seed) for seed in (1, 2))
    prompt = ids(3, 25)
    both = [Request(prompt, 6, adapter="mine"), Request(prompt, 6, adapter=BASE)]
    for folder in (first, second):
        language_model.load_adapter("mine", folder)
        mine, base = language_model.answer(both)
        assert apart(mine, prompt, by_peft(model, folder)) <= EXACT
        assert apart(base, prompt, model) <= EXACT
        language_model.unload_adapter("mine")


def test_an_unloaded_adapter_leaves_nothing_behind(tmp_path: Path) -> None:
    model = model_of("llama")
    language_model = opened(model)
    for name in ("mine", "yours"):
        language_model.load_adapter(name, saved(model, "all", tmp_path / name))
    language_model.answer([Request(ids(3, 25), 4, adapter=name) for name in ("mine", "yours")])
    gone = weakref.ref(language_model.shared.adapters["mine"])
    language_model.unload_adapter("mine")
    gc.collect()
    assert gone() is None
