"""Bottleneck adapters against the papers' formulas in numpy; their packing, dropout, files and switching."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy.special import erf
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, BloomConfig, BloomForCausalLM, LlamaConfig, LlamaForCausalLM

from tests.conftest import tiny_config
from tests.models.test_forward import examples_of, gradients, library_loss, relative
from tests.models.test_language_model import FAMILIES, SMALL
from tests.models.test_lora_forms import logits_of, shaken
from tunewright.core.errors import UserError
from tunewright.core.ports import Encoded
from tunewright.models.bottleneck import Bottleneck, BottleneckModel
from tunewright.models.bottleneck_files import CONFIG, WEIGHTS
from tunewright.models.dropout import CLOCK, SeededDropout
from tunewright.models.forward import causal_lm, pack, packed_loss, prepare_for_packing
from tunewright.models.load import attention_of
from tunewright.models.methods.bottleneck import Work
from tunewright.models.vocabulary import resize
from tunewright.recipe.options.methods.bottleneck import Options

FORMS = ("houlsby", "pfeiffer", "parallel")
CURVES: dict[str, Callable[[Any], Any]] = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
}


def base(dtype: torch.dtype = torch.float64) -> Any:
    """A random Llama, the same numbers each time."""
    torch.manual_seed(5)
    return LlamaForCausalLM(LlamaConfig(**tiny_config())).to(dtype).eval()  # pyright: ignore[reportArgumentType]


def attached(dtype: torch.dtype = torch.float64, *, seed: int = 3, **options: Any) -> tuple[Work, BottleneckModel]:
    method = Work(Options(**{"width": 6, **options}))
    return method, method.attach(base(dtype), seed=seed)


def trained(dtype: torch.dtype = torch.float64, **options: Any) -> tuple[Work, BottleneckModel]:
    method, model = attached(dtype, **options)
    shaken(method.trainable(model))
    return method, model


def masters(method: Work, model: Any) -> dict[str, Tensor]:
    return {name: each.detach().clone() for name, each in method.trainable(model).items()}


class Plainly:
    """The tiny Llama with bottleneck adapters, written from the formulas. `weights` are numpy arrays in float64."""

    def __init__(self, model: BottleneckModel, options: Options, scale: float) -> None:
        self.of = {name: each.detach().numpy() for name, each in causal_lm(model).state_dict().items()}
        self.adapter = {name: each.detach().numpy() for name, each in Work(options).trainable(model).items()}
        self.form, self.curve, self.scale = options.form, CURVES[options.activation], scale

    def delta(self, x: Any, place: str) -> Any:
        """s (W_up f(W_down x + b_down) + b_up): He et al., 2022, equation 4, with the biases of Houlsby et al."""
        down, up = (
            [self.adapter[f"layers.{place}.{part}.{each}"] for each in ("weight", "bias")] for part in ("down", "up")
        )
        return self.scale * (self.curve(x @ down[0].T + down[1]) @ up[0].T + up[1])

    def logits(self, tokens: Any) -> Any:
        x = self.of["model.embed_tokens.weight"][tokens]
        for at in range(2):
            layer = f"model.layers.{at}."
            attention = self.attention(self.norm(x, f"{layer}input_layernorm"), f"{layer}self_attn.")
            if self.form == "houlsby":
                attention = attention + self.delta(attention, f"{at}.attention")
            x = x + attention
            given = self.norm(x, f"{layer}post_attention_layernorm")
            mlp = self.mlp(given, f"{layer}mlp.")
            if self.form == "houlsby":
                mlp = mlp + self.delta(mlp, f"{at}.mlp")
            if self.form == "parallel":
                mlp = mlp + self.delta(given, f"{at}.mlp")
            x = x + mlp
            if self.form == "pfeiffer":
                x = x + self.delta(x, f"{at}.block")
        return self.norm(x, "model.norm") @ self.of["model.embed_tokens.weight"].T

    def loss(self, examples: list[Encoded]) -> float:
        """Weighted cross-entropy, summed."""
        total = 0.0
        for example in examples:
            logits = self.logits(example.tokens)[:-1]
            top = logits.max(-1)
            right = logits[np.arange(len(logits)), example.tokens[1:]]
            total += float((example.weights[1:] * (top + np.log(np.exp(logits - top[:, None]).sum(-1)) - right)).sum())
        return total

    def norm(self, x: Any, name: str) -> Any:
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * self.of[f"{name}.weight"]

    def mlp(self, x: Any, name: str) -> Any:
        gate, up, down = (self.of[f"{name}{part}_proj.weight"] for part in ("gate", "up", "down"))
        return (CURVES["silu"](x @ gate.T) * (x @ up.T)) @ down.T

    def attention(self, x: Any, name: str) -> Any:
        """Causal attention of 4 heads over 2 key-value heads of width 16, with rotary positions."""
        query, key, value = (
            (x @ self.of[f"{name}{part}_proj.weight"].T).reshape(len(x), -1, 16).transpose(1, 0, 2) for part in "qkv"
        )
        query, key = self.turned(query), self.turned(key)
        scores = query @ np.repeat(key, 2, 0).transpose(0, 2, 1) / 4
        scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        out = shares / shares.sum(-1, keepdims=True) @ np.repeat(value, 2, 0)
        return out.transpose(1, 0, 2).reshape(len(x), -1) @ self.of[f"{name}o_proj.weight"].T

    def turned(self, x: Any) -> Any:
        angle = np.arange(x.shape[1])[:, None] * 10_000.0 ** (-np.arange(8) / 8)
        left, right = x[..., :8], x[..., 8:]
        return np.concatenate(
            [left * np.cos(angle) - right * np.sin(angle), right * np.cos(angle) + left * np.sin(angle)], -1
        )


@pytest.mark.parametrize("activation", CURVES)
@pytest.mark.parametrize("form", FORMS)
def test_what_is_computed_is_the_papers_formula(form: str, activation: str) -> None:
    _, model = trained(form=form, activation=activation)
    tokens = torch.randint(3, 500, (30,), generator=torch.Generator().manual_seed(9))
    expected = Plainly(model, Options(form=form, activation=activation), 4 if form == "parallel" else 1)  # type: ignore[arg-type]
    with torch.no_grad():
        found = model(input_ids=tokens[None]).logits[0]
    # rotary angles are float32 inside Transformers
    assert relative(found, torch.from_numpy(expected.logits(tokens.numpy()))) < 1e-6
    assert relative(logits_of(model), logits_of(base())) > 1e-2


@pytest.mark.parametrize("form", FORMS)
def test_gradients_are_those_of_finite_differences(form: str) -> None:
    """Differences of the formulas in numpy: Transformers' own norms are float32, too coarse for small steps."""
    options = Options(form=form, activation="tanh", scale=1.5)  # type: ignore[arg-type]
    method, model = trained(form=form, activation="tanh", scale=1.5)
    examples = examples_of([9, 14], seed=2)
    plainly = Plainly(model, options, 1.5)
    plainly.adapter = {name: each.copy() for name, each in plainly.adapter.items()}
    prepare_for_packing(model, examples[0])
    found = packed_loss(model, pack(examples)).loss
    found.backward()
    assert float(found.detach()) == pytest.approx(plainly.loss(examples), rel=1e-5)
    generator = np.random.default_rng(4)
    for name, parameter in method.trainable(model).items():
        place = tuple(int(generator.integers(side)) for side in parameter.shape)
        values = []
        for step in (1e-5, -1e-5):
            plainly.adapter[name][place] += step
            values.append(plainly.loss(examples))
            plainly.adapter[name][place] -= step
        assert parameter.grad is not None, name
        assert float(parameter.grad[place]) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-4, abs=1e-5), name


