"""Is this machine fit, and does a recipe's method fit its model? One line a check: found, needed, remedy."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from tunewright.app import resolve
from tunewright.app.cli import launch
from tunewright.app.loaded import base_of, check_context
from tunewright.app.project import Project
from tunewright.core import machine
from tunewright.core.errors import TunewrightError
from tunewright.core.events import silent
from tunewright.core.ports import Encoded, Message
from tunewright.core.workspace import FOLDER
from tunewright.models.forward import causal_lm, prepare_for_packing
from tunewright.models.load import load, resolve_device
from tunewright.models.peaks import gpus, peaks
from tunewright.models.vocabulary import resize
from tunewright.train.settings import numbers_of

Status = Literal["ok", "warn", "fail"]
LEAST_MEMORY, LEAST_DISK = 4e9, 5e9
SLOW_FP32 = 20e9
BROKEN_BESIDE_CPU_TORCH = ("torchvision", "torchaudio", "torchcodec")
"""From a registry they are built for another torch, and importing transformers fails (`operator torchvision::nms`)."""
OPTIONAL = ("bitsandbytes", "schedulefree", "tensorboard", "mlflow-skinny", "wandb", "flash-attn", "liger-kernel")
TALK: tuple[Message, ...] = (
    {"role": "user", "content": "What is seven?"},
    {"role": "assistant", "content": "Seven is a number, the one after six."},
)


@dataclass(frozen=True)
class Finding:
    """One check: what was found, what is needed, and what to do where that is less."""

    check: str
    status: Status
    found: str
    needed: str = ""
    remedy: str = ""


def examine(home: Path | None = None) -> list[Finding]:
    """Everything about the machine. A check that breaks is a finding, not a crash."""
    checks: list[Callable[[], Iterator[Finding]]] = [
        _processor, _memory, lambda: _disk(home or Path(FOLDER)), _compiler, _allocator, _python, _versions, _optional,
        _speed, _devices, _network,
    ]  # fmt: skip
    return [finding for check in checks for finding in _guarded(check)]


def _guarded(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except (OSError, RuntimeError, ValueError, TunewrightError) as error:
        name = getattr(check, "__name__", "check").strip("_<>")
        return [Finding(name, "warn", f"the check itself failed: {error}")]


def _processor() -> Iterator[Finding]:
    name, flags = machine.processor()
    known = ", ".join(sorted(machine.FAST[flag] for flag in flags)) or "no fast matrix instructions that we know of"
    physical = launch.physical_cores()
    fast = bool(flags & machine.NATIVE_BF16)
    yield Finding("processor", "ok", f"{name}: {machine.cores()} usable, {physical} physical; {known}")
    yield Finding(
        "16-bit products",
        "ok" if fast else "warn",
        "native" if fast else "not native; precision auto means fp32",
        "native bf16 for full speed",
        "" if fast else "Expect half the speed, or use a newer processor or a GPU.",
    )
    threads = int(os.environ.get("OMP_NUM_THREADS", str(physical)))
    yield Finding(
        "threads",
        "ok" if threads <= physical else "warn",
        str(threads),
        f"at most {physical}, the physical cores",
        "" if threads <= physical else "Unset OMP_NUM_THREADS.",
    )


def _memory() -> Iterator[Finding]:
    total, free = machine.memory_bytes()
    enough = free >= LEAST_MEMORY or not total
    yield Finding(
        "memory",
        "ok" if enough else "warn",
        f"{total / 1e9:.1f} GB, {free / 1e9:.1f} GB free",
        f"{LEAST_MEMORY / 1e9:.0f} GB free",
        "" if enough else "Close other programs, or use model.weights: nf4.",
    )


def _disk(folder: Path) -> Iterator[Finding]:
    free = machine.disk_free_bytes(folder.absolute())
    yield Finding(
        "disk",
        "ok" if free >= LEAST_DISK else "fail",
        f"{free / 1e9:.1f} GB free at the workspace",
        f"{LEAST_DISK / 1e9:.0f} GB free",
        "" if free >= LEAST_DISK else "Free some space, or set TUNEWRIGHT_HOME to a larger disk.",
    )


def _compiler() -> Iterator[Finding]:
    found = machine.compiler()
    yield Finding(
        "compiler", "ok" if found else "warn", found or "none", "for compiled kernels of answering and scoring",
        "" if found else "Install g++ (or clang++): without it answers come at half the speed.",
    )  # fmt: skip


def _allocator() -> Iterator[Finding]:
    used = os.environ.get(launch.ALLOCATOR_USED, launch.present_allocator(os.environ))
    fast = used != "system"
    yield Finding(
        "allocator",
        "ok" if fast else "warn",
        Path(used).name if fast else "the system's",
        "tcmalloc: a fifth to a third faster on processors",
        "" if fast else "Install libtcmalloc-minimal4 (Debian) or gperftools.",
    )


def _python() -> Iterator[Finding]:
    fits = sys.version_info >= (3, 11)
    yield Finding(
        "Python", "ok" if fits else "fail", sys.version.split()[0], "3.11", "" if fits else "Use a newer one."
    )


def _versions() -> Iterator[Finding]:
    """Libraries against the ranges of our own distribution, and neighbours that are known to break it."""
    for line in metadata.requires("tunewright") or []:
        if "extra ==" in line:
            continue
        name, least = re.match(r"([\w.-]+)(?:>=([\w.]+))?", line).groups()  # pyright: ignore[reportOptionalMemberAccess]
        have = _version(name)
        fits = have is not None and (least is None or _parts(have) >= _parts(least))
        needed = f"{least} or newer" if least else ""
        remedy = "" if fits else f'pip install "{name}>={least}"'
        yield Finding(name, "ok" if fits else "fail", have or "not installed", needed, remedy)
    torch_build = _version("torch") or ""
    for name in BROKEN_BESIDE_CPU_TORCH:
        have = _version(name)
        if have and "+cpu" in torch_build and "+cpu" not in have:
            yield Finding(name, "fail", f"{have} beside torch {torch_build}", "not there", f"pip uninstall {name}")


def _optional() -> Iterator[Finding]:
    found = [f"{name} {have}" for name in OPTIONAL if (have := _version(name))]
    missing = [name for name in OPTIONAL if not _version(name)]
    said = ", ".join(found) or "none"
    yield Finding("optional packages", "ok", said, "", f"Not there: {', '.join(missing)}." if missing else "")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


def _speed() -> Iterator[Finding]:
    found = peaks()
    fast = found.fp32_flops >= SLOW_FP32
    said = f"fp32 {found.fp32_flops / 1e9:.0f}, bf16 {found.bf16_flops / 1e9:.0f} GFLOP/s"
    yield Finding("matrix peak", "ok" if fast else "warn", said, "measured just now, 2048 x 2048")
    yield Finding("memory reads", "ok", f"{found.read_bytes_s / 1e9:.0f} GB/s", "measured just now")


def _devices() -> Iterator[Finding]:
    found = gpus()
    device = resolve_device("auto")
    for line in found:
        yield Finding("GPU", "ok", line, "", "Tunewright was never run on one: see docs/how-to/several-devices.md.")
    if not found:
        yield Finding("GPU", "ok", f"none; auto means {device}", "not needed")


def _network() -> Iterator[Finding]:
    yield Finding("network", "ok", machine.network_policy(os.environ))


def examine_recipe(project: Project) -> list[Finding]:
    """Does the method fit the model, in really computing a few tokens? Loads the base model."""
    return _guarded(lambda: _recipe(project))


def _recipe(project: Project) -> Iterator[Finding]:
    recipe = project.recipe
    base = base_of(project, silent)
    yield Finding("base model", "ok", f"{base.found.source}, {base.found.context_tokens} tokens of context")
    steps: list[tuple[str, Callable[[], str]]] = [("context", lambda: _context(project, base))]
    held: list[Any] = []
    steps += [
        ("weights", lambda: _weights(project, base, held)),
        ("architecture", lambda: _architecture(base, held)),
        ("method", lambda: _method(project, held)),
    ]
    for name, step in steps:
        try:
            yield Finding(name, "ok", step())
        except TunewrightError as error:
            problem = error.problems[0]
            yield Finding(name, "fail", problem.what, problem.where, problem.do)
            return
    yield Finding("objective", "ok", recipe.objective.type)


def _context(project: Project, base: Any) -> str:
    check_context(project.recipe.data.max_tokens, base)
    return f"examples of at most {project.recipe.data.max_tokens} tokens fit"


def _weights(project: Project, base: Any, held: list[Any]) -> str:
    numbers = numbers_of(project.recipe)
    model = load(base.found.path, numbers=numbers, device=resolve_device(project.recipe.model.device))
    resize(model, base.chat.vocabulary_size, added=tuple(base.chat.added_ids.values()))
    held.append(model)
    size = sum(each.numel() * each.element_size() for each in model.parameters())
    return f"{numbers.weights}, products in {numbers.products}: {size / 1e9:.2f} GB"


def _architecture(base: Any, held: list[Any]) -> str:
    tokens, weights = base.chat.encode(TALK, loss_on="answers")
    prepare_for_packing(held[0], Encoded(tokens, weights))
    return f"{causal_lm(held[0]).config.model_type}: packed passes compute what the library's do"


def _method(project: Project, held: list[Any]) -> str:
    method = resolve.part("methods", project.recipe.method)
    model = method.attach(held[0], seed=project.recipe.training.seed)
    trained = sum(each.numel() for each in method.trainable(model).values())
    return f"{project.recipe.method.type} trains {trained:,} weights, {12 * trained / 1e9:.2f} GB with AdamW's state"
