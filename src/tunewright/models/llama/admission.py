"""Whether an adapter from a folder may run beside others: its form, names, shapes, numbers, base, and one answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from tunewright.core.errors import UserError
from tunewright.models.adapter_config import ADAPTER_CONFIG, CHANGES_BASE, UNKNOWN_FORMS
from tunewright.models.bottleneck_files import is_bottleneck
from tunewright.models.config import read_json
from tunewright.models.inference import Seen
from tunewright.models.llama.adapters import Adapter, Alone, Low, adapter_from
from tunewright.models.llama.body import LlamaPasses
from tunewright.models.llama.forward import Decoder
from tunewright.models.tensors import read_weights
from tunewright.models.version import check_trained_over

PLACES = {"q_proj": (0, 0), "k_proj": (0, 1), "v_proj": (0, 2), "o_proj": (1, 0)} | {
    "gate_proj": (2, 0),
    "up_proj": (2, 1),
    "down_proj": (3, 0),
}
"""Projection and place in it of each linear layer."""
NAME = re.compile(r"layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)\.(lora_A|lora_B|lora_magnitude_vector)(?:\.weight)?$")
CANARY_TOKENS = 4
Maps = dict[tuple[int, int, int], dict[str, Tensor]]


def admitted(
    name: str, folder: Path, *, decoder: Decoder, base_digest: str | None = None, identity: int = 0
) -> Adapter:
    """The adapter of a folder, ready to compute. Raises UserError with the reason when it is refused.

    `base_digest`: that of the base model here, compared where the folder's record names the adapter's.
    """
    config = _config(folder)
    check_trained_over(folder, base_digest)
    try:
        tensors = read_weights(folder)
    except SafetensorError as error:
        raise _refused(folder, f"its weights cannot be read ({error})", "Copy the file again.") from error
    if not tensors:
        raise _refused(folder, "it holds no adapter_model.safetensors", "Save it with safe_serialization=True.")
    maps = _maps(tensors, folder)
    lows = {place: _low(place, parts, config, decoder, folder) for place, parts in maps.items()}
    adapter = adapter_from(name, lows, projections=decoder.projections, identity=identity)
    if not adapter.finite:  # in the type of the products, the scale included
        raise _refused(folder, f"its weights are too large for {decoder.dtype}", DIVERGED)
    _canary(adapter, decoder, folder)
    return adapter


def _config(folder: Path) -> dict[str, Any]:
    path = folder / ADAPTER_CONFIG
    if is_bottleneck(folder):
        raise _refused(folder, "it is a bottleneck", "Only LoRA in its forms runs beside others; open it alone.")
    if not path.is_file():
        raise _refused(folder, f"there is no {ADAPTER_CONFIG}", "Name the folder of an adapter that PEFT saved.")
    config = read_json(path)
    if (kind := config.get("peft_type")) != "LORA":
        raise _refused(path, f"it is of the kind {kind}", "Only LoRA in its forms runs beside others.")
    strange = [key for key in UNKNOWN_FORMS if config.get(key)]
    if config.get("modules_to_save"):
        strange.append("modules_to_save")
    if config.get("trainable_token_indices"):
        strange.append("trainable_token_indices")
    if strange:
        raise _refused(path, f"it has the form {strange[0]}", "Open it as a model of its own.")
    start = config.get("init_lora_weights")
    if isinstance(start, str) and start.startswith(CHANGES_BASE):
        raise _refused(path, f"it began with {start}, which changes the base", "Convert it to a plain adapter in PEFT.")
    return config


def _maps(tensors: Mapping[str, Tensor], folder: Path) -> Maps:
    """The matrices by layer, projection and map."""
    maps: Maps = {}
    for name, tensor in tensors.items():
        found = NAME.search(name)
        if found is None or found[2] not in PLACES:
            raise _refused(folder, f"this forward knows no adapter weight {name}", "Open it as a model of its own.")
        maps.setdefault((int(found[1]), *PLACES[found[2]]), {})[found[3]] = tensor
        if not bool(torch.isfinite(tensor).all()):
            raise _refused(folder, f"{name} holds NaN or infinity", DIVERGED)
    return maps


def _low(
    place: tuple[int, int, int], parts: Mapping[str, Tensor], config: Mapping[str, Any], decoder: Decoder, folder: Path
) -> Low:
    """One map's matrices in the type of the products, their shapes checked."""
    layer, which, at = place
    known = next(word for word, found in PLACES.items() if found == (which, at))
    label = f"layer {layer}, {known}"
    if layer >= len(decoder.anatomy.layers):
        raise _refused(folder, f"it adapts {label}, and the model has {len(decoder.anatomy.layers)} layers", FIT)
    if "lora_A" not in parts or "lora_B" not in parts:
        raise _refused(folder, f"one of the two matrices of {label} is missing", "Save the adapter again.")
    a, b = parts["lora_A"], parts["lora_B"]
    module = decoder.projections[4 * layer + which].modules[at]
    rank = int(config.get("r", 0))
    wanted = (rank, module.in_features), (module.out_features, rank)
    if (tuple(a.shape), tuple(b.shape)) != wanted:
        raise _refused(
            folder, f"{label} has the shapes {list(a.shape)} and {list(b.shape)}, not {list(map(list, wanted))}", FIT
        )
    magnitude = parts.get("lora_magnitude_vector")
    if bool(config.get("use_dora")) != (magnitude is not None):
        raise _refused(folder, f"the magnitudes of {label} are not as use_dora says", "Save the adapter again.")
    if magnitude is not None and magnitude.shape != (module.out_features,):
        raise _refused(folder, f"the magnitudes of {label} have the shape {list(magnitude.shape)}", FIT)
    alpha = float(config.get("lora_alpha", rank))
    scale = alpha / rank**0.5 if config.get("use_rslora") else alpha / rank
    to = {"dtype": decoder.dtype, "device": decoder.device}
    return Low(a.to(**to), b.to(**to), scale, magnitude.to(**to) if magnitude is not None else None)


DIVERGED = "Train it again; its run diverged."
FIT = "Load it over the model that it was trained on."


@torch.no_grad()
def _canary(adapter: Adapter, decoder: Decoder, folder: Path) -> None:
    """One short answer with the adapter, and one that it must not make infinite."""
    passes = LlamaPasses(decoder, Alone(adapter))
    tokens = [at * decoder.anatomy.vocabulary // 8 for at in range(8)]
    for _ in range(CANARY_TOKENS):
        states, _ = passes.states([Seen(tokens, list(range(len(tokens))))], [])
        logits = decoder.logits(states)
        if not bool(torch.isfinite(logits).all()):
            raise _refused(folder, "the model computes NaN or infinity with it", DIVERGED)
        tokens = [*tokens, int(logits[-1].argmax())]


def _refused(where: Path, why: str, do: str) -> UserError:
    return UserError(f"this adapter is refused: {why}.", where=str(where), do=do)