@pytest.mark.parametrize("form", FORMS)
def test_the_start_is_the_base_and_drawn_from_seed_and_name(form: str) -> None:
    method, model = attached(form=form)
    assert torch.equal(logits_of(model), logits_of(base()))
    one, again, other = (masters(method, attached(form=form, seed=seed)[1]) for seed in (3, 3, 4))
    downs = [name for name in one if name.endswith("down.weight")]
    assert len(downs) == (4 if form == "houlsby" else 2)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in downs)
    assert len({float(one[name][0, 0]) for name in downs}) == len(downs)
    assert not any(bool(one[name].any()) for name in one if name not in downs)
    alone = masters(method, attached(form=form, layers=[1])[1])
    assert all(torch.equal(alone[name], one[name]) for name in alone)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_a_pack_equals_its_examples_one_by_one(form: str, recompute: bool) -> None:
    method, model = trained(form=form)
    examples = examples_of([5, 31, 12, 2], seed=4)
    expected = sum(library_loss(model, example) for example in examples)
    expected.backward()  # pyright: ignore[reportAttributeAccessIssue]
    wanted = gradients(model)
    assert len(wanted) == len(method.trainable(model))
    prepare_for_packing(model, examples[0])
    if recompute:
        causal_lm(model).gradient_checkpointing_enable({"use_reentrant": False})
        model.train()
    found = packed_loss(model, pack(examples))
    found.loss.backward()
    assert float(found.loss.detach()) == pytest.approx(float(expected), rel=1e-11)
    ours = gradients(model)
    assert set(ours) == set(wanted)
    assert max(relative(ours[name], each) for name, each in wanted.items()) < 1e-9


