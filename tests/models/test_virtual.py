"""Virtual tokens against plain PEFT: packed values and gradients, files, answers and scores, switching and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from tests.models.test_adapted import firsts
from tests.models.test_forward import examples_of
from tests.models.test_language_model import STOP, items, small_model
from tests.models.test_leads import pair
from tests.models.test_lora_forms import shaken
from tunewright.core.errors import UserError
from tunewright.core.language_model import BASE, Request
from tunewright.core.ports import Encoded
from tunewright.models.adapted import kinds_in
from tunewright.models.export.merge import check_mergeable
from tunewright.models.forward import causal_lm, pack, packed_loss
from tunewright.models.language_model import TransformersLanguageModel, open_language_model
from tunewright.models.llama.language_model import LlamaLanguageModel
from tunewright.models.methods.bottleneck import Work as Bottleneck
from tunewright.models.methods.lora import Work as Lora
from tunewright.models.methods.p_tuning import Work as PTuning
from tunewright.models.methods.prefix_tuning import Work as Prefix
from tunewright.models.methods.prompt_tuning import Work as Prompt
from tunewright.models.packed import use_packed_attention
from tunewright.models.virtual import SAVED, VirtualModel
from tunewright.models.virtual_files import ENCODER, ENCODER_FILE, WEIGHTS, read_virtual
from tunewright.models.vocabulary import resize
from tunewright.recipe.options.methods.bottleneck import Options as BottleneckOptions
from tunewright.recipe.options.methods.lora import Options as LoraOptions
from tunewright.recipe.options.methods.p_tuning import Options as PTuningOptions
from tunewright.recipe.options.methods.prefix_tuning import Options as PrefixOptions
from tunewright.recipe.options.methods.prompt_tuning import Options as PromptOptions

METHODS: dict[str, Any] = {
    "prompt": Prompt(PromptOptions(tokens=5)),
    "mlp": PTuning(PTuningOptions(tokens=4, width=12)),
    "lstm": PTuning(PTuningOptions(tokens=4, width=12, encoder="lstm")),
    "prefix": Prefix(PrefixOptions(tokens=6, width=12)),
    "deep": Prefix(PrefixOptions(tokens=6, encoder="none")),
}
KINDS = {
    "prompt": "PROMPT_TUNING",
    "mlp": "P_TUNING",
    "lstm": "P_TUNING",
    "prefix": "PREFIX_TUNING",
    "deep": "PREFIX_TUNING",
}
PROMPTS = [item.prompt for item in items()]
SEEING = ("llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma2", "gemma3_text", "granite", "cohere", "gpt_neox")
SEEING += ("gpt2", "phi3", "olmo2")


def base(family: str = "llama", dtype: torch.dtype = torch.float64) -> Any:
    return small_model(family).to(dtype)


def tuned(name: str, family: str = "llama", dtype: torch.dtype = torch.float64) -> VirtualModel:
    """A model with virtual tokens that change what is computed."""
    model = METHODS[name].attach(base(family, dtype), seed=1)
    shaken(METHODS[name].trainable(model))
    return model


def masters(name: str, model: Any) -> dict[str, Tensor]:
    return {key: each.detach().clone() for key, each in METHODS[name].trainable(model).items()}


def saved(name: str, folder: Path) -> Path:
    model = tuned(name)
    METHODS[name].save(model, masters(name, model), folder)
    return folder


def peft_of(name: str, model: VirtualModel, family: str = "llama") -> Any:
    """Plain PEFT's model in training, with the same weights, built from the config that we save."""
    config = model.peft_config["default"]
    config = type(config)(**{**config.to_dict(), "inference_mode": False})
    plain = get_peft_model(base(family), config)
    encoder = plain.prompt_encoder["default"].double()
    weights = masters(name, model)
    encoder.load_state_dict({"embedding.weight": weights[SAVED]} if SAVED in weights else weights)
    return plain


def sides(examples: list[Encoded]) -> list[Encoded]:
    return [side for each in examples for side in (each, each.rejected) if side is not None]


