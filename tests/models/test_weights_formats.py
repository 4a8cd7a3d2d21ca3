"""Weights in 8 and 4 bits: what is stored, that loading repeats to the bit, that validation disturbs no training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bitsandbytes.nn import Linear8bitLt
from numpy.typing import NDArray
from peft.utils.integrations import dequantize_module_weight
from safetensors.torch import load_file
from torch import nn

from tests.models.test_forward import examples_of, gradients, relative
from tests.models.test_lora_forms import FORMS, base, shaken
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.language_model import ScoreItem
from tunewright.core.nouns import Numbers
from tunewright.core.ports import Encoded
from tunewright.models import load as loading
from tunewright.models.eight_bits import compute_whole
from tunewright.models.find import FoundModel
from tunewright.models.forward import pack, packed_loss, prepare_for_packing
from tunewright.models.language_model import TransformersLanguageModel
from tunewright.models.load import load, resolve_device, resolve_numbers
from tunewright.models.methods.lora import Work
from tunewright.recipe.options.methods.lora import Options

LEVELS = np.array(
    [
        *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635),
        *(-0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725),
        *(0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
    ]
)
"""The 16 values of NF4 (Dettmers et al., 2023, arXiv 2305.14314, appendix E)."""
FORMATS: dict[str, Any] = {
    "int8": {"weights": "int8", "products": "fp32"},
    "nf4": {"weights": "nf4", "products": "fp32", "double_quantisation": True},
    "nf4_single": {"weights": "nf4", "products": "fp32", "double_quantisation": False},
    "int8_bf16": {"weights": "int8", "products": "bf16"},
    "nf4_bf16": {"weights": "nf4", "products": "bf16", "double_quantisation": True},
}
LAYER = "model.layers.1.mlp.up_proj"


def loaded(folder: Path, name: str) -> Any:
    return load(folder, numbers=Numbers(**FORMATS[name]))


def state(model: Any) -> dict[str, torch.Tensor]:
    """Every number that a model holds, scales of quantised weights too."""
    found = dict(model.state_dict())
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and hasattr(module.weight, "SCB"):
            found[f"{name}.SCB"] = module.weight.SCB  # pyright: ignore[reportAttributeAccessIssue]
    return found


def nearest(weight: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    return levels[np.abs(weight[..., None] - levels).argmin(-1)]


@pytest.mark.parametrize("name", FORMATS)
def test_loading_repeats_to_the_bit(name: str, tiny_model_folder: Path) -> None:
    one, other = (state(loaded(tiny_model_folder, name)) for _ in range(2))
    assert one.keys() == other.keys()
    assert all(torch.equal(each, other[key]) for key, each in one.items())


@pytest.mark.parametrize("name", FORMATS)
def test_only_linear_layers_are_quantised(name: str, tiny_model_folder: Path) -> None:
    model = loaded(tiny_model_folder, name)
    whole = {"bf16": torch.bfloat16, "fp32": torch.float32}[FORMATS[name]["products"]]
    types = {key: each.dtype for key, each in model.named_parameters()}
    small = {key for key in types if ".layers." in key and not key.endswith("norm.weight")}
    assert len(small) == 14
    assert {types[key] for key in small} == {torch.int8 if "int8" in name else torch.uint8}
    assert {each for key, each in types.items() if key not in small} == {whole}
    assert model.dtype == whole
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_nf4_is_that_of_the_paper(tiny_model_folder: Path) -> None:
    original = load_file(tiny_model_folder / "model.safetensors")[f"{LAYER}.weight"].double().numpy()
    blocks = original.reshape(-1, 64)
    scales = np.abs(blocks).max(1, keepdims=True)
    expected = (nearest(blocks / scales, LEVELS) * scales).reshape(original.shape)
    single = dequantize_module_weight(loaded(tiny_model_folder, "nf4_single").get_submodule(LAYER)).double().numpy()
    double = dequantize_module_weight(loaded(tiny_model_folder, "nf4").get_submodule(LAYER)).double().numpy()
    assert np.abs(single - expected).max() < 1e-6
    assert 0 < np.abs(double - expected).max() < 0.02 * scales.max()


def test_int8_is_that_of_the_paper(tiny_model_folder: Path) -> None:
    original = load_file(tiny_model_folder / "model.safetensors")[f"{LAYER}.weight"].double().numpy()
    scales = np.abs(original).max(1, keepdims=True) / 127
    layer = loaded(tiny_model_folder, "int8").get_submodule(LAYER)
    found = dequantize_module_weight(layer).double().numpy()
    assert np.abs(found - original).max() < 0.51 * scales.max()
    assert np.abs(found / scales - np.round(found / scales)).max() < 0.1  # the library rounds the scales to 16 bits


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
def test_products_over_8_bits_are_those_of_the_librarys_training(dtype: torch.dtype, bias: bool) -> None:
    results = []
    for change in (bool, compute_whole):
        torch.manual_seed(4)
        layer: Any = Linear8bitLt(64, 48, bias=bias, has_fp16_weights=False, threshold=6.0).to("cpu").train()
        change(layer)
        x = (torch.randn(1, 30, 64) * 4).to(dtype).requires_grad_()
        found = layer(x)
        found.backward(torch.randn(1, 30, 48).to(dtype))
        results.append((found, x.grad, *([layer.bias.grad.float()] if bias else [])))
    for place, (theirs, ours) in enumerate(zip(*results, strict=True)):
        assert torch.equal(ours, theirs) if place < 2 else relative(ours, theirs) < 1e-2


def dequantised(model: Any) -> Any:
    """The same function in plain float32 layers: what each quantised weight stands for."""
    for name, module in list(model.named_modules()):
        if not hasattr(getattr(module, "weight", None), "quant_state") and not hasattr(module, "state"):
            continue
        plain = nn.Linear(module.in_features, module.out_features, bias=module.bias is not None)
        with torch.no_grad():
            plain.weight.copy_(dequantize_module_weight(module))
            if module.bias is not None:
                plain.bias.copy_(module.bias)
        model.set_submodule(name, plain)
    model.is_quantized = False
    return model


@pytest.fixture(scope="module")
def with_biases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Qwen2 on disk."""
    folder = tmp_path_factory.mktemp("qwen2")
    base(torch.float32).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["int8", "nf4"])