def test_chosen_blocks_alone_get_adapters_and_below_them_no_gradient_flows() -> None:
    method, model = trained(form="houlsby", layers=[1])
    assert {name.split(".")[1] for name in method.trainable(model)} == {"1"}
    seen: list[bool] = []
    causal_lm(model).model.layers[0].register_forward_hook(lambda _module, _given, out: seen.append(out.requires_grad))
    examples = examples_of([9], seed=1)
    prepare_for_packing(model, examples[0])
    seen.clear()
    packed_loss(model, pack(examples)).loss.backward()
    assert seen == [False]


@pytest.mark.parametrize("form", FORMS)
def test_dropout_depends_on_the_example_alone(form: str) -> None:
    method, model = trained(form=form, dropout=0.25, width=64)
    examples = examples_of([5, 31, 12], seed=4)
    prepare_for_packing(model, examples[0])
    model.train()
    together = float(packed_loss(model, pack(examples, seed=7)).loss)
    apart = sum(float(packed_loss(model, pack([example], seed=7)).loss) for example in examples)
    assert together == pytest.approx(apart, rel=1e-10)
    assert float(packed_loss(model, pack(examples, seed=8)).loss) != pytest.approx(together, rel=1e-6)
    model.eval()
    assert float(packed_loss(model, pack(examples, seed=7)).loss) != pytest.approx(together, rel=1e-6)
    del method

    found = [module for module in model.modules() if isinstance(module, Bottleneck)]
    assert len({module.dropout.layer for module in found}) == len(found)  # pyright: ignore
    first = found[0].train()
    assert isinstance(first.dropout, SeededDropout)
    getattr(model, CLOCK).set((0, 7, 19), (11, 12))
    x_TC = torch.randn(19, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    middle_TM = (x_TC @ first.down.weight.T + first.down.bias).relu() * torch.from_numpy(first.dropout.mask(64)) / 0.75
    expected = first.scale * (middle_TM @ first.up.weight.T + first.up.bias)
    assert relative(first(x_TC), expected) < 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("form", FORMS)
def test_what_was_saved_computes_what_was_trained(form: str, dtype: torch.dtype, tmp_path: Path) -> None:
    method, model = trained(dtype, form=form, activation="silu", layers=[0, 1], scale=0.5)
    weights = {name: each.float() for name, each in masters(method, model).items()}
    method.save(model, weights, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [WEIGHTS, CONFIG]
    assert torch.equal(logits_of(method.load(base(dtype), tmp_path)), logits_of(model))
    other = Work(Options())  # what the folder says counts, as in PEFT
    assert torch.equal(logits_of(other.load(base(dtype), tmp_path)), logits_of(model))
    assert all(torch.equal(each, weights[name]) for name, each in method.read(tmp_path).items())


def test_switched_off_it_is_the_base_and_on_again_what_it_was() -> None:
    method, model = trained(form="houlsby")
    before = logits_of(model)
    with model.disable_adapter():
        assert torch.equal(logits_of(model), logits_of(base()))
        with model.disable_adapter():
            pass
        assert torch.equal(logits_of(model), logits_of(base()))
    assert torch.equal(logits_of(model), before)
    assert all(each.requires_grad for each in method.trainable(model).values())
    with pytest.raises(ValueError, match="no adapter is called other"):
        model.set_adapter("other")


def small_model(family: str) -> Any:
    torch.manual_seed(3)
    config = AutoConfig.for_model(family, **(SMALL | FAMILIES[family]))
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float64, attn_implementation=attention_of(config))
    return model.eval()


def small_logits(model: Any) -> Tensor:
    with torch.no_grad():
        return model(input_ids=torch.arange(5, 25)[None], use_cache=False).logits


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", FAMILIES)
def test_other_families_have_a_place_for_it_or_say_so(family: str, form: str) -> None:
    method = Work(Options(form=form, width=5))  # type: ignore[arg-type]
    if form != "pfeiffer" and (family == "mamba" or (family, form) == ("lfm2", "houlsby")):
        with pytest.raises(UserError, match=r"block 0 has no \w+, so no adapter can stand there.*pfeiffer"):
            method.attach(small_model(family), seed=0)
        return
    model = method.attach(small_model(family), seed=0)
    plain = small_logits(small_model(family))
    assert torch.equal(small_logits(model), plain)
    shaken(method.trainable(model))
    assert relative(small_logits(model), plain) > 1e-3
    model(input_ids=torch.arange(5, 25)[None], use_cache=False).logits.sum().backward()
    assert all(each.grad is not None for each in method.trainable(model).values())


def test_a_family_whose_parts_add_to_the_stream_themselves_is_refused() -> None:
    model = BloomForCausalLM(BloomConfig(vocab_size=96, hidden_size=32, n_layer=2, n_head=4))
    with pytest.raises(UserError, match="the mlp of block 0 adds to the stream by itself"):
        Work(Options()).attach(model, seed=0)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"layers": [0, 2]}, "there is no block 2: this model has 2, from 0"),
        ({"layers": [-1]}, "numbers of blocks from 0, each once"),
        ({"layers": []}, "numbers of blocks from 0, each once"),
        ({"layers": [1, 1]}, "numbers of blocks from 0, each once"),
        ({"scale": 0.0}, "scale must be above 0"),
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_errors(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises((UserError, ValueError), match=sentence):
        attached(**options)


def test_the_width_comes_from_the_reduction() -> None:
    cases: list[tuple[dict[str, Any], int]] = [({}, 4), ({"reduction": 4096}, 1), ({"width": 7, "reduction": 2}, 7)]
    for options, width in cases:
        model = Work(Options(**options)).attach(base(), seed=0)
        assert model.adapters["default"].form.width == width  # type: ignore[union-attr]


def test_added_tokens_are_refused() -> None:
    model = base()
    resize(model, 513, added=(512,))
    with pytest.raises(UserError, match="bottleneck trains no row of the embedding"):
        Work(Options()).attach(model, seed=0)


def altered(**keys: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / CONFIG
        path.write_text(json.dumps(json.loads(path.read_text()) | keys))

    return spoil


def tensors(change: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        weights = load_file(folder / WEIGHTS)
        change(weights)
        save_file(weights, folder / WEIGHTS)

    return spoil


FIRST = "layers.0.mlp.down.weight"
SPOILT: list[tuple[Callable[[Path], object], str]] = [
    (tensors(lambda w: w[FIRST].fill_(float("nan"))), f"{FIRST} holds NaN or infinity"),
    (tensors(lambda w: w["layers.1.mlp.up.bias"].fill_(float("inf"))), "layers.1.mlp.up.bias holds NaN or infinity"),
    (tensors(lambda w: w.update({FIRST: torch.zeros(5, 64)})), rf"{FIRST} is F32 \[5, 64\]"),
    (tensors(lambda w: w.update({FIRST: w[FIRST].to(torch.int32)})), f"{FIRST} is I32"),
    (tensors(lambda w: w.pop(FIRST)), f"{FIRST} is missing"),
    (tensors(lambda w: w.update(more=torch.zeros(1))), "more is no weight of its form"),
    (lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-8]), "the weight file is damaged"),
    (lambda folder: (folder / WEIGHTS).write_bytes(b"\x80\x04."), "the weight file is damaged"),
    (lambda folder: (folder / WEIGHTS).unlink(), f"holds no {WEIGHTS}"),
    (lambda folder: (folder / CONFIG).write_text("{"), "not JSON"),
    (altered(form="other"), "form is not right"),
    (altered(auto_map="x.py"), "auto_map is not right"),
    (altered(version=2), "version is not right"),
    (altered(width=0), "width is not right"),
    (altered(width=10**9), "width is not right"),
    (altered(width=10**6), "not numbers of the shape"),
    (altered(scale="x"), "scale is not right"),
    (altered(layers=[]), "layers is not right"),
    (altered(layers=[0, 7]), r"layers\.7\.mlp\.down\.bias is missing"),
    (altered(form="pfeiffer"), r"layers\.0\.block\.down\.bias is missing"),
    (altered(model_width=32), "not numbers of the shape"),
]


@pytest.mark.parametrize(("spoil", "sentence"), SPOILT, ids=[sentence for _, sentence in SPOILT])
def test_a_spoilt_adapter_is_refused_in_one_sentence(
    spoil: Callable[[Path], object], sentence: str, tmp_path: Path
) -> None:
    method, model = trained(torch.float32)
    method.save(model, masters(method, model), tmp_path)
    spoil(tmp_path)
    with pytest.raises(UserError, match=sentence) as caught:
        method.load(base(torch.float32), tmp_path)
    assert "\n" not in str(caught.value)


def test_an_adapter_of_a_wider_or_deeper_model_is_refused(tmp_path: Path) -> None:
    method, model = trained(torch.float32)
    method.save(model, masters(method, model), tmp_path)
    for keys, sentence in (
        ({"hidden_size": 32}, "64 values wide, and the model 32"),
        ({"num_hidden_layers": 1}, "no block 1"),
    ):
        other = LlamaForCausalLM(LlamaConfig(**{**tiny_config(), **keys}))
        with pytest.raises(UserError, match=sentence):
            method.load(other, tmp_path)