def peft_loss(model: Any, example: Encoded) -> Tensor:
    """Weighted cross-entropy of one row through PEFT's own forward."""
    tokens = torch.from_numpy(example.tokens.astype(np.int64)) % 90
    scores = model(input_ids=tokens[None]).logits[0, -len(tokens) : -1].log_softmax(-1)
    each = scores.gather(1, tokens[1:, None])[:, 0]
    return -(each * torch.from_numpy(example.weights[1:])).sum()


def small(examples: list[Encoded]) -> list[Encoded]:
    """The same with tokens of the small vocabulary."""

    def one(example: Encoded) -> Encoded:
        rejected = one(example.rejected) if example.rejected is not None else None
        return Encoded((example.tokens % 90).astype(np.int32), example.weights, example.index, rejected)

    return [one(example) for example in examples]


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("name", METHODS)
def test_a_pack_computes_what_plain_peft_computes_row_by_row(name: str, recompute: bool) -> None:
    """Values and gradients of everything that trains, pairs with shared prompts among the rows."""
    examples = small([pair(20, 6, 9, seed=7), *examples_of([5, 31, 12, 2], seed=4)])
    model = tuned(name)
    plain = peft_of(name, model)
    expected = torch.stack([peft_loss(plain, side) for side in sides(examples)]).sum()
    expected.backward()
    theirs = {key: each.grad for key, each in plain.prompt_encoder["default"].named_parameters()}
    use_packed_attention(causal_lm(model))
    if recompute:
        causal_lm(model).gradient_checkpointing_enable({"use_reentrant": False})
        model.train()
    found = packed_loss(model, pack(examples)).loss
    found.backward()
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    for key, each in METHODS[name].trainable(model).items():
        wanted = theirs["embedding.weight" if key == SAVED else key]
        torch.testing.assert_close(each.grad, wanted, rtol=1e-4, atol=1e-6)  # the library's norms are float32
    assert not any(each.requires_grad for each in causal_lm(model).parameters())


@pytest.mark.parametrize("name", METHODS)
def test_plain_peft_reads_what_is_saved(name: str, tmp_path: Path) -> None:
    model = tuned(name, dtype=torch.float32)
    METHODS[name].save(model, masters(name, model), tmp_path)
    assert load_file(tmp_path / WEIGHTS).keys() == {SAVED}
    assert PeftConfig.from_pretrained(str(tmp_path)).peft_type == KINDS[name]
    tokens = torch.tensor([PROMPTS[0]])
    plain = PeftModel.from_pretrained(base(dtype=torch.float32), tmp_path).eval()
    loaded = METHODS[name].load(base(dtype=torch.float32), tmp_path)
    with torch.no_grad():
        theirs = plain(input_ids=tokens).logits[:, -tokens.shape[1] :]
        ours = loaded(input_ids=tokens).logits
        assert torch.equal(ours, model.eval()(input_ids=tokens).logits)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    for key, each in METHODS[name].read(tmp_path).items():
        assert torch.equal(each, masters(name, model)[key])
    assert set(METHODS[name].read(tmp_path)) == set(METHODS[name].trainable(model))
    mask = torch.ones_like(tokens)
    answer = plain.generate(input_ids=tokens, attention_mask=mask, max_new_tokens=8, do_sample=False, eos_token_id=2)
    found = open_language_model(loaded).generate([PROMPTS[0]], max_new_tokens=8, stop=STOP)[0]
    theirs = tuple(int(token) for token in answer[0, tokens.shape[1] :] if token != 2)
    assert found.tokens == theirs


def rowwise(model: Any, row: tuple[int, ...]) -> Tensor:
    """Log-probabilities of one row in one plain pass: what virtual tokens stand for, without any cache of ours."""
    lm, tokens = causal_lm(model), model.tokens_of("default")
    if tokens.is_prefix:
        return model(torch.tensor([row])).logits[0].log_softmax(-1)
    embedded = lm.get_input_embeddings()(torch.tensor(row))
    embeds = torch.cat([tokens.embeddings(), embedded])[None]
    return lm(inputs_embeds=embeds, use_cache=False).logits[0, tokens.tokens :].log_softmax(-1)


