"""What adapter_config.json of PEFT says of an adapter's form, compared with the form that trains now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunewright.core.errors import UserError
from tunewright.models import pissa
from tunewright.models.config import read_json

ADAPTER_CONFIG = "adapter_config.json"
SAID_AS = {"r": "rank", "lora_alpha": "alpha", "use_rslora": "scaling", "use_dora": "decomposition"}
"""Keys that decide the function and that names and shapes of weights do not show, and our names of them."""
PLAIN = {"r": 8, "lora_alpha": 8, "use_rslora": False, "use_dora": False}
"""PEFT's defaults, where the file is older than a key."""
UNKNOWN_FORMS = (
    "alora_invocation_tokens",
    "alpha_pattern",
    "arrow_config",
    "kasa_config",
    "layer_replication",
    "lora_bias",
    "monteclora_config",
    "rank_pattern",
    "target_parameters",
    "use_bdlora",
    "use_qalora",
    "velora_config",
)
"""Forms of LoRA that give weights another meaning, and that this package does not train."""
CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""Starts that take a part out of the base: saved as they are, such adapters mean nothing over the base itself."""


def check_adapter_config(folder: Path, model: Any) -> None:
    """Raise UserError when an adapter's form is not that of the adapter attached to `model`."""
    path = folder / ADAPTER_CONFIG
    if not path.is_file():
        raise UserError(f"there is no {ADAPTER_CONFIG} beside the weights.", where=str(folder), do="Copy it there.")
    theirs, ours = read_json(path), model.peft_config["default"]
    _check_kind(theirs, str(ours.peft_type.value), path)
    if ours.peft_type.value != "LORA":
        return  # of (IA)3, names and shapes of the weights say the rest
    _check_form(theirs, path)
    wanted = {key: getattr(ours, key) for key in PLAIN}
    if getattr(model, pissa.START, None):  # saved as a plain adapter of twice the rank
        wanted["lora_alpha"] = pissa.doubled_alpha(ours.lora_alpha, stabilised=ours.use_rslora)
        wanted["r"] = 2 * ours.r
    found = {key: theirs.get(key, default) for key, default in PLAIN.items()}
    differing = [key for key in PLAIN if found[key] != wanted[key]]
    if differing:
        there, here = (", ".join(f"{SAID_AS[key]} {_said(key, each)}" for key in differing) for each in (found, wanted))
        raise UserError(
            f"this adapter has {there}, and the recipe asks for {here}.", where=str(path), do="Write method as it has."
        )
    if _rows(theirs.get("trainable_token_indices")) != _rows(ours.trainable_token_indices):
        raise UserError(
            "this adapter trains the rows of other added tokens.",
            where=str(path),
            do="Write model.added_tokens as the recipe of that adapter has them.",
        )


def _check_kind(theirs: Mapping[str, Any], ours: str, path: Path) -> None:
    kind = theirs.get("peft_type")
    if kind != ours:
        raise UserError(
            f"this adapter is of the kind {kind}, and the recipe trains {ours}.",
            where=str(path),
            do="Write method as that adapter was made.",
        )


def _check_form(theirs: Mapping[str, Any], path: Path) -> None:
    start = theirs.get("init_lora_weights")
    strange = [key for key in UNKNOWN_FORMS if theirs.get(key)]
    if strange:
        raise UserError(
            f"this adapter has the form {strange[0]}, which cannot be trained here.",
            where=str(path),
            do="Use an adapter without it.",
        )
    if isinstance(start, str) and start.startswith(CHANGES_BASE):
        raise UserError(
            f"this adapter began with {start}, which changes the base; over the plain base it means something else.",
            where=str(path),
            do="Save it with path_initial_model_for_weight_conversion in PEFT, or use another one.",
        )


def _said(key: str, values: Mapping[str, Any]) -> Any:
    """A value in the words of our recipe."""
    words = {"use_rslora": ("standard", "rank_stabilised"), "use_dora": ("none", "dora")}
    return words[key][bool(values[key])] if key in words else values[key]


def _rows(indices: Any) -> list[tuple[str, ...]]:
    """Rows that train, whatever the modules are called."""
    several = indices.values() if isinstance(indices, dict) else [indices]
    return sorted({tuple(sorted(map(str, rows if isinstance(rows, list) else [rows]))) for rows in several if rows})
