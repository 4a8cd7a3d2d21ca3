"""Going on from trained weights: which folders serve, and one sentence for those that do not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from tunewright.core.errors import UserError
from tunewright.core.workspace import Workspace
from tunewright.models.methods.full import Work as Full
from tunewright.models.methods.lora import Work as Lora
from tunewright.models.methods.partial import Work as Partial
from tunewright.models.start import start_digest, start_folder, start_weights
from tunewright.recipe.options.methods.full import Options as FullOptions
from tunewright.recipe.options.methods.lora import Options as LoraOptions
from tunewright.recipe.options.methods.partial import Options as PartialOptions

FORMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "lora": ({"rank": 4, "alpha": 8}, {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"}),
    "rslora": (
        {"rank": 4, "alpha": 3, "scaling": "rank_stabilised", "targets": ["q_proj"]},
        {"r": 4, "lora_alpha": 3, "use_rslora": True, "target_modules": ["q_proj"]},
    ),
    "dora": (
        {"rank": 2, "decomposition": "dora"},
        {"r": 2, "lora_alpha": 32, "use_dora": True, "target_modules": "all-linear"},
    ),
    "beside": (
        {"rank": 4, "alpha": 8, "also_train": ["norm"]},
        {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "modules_to_save": ["norm"]},
    ),
}


def plain(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)


def foreign(base: Path, folder: Path, **config: Any) -> Any:
    """An adapter with random weights that PEFT alone made and saved."""
    torch.manual_seed(11)
    model = get_peft_model(plain(base), LoraConfig(task_type="CAUSAL_LM", **config))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    return model.eval()


def lora(base: Path, dtype: torch.dtype = torch.float32, **options: Any) -> tuple[Lora, Any]:
    method = Lora(LoraOptions(**options))
    return method, method.attach(plain(base, dtype), seed=2)


def put(method: Any, model: Any, weights: dict[str, torch.Tensor]) -> Any:
    with torch.no_grad():
        for name, parameter in method.trainable(model).items():
            parameter.copy_(weights[name])
    return model.eval()


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.arange(5, 40)[None]).logits


@pytest.mark.parametrize("form", FORMS)
def test_an_adapter_of_plain_peft_goes_on_where_it_ended(tiny_model_folder: Path, tmp_path: Path, form: str) -> None:
    ours, theirs = FORMS[form]
    trained = foreign(tiny_model_folder, tmp_path, **theirs)
    method, model = lora(tiny_model_folder, **ours)
    weights = start_weights(method, model, folder=tmp_path, base_digest="any")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    torch.testing.assert_close(logits(put(method, model, weights)), logits(trained), rtol=1e-5, atol=1e-5)


def test_half_precision_weights_become_float32_masters(tiny_model_folder: Path, tmp_path: Path) -> None:
    foreign(tiny_model_folder, tmp_path, **FORMS["lora"][1])
    file = tmp_path / "adapter_model.safetensors"
    half = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(file).items()}
    save_file(half, file)
    weights = start_weights(*lora(tiny_model_folder, torch.bfloat16, **FORMS["lora"][0]), folder=tmp_path)
    assert all(torch.equal(weights[name], tensor.float()) for name, tensor in half.items())


def test_pissa_goes_on_from_itself_alone(tiny_model_folder: Path, tmp_path: Path) -> None:
    method, model = lora(tiny_model_folder, rank=4, init="pissa")
    masters = {name: tensor.detach() + 0.01 for name, tensor in method.trainable(model).items()}
    method.save(model, masters, tmp_path / "pissa")
    again = start_weights(method, lora(tiny_model_folder, rank=4, init="pissa")[1], folder=tmp_path / "pissa")
    assert all(torch.equal(again[name], masters[name]) for name in masters)
    foreign(tiny_model_folder, tmp_path / "other", r=8, lora_alpha=64, target_modules="all-linear")
    with pytest.raises(UserError, match="is frozen here and differs"):
        start_weights(method, model, folder=tmp_path / "other")
    wide = lora(tiny_model_folder, rank=8, alpha=64)  # what PiSSA saved is a plain adapter of twice the rank
    found = start_weights(*wide, folder=tmp_path / "pissa")
    plainly = PeftModel.from_pretrained(plain(tiny_model_folder), tmp_path / "pissa").eval()
    torch.testing.assert_close(logits(put(*wide, found)), logits(plainly), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        ({"rank": 8}, {}, r"has rank 4, and the recipe asks for rank 8"),
        ({"alpha": 16}, {}, r"has alpha 8, and the recipe asks for alpha 16"),
        ({"scaling": "rank_stabilised"}, {}, r"scaling standard, .* scaling rank_stabilised"),
        ({"decomposition": "dora"}, {}, r"decomposition none, .* decomposition dora"),
        ({"targets": ["q_proj"]}, {}, r"weights here do not train in this recipe.*\(targets: down_proj, gate_proj"),
        ({}, {"target_modules": ["q_proj"]}, r"weights that train are not here.*\(targets: q_proj\)"),
        ({}, {"alpha_pattern": {"q_proj": 2}}, "the form alpha_pattern"),
        ({}, {"rank_pattern": {"q_proj": 2}}, "the form rank_pattern"),
        ({}, {"init_lora_weights": "pissa"}, "began with pissa, which changes the base"),
        ({"init": "pissa"}, {}, "has rank 4, alpha 8, and the recipe asks for rank 8, alpha 16"),
    ],
)
def test_an_adapter_of_another_form_is_refused(
    tiny_model_folder: Path, tmp_path: Path, ours: dict[str, Any], theirs: dict[str, Any], message: str
) -> None:
    foreign(tiny_model_folder, tmp_path, **FORMS["lora"][1] | theirs)
    with pytest.raises(UserError, match=message) as caught:
        start_weights(*lora(tiny_model_folder, **FORMS["lora"][0] | ours), folder=tmp_path)
    assert "\n" not in str(caught.value)


def change(name: str, value: float) -> Any:
    def spoil(folder: Path) -> None:
        weights = load_file(folder / "adapter_model.safetensors")
        first = sorted(weights)[0]
        weights[first] = {"nan": torch.full_like(weights[first], value), "shape": weights[first][:, :3].contiguous()}[
            name
        ]
        save_file(weights, folder / "adapter_model.safetensors")

    return spoil


def alter(folder: Path, **keys: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))


def whole_numbers(folder: Path) -> None:
    weights = {name: tensor.to(torch.int32) for name, tensor in load_file(folder / "adapter_model.safetensors").items()}
    save_file(weights, folder / "adapter_model.safetensors")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change("nan", float("nan")), "holds NaN or infinity"),
        (change("nan", float("inf")), "holds NaN or infinity"),
        (change("shape", 0), r"has the shape \(4, 3\), and \(4, 128\) trains"),
        (whole_numbers, "holds whole numbers"),
        (lambda folder: (folder / "adapter_config.json").unlink(), "no adapter_config.json beside the weights"),
        (lambda folder: (folder / "adapter_config.json").write_text("{"), "not JSON"),
        (lambda folder: alter(folder, trainable_token_indices=5), "rows of other added tokens"),
        (lambda folder: alter(folder, trainable_token_indices={"embed_tokens": [3]}), "rows of other added tokens"),
        (lambda folder: alter(folder, r={}), "has rank {}, and the recipe asks for rank 4"),
        (lambda folder: (folder / "adapter_config.json").write_text('{"peft_type": "IA3"}'), "of the kind IA3"),
        (
            lambda folder: (folder / "tunewright.json").write_text('{"base": "B", "base_digest": "b"}'),
            "another base model, B",
        ),
    ],
)
def test_spoilt_adapters_are_one_sentence(tiny_model_folder: Path, tmp_path: Path, spoil: Any, message: str) -> None:
    foreign(tiny_model_folder, tmp_path, **FORMS["lora"][1])
    spoil(tmp_path)
    with pytest.raises(UserError, match=message) as caught:
        start_weights(*lora(tiny_model_folder, **FORMS["lora"][0]), folder=tmp_path, base_digest="a")
    assert "\n" not in str(caught.value)


def own(method: Any, base: Path) -> tuple[Any, Any]:
    return method, method.attach(plain(base), seed=0)


def test_a_whole_model_goes_on_with_full_and_partial(tiny_model_folder: Path, tmp_path: Path) -> None:
    method, model = own(Partial(PartialOptions(top_layers=1)), tiny_model_folder)
    masters = {name: torch.randn(p.shape) for name, p in method.trainable(model).items()}
    method.save(put(method, model, masters), masters, tmp_path)
    again = start_weights(*own(method, tiny_model_folder), folder=tmp_path)
    assert again.keys() == masters.keys()
    assert all(torch.equal(again[name], masters[name]) for name in masters)
    more = own(Partial(PartialOptions(top_layers=2)), tiny_model_folder)
    assert torch.equal(logits(put(*more, start_weights(*more, folder=tmp_path))), logits(model))
    every = own(Full(FullOptions()), tiny_model_folder)
    assert torch.equal(logits(put(*every, start_weights(*every, folder=tmp_path))), logits(model))


def test_a_model_of_plain_transformers_goes_on(tiny_model_folder: Path, tmp_path: Path) -> None:
    model = plain(tiny_model_folder)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.01)
    model.save_pretrained(tmp_path, max_shard_size="100KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    every = own(Full(FullOptions()), tiny_model_folder)
    assert torch.equal(logits(put(*every, start_weights(*every, folder=tmp_path))), logits(model.eval()))


def test_frozen_weights_that_differ_from_the_base_are_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    model = plain(tiny_model_folder)
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight.mul_(1.01)
    model.save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"layers\.0\.mlp\.up_proj\.weight is frozen here and differs.*as model\.name"):
        start_weights(*own(Partial(PartialOptions(top_layers=1)), tiny_model_folder), folder=tmp_path)


def test_an_adapter_and_a_whole_model_are_told_apart(tiny_model_folder: Path, tmp_path: Path) -> None:
    foreign(tiny_model_folder, tmp_path, **FORMS["lora"][1])
    with pytest.raises(UserError, match="holds an adapter"):
        start_weights(*own(Full(FullOptions()), tiny_model_folder), folder=tmp_path)
    with pytest.raises(UserError, match=r"holds a whole model.*model\.name"):
        start_weights(*lora(tiny_model_folder), folder=tiny_model_folder)


def with_weights(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"a": torch.ones(2)}, folder / "adapter_model.safetensors")
    return folder


def test_every_kind_of_folder_is_found(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    recipe = tmp_path / "task"
    adapter = with_weights(recipe / "adapter")
    model = with_weights(workspace.models / ("a" * 64))
    run, unfinished = workspace.runs / "0123", workspace.runs / "4567"
    checkpoint = unfinished / "checkpoints" / "step-00000010"
    inside = with_weights(checkpoint / "model")
    for folder in (run, unfinished):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "recipe.json").write_text("{}")
    (run / "run.json").write_text(json.dumps({"name": "a" * 64}))
    (checkpoint / "state.json").write_text("{}")
    asked = {
        "adapter": adapter,
        str(adapter): adapter,
        "a" * 64: model,
        f"models/{'a' * 64}": model,
        "runs/0123": model,
        "../home/runs/0123": model,
        str(checkpoint): inside,
    }
    for path, expected in asked.items():
        assert start_folder(path, folder=recipe, workspace=workspace) == expected.resolve(), path
    with pytest.raises(UserError, match="this run has not ended"):
        start_folder("runs/4567", folder=recipe, workspace=workspace)
    shutil.rmtree(model)
    with pytest.raises(UserError, match=r"model of this run .* is gone"):
        start_folder("runs/0123", folder=recipe, workspace=workspace)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (None, 'there is no folder "start"'),
        ({}, "no weights in this folder"),
        ({"adapter_model.bin": b"\x80\x04"}, "pickle files"),
        ({"pytorch_model.bin": b"\x80\x04"}, "pickle files"),
        ({"adapter_model.safetensors": b"\x10"}, "damaged"),
        ({"adapter_model.safetensors": (2).to_bytes(8, "little") + b"{x"}, "damaged"),
        ({"model.safetensors.index.json": b'{"weight_map": {"a": "../../b"}}'}, "names other places"),
        ({"model.safetensors.index.json": b'{"weight_map": {"a": "b.safetensors"}}'}, "b.safetensors is missing"),
    ],
)
def test_folders_that_cannot_serve_are_one_sentence(
    tmp_path: Path, files: dict[str, bytes] | None, message: str
) -> None:
    if files is not None:
        (tmp_path / "start").mkdir()
        for name, content in files.items():
            (tmp_path / "start" / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        start_folder("start", folder=tmp_path, workspace=Workspace(tmp_path / "home"))
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_found_before_anything_is_loaded(tiny_model_folder: Path, tmp_path: Path) -> None:
    foreign(tiny_model_folder, tmp_path, **FORMS["lora"][1])
    file = tmp_path / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match="the weight file is damaged: it should be"):
        start_folder(str(tmp_path), folder=Path(), workspace=Workspace(tmp_path / "home"))


def test_the_digest_follows_the_weights_not_their_place(tmp_path: Path) -> None:
    one, two = with_weights(tmp_path / "one"), with_weights(tmp_path / "two")
    assert start_digest(one) == start_digest(two)
    save_file({"a": torch.zeros(2)}, two / "adapter_model.safetensors")
    assert start_digest(one) != start_digest(two)