@torch.no_grad()
@pytest.mark.parametrize("name", ["prompt", "deep"])
@pytest.mark.parametrize("family", SEEING)
def test_scores_and_answers_equal_plain_passes(family: str, name: str) -> None:
    model = tuned(name, family).eval()
    found = open_language_model(model)
    assert found.forward == f"transformers: the adapter is of the kind {KINDS[name]}"
    for item, row in zip(items(), found.score(items()), strict=True):
        for wanted, one in zip(item.continuations, row, strict=True):
            scores = rowwise(model, (*item.prompt, *wanted))
            values = [float(scores[len(item.prompt) - 1 + at, token]) for at, token in enumerate(wanted)]
            np.testing.assert_allclose(one.log_probabilities, values, rtol=1e-5, atol=1e-6)
    for prompt, answer in zip(PROMPTS, found.generate(PROMPTS, max_new_tokens=8, stop=STOP), strict=True):
        tokens = list(prompt)
        while len(tokens) < len(prompt) + 8:
            token = int(rowwise(model, tuple(tokens))[-1].argmax())
            if token in STOP:
                break
            tokens.append(token)
        assert answer.tokens == tuple(tokens[len(prompt) :])
    states = found.hidden([PROMPTS[0]])[0]
    assert len(states) == len(PROMPTS[0])


@pytest.mark.parametrize("name", METHODS)
def test_without_them_there_is_the_base_and_gradients_reach_what_trains(name: str) -> None:
    model = tuned(name).train()
    found = open_language_model(model, live=True)
    on, off = firsts(found), firsts(found.without_adapter())
    np.testing.assert_array_equal(off, firsts(TransformersLanguageModel(base())))
    assert abs(on - off).max() > 1e-3
    found.without_adapter().generate(PROMPTS, max_new_tokens=4, stop=STOP)
    np.testing.assert_array_equal(firsts(found), on)
    with pytest.raises(IndexError):
        found.without_adapter().generate([(10**6,)], max_new_tokens=2, stop=STOP)
    np.testing.assert_array_equal(firsts(found), on)
    sum(row[0].sum() for row in found.log_probabilities(items()[:2])).backward()  # pyright: ignore
    assert all(bool(each.grad.any()) for each in METHODS[name].trainable(model).values())


@pytest.mark.parametrize("opened_with", ["nothing", "one"])
def test_several_are_used_one_at_a_time_beside_others(opened_with: str, tmp_path: Path) -> None:
    model = base() if opened_with == "nothing" else tuned("prompt")
    found = TransformersLanguageModel(model)
    opened = firsts(found)
    alone = {name: firsts(TransformersLanguageModel(tuned(name))) for name in METHODS}
    others = {"lora": Lora(LoraOptions(rank=4)), "wide": Bottleneck(BottleneckOptions(width=5))}
    for name, method in others.items():
        other = method.attach(base(), seed=1)
        shaken(method.trainable(other))
        alone[name] = firsts(TransformersLanguageModel(other))
        method.save(other, {key: each.detach() for key, each in method.trainable(other).items()}, tmp_path / name)
    for name in ("prompt", "lora", "deep", "wide", "mlp", "lstm", "prefix"):
        found.load_adapter(name, saved(name, tmp_path / name) if name in METHODS else tmp_path / name)
    assert kinds_in(found.model) == {*KINDS.values(), "LORA", "BOTTLENECK"}
    for name in (*alone, *reversed(alone)):
        np.testing.assert_allclose(firsts(found.with_adapter(name)), alone[name], rtol=1e-5)
        np.testing.assert_array_equal(firsts(found), opened)
    requests = [Request(PROMPTS[0], 6, STOP, adapter=name) for name in (*METHODS, BASE, "")]
    for request, answer in zip(requests, found.answer(requests), strict=True):
        view = found.without_adapter() if request.adapter == BASE else found
        view = found.with_adapter(request.adapter) if request.adapter in METHODS else view
        assert answer == view.generate([PROMPTS[0]], max_new_tokens=6, stop=STOP)[0]
    for name in ("lora", *METHODS, "wide"):
        found.unload_adapter(name)
        np.testing.assert_array_equal(firsts(found), opened)
    found.load_adapter("again", tmp_path / "deep")
    np.testing.assert_allclose(firsts(found.with_adapter("again")), alone["deep"], rtol=1e-5)