def test_forms_train_as_over_the_weights_that_are_meant(name: str, form: str, with_biases: Path) -> None:
    """Loss and gradients over quantised weights are those over plain layers with the same values."""
    method = Work(Options(rank=4, alpha=8, **FORMS[form][0]))
    examples = examples_of([5, 31, 12], seed=8)
    results = []
    for model in (loaded(with_biases, name), dequantised(loaded(with_biases, name))):
        wrapped = method.attach(model, seed=3)
        shaken(method.trainable(wrapped))
        prepare_for_packing(wrapped, examples[0])
        found = packed_loss(wrapped.train(), pack(examples))
        found.loss.backward()
        results.append((float(found.loss.detach()), gradients(wrapped)))
    (loss, ours), (expected, wanted) = results
    assert loss == pytest.approx(expected, rel=1e-5)
    assert ours.keys() == wanted.keys()
    assert max(relative(ours[key], each) for key, each in wanted.items()) < 1e-4


@pytest.mark.parametrize("form", ["plain", "dora"])
@pytest.mark.parametrize("name", FORMATS)
def test_a_validation_in_between_changes_no_bit(name: str, form: str, tiny_model_folder: Path) -> None:
    examples = examples_of([9, 40, 21], seed=2)
    model: Any = Work(Options(rank=4, **FORMS[form][0])).attach(loaded(tiny_model_folder, name), seed=1)
    shaken({key: each for key, each in model.named_parameters() if each.requires_grad})
    prepare_for_packing(model, examples[0])
    batch = pack(examples)

    def step() -> tuple[dict[str, torch.Tensor], float]:
        loss = packed_loss(model.train(), batch).loss
        loss.backward()
        return gradients(model), float(loss.detach())

    before, trained = step()
    with torch.no_grad():
        validation = [float(packed_loss(model.eval(), batch).loss) for _ in range(2)]
    after, _ = step()
    assert validation == [trained, trained]
    assert all(torch.equal(each, before[key]) for key, each in after.items())


