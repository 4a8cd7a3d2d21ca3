"""From a checked model folder to a Transformers model, ready to compute."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    PreTrainedModel,
)
from transformers.utils import logging

from tunewright.core.errors import OutsideError, UserError
from tunewright.core.nouns import Device, Numbers
from tunewright.models.eight_bits import compute_whole

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32, "fp64": torch.float64}
QUANTISED = frozenset({"int8", "nf4"})
PROCESSOR_FLAGS = Path("/proc/cpuinfo")
FAST_BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Flags of processors that multiply bf16 natively; `bf16` is Arm's."""
UNFIT = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, SafetensorError, StrictDataclassError)
"""What the library raises for a config and weights that make no model."""


def resolve_precision(
    asked: Literal["auto", "bf16", "fp32"], *, processor: Path = PROCESSOR_FLAGS
) -> Literal["bf16", "fp32"]:
    """What `auto` means on this machine: bf16 where products in it are native, else fp32. `processor` lists flags."""
    if asked != "auto":
        return asked
    return "bf16" if FAST_BF16 & _flags(processor) else "fp32"


def _flags(processor: Path) -> frozenset[str]:
    if not processor.is_file():
        return frozenset()
    for line in processor.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() in ("flags", "features"):
            return frozenset(value.split())
    return frozenset()


def attention_of(config: Any) -> str:
    """The library's attention kernel for a config: `sdpa`, or `eager` where it is not to be had."""
    if getattr(config, "attn_logit_softcapping", None) or type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        return "eager"
    family: Any = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    return "sdpa" if family._supports_sdpa else "eager"


def resolve_numbers(
    weights: Literal["auto", "bf16", "fp32", "int8", "nf4"],
    precision: Literal["auto", "bf16", "fp32"],
    *,
    double_quantisation: bool,
) -> Numbers:
    """The number formats that a recipe means on this machine: plain weights have the type of the products."""
    if weights in ("int8", "nf4"):
        double = double_quantisation and weights == "nf4"
        return Numbers(weights=weights, products=resolve_precision(precision), double_quantisation=double)
    products = resolve_precision(precision if weights == "auto" else weights)
    return Numbers(weights=products, products=products, double_quantisation=False)


def resolve_device(asked: Literal["auto", "cpu", "cuda", "mps"]) -> Device:
    """What `auto` means here: cuda, else mps, else cpu. Raises UserError for a device that is not there."""
    there: dict[Device, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if asked == "auto":
        return next(name for name, found in there.items() if found)
    if not there[asked]:
        found = ", ".join(name for name, found in there.items() if found)
        raise UserError(f"this machine has no {asked} device.", where="model.device", do=f"There is: {found}.")
    return asked


def load(path: Path, *, numbers: Numbers, device: Device = "cpu") -> PreTrainedModel:
    """The model of a folder that `models.find` has checked, in eval mode on a device.

    Raises UserError when the weights do not fit the config or are damaged, OutsideError when memory is short or a
    package for quantised weights is missing.
    """
    try:
        with _quiet():
            return _loaded(path, numbers, device)
    except UNFIT as error:
        raise _refused(path, str(error)) from error
    except MemoryError as error:
        raise _short_of_memory(path) from error
    except RuntimeError as error:
        raise _short_of_memory(path) if "memory" in str(error) else _refused(path, str(error)) from error


def _loaded(path: Path, numbers: Numbers, device: Device) -> PreTrainedModel:
    config = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        path,
        config=config,
        dtype=DTYPES[numbers.products],
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        attn_implementation=attention_of(config),
        output_loading_info=True,
        **_quantisation(numbers, device),
    )
    model, found = loaded
    missing = sorted(found["missing_keys"])
    if missing:  # the library would fill them with random numbers
        raise ValueError(f"{len(missing)} weights are missing, among them {missing[0]}")
    if numbers.weights not in QUANTISED:
        return model.to(device).eval()
    for module in model.modules():
        _keep_whole(module)
    return model.eval()


def _keep_whole(module: Any) -> None:
    """Keep a quantised layer's function the same in every mode (bitsandbytes 0.50, PEFT 0.21; docs/lab.md).

    4 bits: on a processor, the first pass without gradients repacks weights for an AVX-512 kernel and does not go back;
    gradients after that are wrong by a factor of ten. 8 bits: see `models.eight_bits`.
    """
    if hasattr(module, "support_avx512bf16_for_cpu"):
        module.support_avx512bf16_for_cpu = False
    if hasattr(getattr(module, "weight", None), "SCB"):
        compute_whole(module)


def _quantisation(numbers: Numbers, device: Device) -> dict[str, Any]:
    """What the library is told about quantised weights; the vocabulary and its projection stay plain."""
    if numbers.weights not in QUANTISED:
        return {}
    if find_spec("bitsandbytes") is None:
        raise OutsideError(
            f"{numbers.weights} weights need the package bitsandbytes.",
            where="model.weights",
            do="Install it with: pip install bitsandbytes",
        )
    if numbers.weights == "int8":
        config = BitsAndBytesConfig(load_in_8bit=True)
    else:
        config = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=numbers.double_quantisation,
            bnb_4bit_compute_dtype=DTYPES[numbers.products],
        )
    return {"quantization_config": config, "device_map": {"": device}}


@contextmanager
def _quiet() -> Iterator[None]:
    """No bars and warnings of the library on standard error: events tell what happens."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _refused(path: Path, reason: str) -> UserError:
    short = " ".join(reason.split())[:240]
    return UserError(
        f"this model cannot be loaded: {short}.", where=str(path), do="Check that config and weights belong together."
    )


def _short_of_memory(path: Path) -> OutsideError:
    return OutsideError(
        "there is not enough memory for this model.", where=str(path), do="Close other programs or use a smaller model."
    )