def table(change: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        weights = load_file(folder / WEIGHTS)
        change(weights)
        save_file(weights, folder / WEIGHTS)

    return spoil


def altered(**keys: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | keys))

    return spoil


SPOILT: list[tuple[Callable[[Path], object], str]] = [
    (table(lambda w: w[SAVED].fill_(float("nan"))), "holds NaN or infinity"),
    (table(lambda w: w.update({SAVED: w[SAVED][:, 1:].contiguous()})), "this model needs numbers of the shape"),
    (table(lambda w: w.update({SAVED: w[SAVED].to(torch.int32)})), "its table is I32"),
    (table(lambda w: w.update({"other": w.pop(SAVED)})), f"{SAVED} is missing"),
    (lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-8]), "the weight file is damaged"),
    (lambda folder: (folder / WEIGHTS).write_bytes(b"\x80\x04."), "the weight file is damaged"),
    (lambda folder: (folder / WEIGHTS).unlink(), f"holds no {WEIGHTS}"),
    (altered(num_virtual_tokens=10**9), "num_virtual_tokens is not right"),
    (altered(num_virtual_tokens=True), "num_virtual_tokens is not right"),
    (altered(num_virtual_tokens=3), "needs numbers of the shape"),
    (altered(num_transformer_submodules=2), "more than virtual tokens of a causal language model"),
    (lambda folder: (folder / "adapter_config.json").write_text("{"), "not JSON"),
]


@pytest.mark.parametrize("name", ["prompt", "prefix"])
@pytest.mark.parametrize(("spoil", "sentence"), SPOILT, ids=[sentence for _, sentence in SPOILT])
def test_spoilt_ones_are_refused_and_change_nothing(
    spoil: Callable[[Path], object], sentence: str, name: str, tmp_path: Path
) -> None:
    found = TransformersLanguageModel(base())
    before = firsts(found)
    spoil(saved(name, tmp_path / "spoilt"))
    with pytest.raises(UserError, match=sentence) as caught:
        found.load_adapter("spoilt", tmp_path / "spoilt")
    assert "\n" not in str(caught.value)
    assert found.adapters == ()
    np.testing.assert_array_equal(firsts(found), before)
    found.load_adapter("whole", saved(name, tmp_path / "whole"))
    assert abs(firsts(found.with_adapter("whole")) - before).max() > 1e-3


@pytest.mark.parametrize("name", ["prompt", "prefix"])
def test_those_of_another_model_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs numbers of the shape"):
        TransformersLanguageModel(AutoModelForCausalLM.from_config(wider())).load_adapter("x", saved(name, tmp_path))
    own = open_language_model(base())
    assert isinstance(own, LlamaLanguageModel)
    with pytest.raises(UserError, match=f"of the kind {KINDS[name]}"):
        own.load_adapter("x", tmp_path)
    plain = PeftModel.from_pretrained(base(), tmp_path)
    with pytest.raises(UserError, match="Load them from their folder"):
        open_language_model(plain)


def wider() -> Any:
    config = base().config
    config.hidden_size, config.num_hidden_layers = 64, 2
    return config


@pytest.mark.parametrize("name", METHODS)
def test_they_cannot_be_merged_and_train_no_added_token(name: str) -> None:
    with pytest.raises(UserError, match=r"cannot be merged: its .* are no weights"):
        check_mergeable(tuned(name), method=METHODS[name].name, adapts=True)
    model = base()
    resize(model, 97, added=(96,))
    with pytest.raises(UserError, match="trains no row of the embedding"):
        METHODS[name].attach(model, seed=0)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("family", ["mamba", "lfm2"])