@pytest.mark.parametrize("name", ["int8", "nf4"])
def test_neighbours_in_a_pack_change_nothing(name: str, tiny_model_folder: Path) -> None:
    examples = examples_of([9, 40, 21], seed=2)
    model: Any = Work(Options(rank=4)).attach(loaded(tiny_model_folder, name), seed=1)
    prepare_for_packing(model, examples[0])
    for mode in (True, False):
        model.train(mode)
        alone = sum(float(packed_loss(model, pack([each])).loss.detach()) for each in examples)
        assert float(packed_loss(model, pack(examples)).loss.detach()) == pytest.approx(alone, rel=1e-6)


@pytest.mark.parametrize("name", FORMATS)
def test_a_quantised_model_scores_and_generates(name: str, tiny_model_folder: Path) -> None:
    model = TransformersLanguageModel(loaded(tiny_model_folder, name))
    items = [ScoreItem((5, 6, 7), ((8, 9), (10,))), ScoreItem((11, 12), ((13, 14, 15),))]
    scored = [each.log_probabilities for row in model.score(items) for each in row]
    again = [each.log_probabilities for row in model.score(items) for each in row]
    assert all(np.isfinite(each).all() and (each < 0).all() for each in scored)
    assert all(np.array_equal(one, other) for one, other in zip(scored, again, strict=True))
    answers = model.generate([[5, 6, 7], [8, 9]], max_new_tokens=4, stop=frozenset())
    assert [len(each.tokens) for each in answers] == [4, 4]


@pytest.mark.parametrize("weights", ["int8", "nf4"])
def test_pissa_over_quantised_weights_says_why_not(weights: str, tiny_model_folder: Path) -> None:
    with pytest.raises(UserError, match="no adapter over the plain base would mean the same"):
        Work(Options(init="pissa")).attach(loaded(tiny_model_folder, weights), seed=0)


@pytest.mark.parametrize(
    ("weights", "precision", "expected"),
    [
        ("auto", "fp32", ("fp32", "fp32", False)),
        ("auto", "bf16", ("bf16", "bf16", False)),
        ("bf16", "auto", ("bf16", "bf16", False)),
        ("fp32", "auto", ("fp32", "fp32", False)),
        ("nf4", "bf16", ("nf4", "bf16", True)),
        ("int8", "fp32", ("int8", "fp32", False)),
    ],
)
def test_number_formats_of_a_recipe(weights: Any, precision: Any, expected: tuple[str, str, bool]) -> None:
    found = resolve_numbers(weights, precision, double_quantisation=True)
    assert (found.weights, found.products, found.double_quantisation) == expected


def test_a_missing_package_is_one_sentence(tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda _: None)
    with pytest.raises(OutsideError, match=r"nf4 weights need the package bitsandbytes.*pip install"):
        loaded(tiny_model_folder, "nf4")
    assert load(tiny_model_folder, numbers=Numbers(weights="fp32", products="fp32")).dtype == torch.float32


@pytest.mark.parametrize("there", [("cuda", "mps"), ("mps",), ("cuda",), ()], ids=str)
def test_devices(there: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in there)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in there)
    assert resolve_device("auto") == [*there, "cpu"][0]
    assert resolve_device("cpu") == "cpu"
    for name in {"cuda", "mps"} - set(there):
        with pytest.raises(UserError, match=f"this machine has no {name} device"):
            resolve_device(name)  # pyright: ignore[reportArgumentType]


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_a_real_model_with_large_activations(name: str, smollm2: FoundModel) -> None:
    """SmolLM2 has activations above 6, where LLM.int8 mixes the rows of a batch; ours must not."""
    generator = np.random.default_rng(1)
    lengths = (40, 90, 23)
    tokens = [generator.integers(100, 40_000, length).astype(np.int32) for length in lengths]
    examples = [Encoded(each, np.ones(len(each), np.float32), index) for index, each in enumerate(tokens)]

    def per_token(model: Any) -> tuple[float, float]:
        prepare_for_packing(model, examples[0])
        with torch.no_grad():
            alone = sum(float(packed_loss(model, pack([each])).loss) for each in examples)
            return alone / (sum(lengths) - 3), float(packed_loss(model, pack(examples)).loss) / (sum(lengths) - 3)

    plain, _ = per_token(load(smollm2.path, numbers=Numbers(weights="fp32", products="fp32")))
    alone, together = per_token(loaded(smollm2.path, name))
    assert together == pytest.approx(alone, rel=1e-3 if "bf16" in name else 1e-5)
    assert alone == pytest.approx(plain, rel=0.01 if "int8" in name else 0.1)