def test_models_that_keep_a_state_are_refused(family: str, name: str) -> None:
    with pytest.raises(UserError, match="seen through attention"):
        METHODS[name].attach(base(family), seed=0)


@pytest.mark.parametrize("name", METHODS)
def test_starts_depend_on_the_seed_alone(name: str) -> None:
    one, again, other = (masters(name, METHODS[name].attach(base(), seed=seed)) for seed in (3, 3, 4))
    assert all(torch.equal(one[key], again[key]) and not torch.equal(one[key], other[key]) for key in one)
    assert all(each.dtype == torch.float64 for each in one.values())
    low = METHODS[name].attach(base(dtype=torch.bfloat16), seed=3)
    assert all(each.dtype == torch.float32 for each in METHODS[name].trainable(low).values())


def test_a_prompt_begins_as_tokens_of_the_model(tiny_model_folder: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_model_folder)
    weight = model.get_input_embeddings().weight.detach().clone()
    text = "question answer label question answer label question"
    found = Prompt(PromptOptions(init="text", text=text)).attach(model, seed=0).tokens_of("default").table()
    ids = [int((weight == row).all(-1).nonzero()[0]) for row in found]
    three = Prompt(PromptOptions(init="text", text=text, tokens=3)).attach(model, seed=0).tokens_of("default").table()
    assert torch.equal(three, weight[ids[:3]])
    many = Prompt(PromptOptions(init="text", text=text, tokens=len(ids) + 2))
    assert torch.equal(many.attach(model, seed=0).tokens_of("default").table(), weight[[*ids, *ids[:2]]])
    drawn = Prompt(PromptOptions()).attach(model, seed=0).tokens_of("default").table()
    assert len({int((weight == row).all(-1).nonzero()[0]) for row in drawn} - {1, 2}) == 20
    uniform = Prompt(PromptOptions(init="random", tokens=200)).attach(model, seed=0).tokens_of("default").table()
    assert 0.45 < float(uniform.detach().abs().max()) <= 0.5


def test_a_deep_prompt_may_begin_as_the_models_own_keys_and_values() -> None:
    """Then the start computes what the base computes after those tokens."""
    method = Prefix(PrefixOptions(tokens=6, encoder="none", init="vocabulary"))
    model = method.attach(base(), seed=2)
    start = TransformersLanguageModel(model)
    key = model.tokens_of("default").prefix().layers(torch.float64)[0][0][0]  # type: ignore[union-attr]
    plain: Any = base()
    found = None
    for first in range(3, 90):
        states = plain.model(torch.tensor([[first]]), use_cache=True).past_key_values.layers[0].keys
        if torch.allclose(states[0, :, 0], key[:, 0]):
            found = first
    assert found is not None
    assert np.isfinite(firsts(start)).all()


def test_more_virtual_tokens_than_a_model_reads_are_refused() -> None:
    with pytest.raises(UserError, match="300 virtual tokens leave no room: this model reads 256"):
        Prompt(PromptOptions(tokens=300)).attach(base(), seed=0)


@pytest.mark.parametrize(
    "options",
    [
        lambda: PromptOptions(init="text"),
        lambda: PromptOptions(text="some"),
        lambda: PromptOptions(tokens=0),
        lambda: PrefixOptions(init="vocabulary"),
    ],
)
def test_options_that_make_no_sense_are_errors(options: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"text is what|tokens is a number|needs encoder: none"):
        options()


def test_an_encoder_that_was_not_saved_cannot_go_on(tmp_path: Path) -> None:
    (saved("mlp", tmp_path) / ENCODER / ENCODER_FILE).unlink()
    with pytest.raises(UserError, match="is not saved with them"):
        METHODS["mlp"].read(tmp_path)
    read_virtual(VirtualModel(base()), "x", folder=tmp_path)
