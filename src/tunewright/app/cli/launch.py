"""What must be true of the process before torch is loaded: threads, telemetry off, network off, a fast allocator.

Only the command's entry does this. The allocator has to be there when the process begins, so the command starts itself
once more with it; page faults of glibc's malloc cost a fifth to a third of training time on a processor.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from pathlib import Path

from tunewright.app.cli.late import Late

COMPUTING = frozenset({"train", "evaluate", "run", "chat", "doctor"})
READING = frozenset({"data", "show", "track"})
ALLOCATOR_VARIABLE = "TUNEWRIGHT_ALLOCATOR"
ALLOCATOR_USED = "TUNEWRIGHT_ALLOCATOR_USED"
LAUNCHED = "TUNEWRIGHT_LAUNCHED"
SPIN_COUNT = "4000"
"""How long a waiting thread spins before it sleeps. Measured on 2 cores (docs/lab.md): alone 5 % slower than the
library's default of 300,000; beside a second training ten times faster, for both."""
TRACKERS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "WANDB_ERROR_REPORTING": "false",
}
"""Clients of trackers report nothing to their makers, and fail soon: trying again is `app.delivery`'s work."""
STORES = ("gcsfs", "s3fs", "azure")
"""Loggers of store drivers."""
LIBRARIES = ("libtcmalloc_minimal.so.4", "libtcmalloc.so.4")
OTHERS = ("tcmalloc", "jemalloc", "mimalloc")
FOLDERS = ("/usr/local/lib", "/usr/lib64", "/usr/lib", "/lib64", "/lib")
LINKER_LISTS = Path("/etc/ld.so.conf.d")
_WITH_VALUE = ("--set", "--home", "--message", "-m", "--row", "--split", "--processes")
draft = Late("tunewright.recipe.draft")
files = Late("tunewright.recipe.files")
screen_errors = Late("tunewright.core.errors")


def prepare(verb: str, words: Sequence[str]) -> None:
    """Set variables for a verb that loads libraries, and restart the process with the allocator when it computes."""
    if verb not in COMPUTING | READING or {"--help", "-h"} & set(words):
        return
    warnings.simplefilter("ignore", FutureWarning)  # notes between libraries, which users can do nothing about
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # says with each product that it casts
    for name in STORES:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # stack traces of broken connections; we say a sentence
    set_variables(os.environ, allow_remote=remote_allowed(words))
    if verb in COMPUTING and sys.platform == "linux" and LAUNCHED not in os.environ:
        restart(os.environ)


def set_variables(environment: MutableMapping[str, str], *, allow_remote: bool) -> None:
    """Process variables, each only where the user has not set it."""
    environment.setdefault("OMP_NUM_THREADS", str(physical_cores()))
    environment.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    environment.setdefault("TOKENIZERS_PARALLELISM", "true")
    environment.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    environment.setdefault("DO_NOT_TRACK", "1")
    for name, value in TRACKERS.items():
        environment.setdefault(name, value)
    if not allow_remote:
        environment.setdefault("HF_HUB_OFFLINE", "1")
        environment.setdefault("TRANSFORMERS_OFFLINE", "1")


def remote_allowed(words: Sequence[str]) -> bool:
    """True when the recipe that a command line names asks for a model of the hub: the one remote source there is."""
    try:
        name = model_name(words)
    except screen_errors.TunewrightError:
        return False  # the verb will say what is wrong with the recipe
    return name is not None and files.hub_name(name)


def model_name(words: Sequence[str]) -> str | None:
    """The model that the named recipe asks for; None when there is no recipe."""
    path, sets = named(words)
    if not path.exists() or (path.is_dir() and not (path / "recipe.yaml").exists()):
        return None
    model = draft.read_draft(path, sets=sets).plain.get("model")
    name = model.get("name") if isinstance(model, dict) else model
    folder = path if path.is_dir() else path.parent
    return name if isinstance(name, str) and not os.path.exists(folder / name) else None  # noqa: PTH110 - long names


def named(words: Sequence[str]) -> tuple[Path, list[str]]:
    """PATH and the `--set` values of a command line, read before click is asked."""
    places: list[str] = []
    sets: list[str] = []
    before = ""
    for word in words[1:]:
        if before == "--set":
            sets.append(word)
        elif word.startswith("--set="):
            sets.append(word.removeprefix("--set="))
        elif not word.startswith("-") and before not in _WITH_VALUE:
            places.append(word)
        before = word
    return Path(places[0] if places else "."), sets


def physical_cores() -> int:
    """Cores that this process may use, hyper-threads of one core counted once."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    cores = {_siblings(number) for number in allowed}
    return max(1, len(cores))


def _siblings(number: int) -> str:
    place = Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list")
    try:
        return place.read_text(encoding="ascii").strip()
    except OSError:
        return str(number)


def restart(environment: Mapping[str, str]) -> None:
    """Start this command again with the allocator in place; returns when there is none, or one is there already."""
    library = find_allocator(environment)
    if library is None:
        os.environ[ALLOCATOR_USED] = present_allocator(environment)
        return
    before = environment.get("LD_PRELOAD", "")
    again = {
        **environment,
        "LD_PRELOAD": f"{library}:{before}" if before else str(library),
        LAUNCHED: "1",
        ALLOCATOR_USED: str(library),
    }
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], again)


def present_allocator(environment: Mapping[str, str]) -> str:
    """The allocator that was preloaded by the user, else the system's."""
    loaded = environment.get("LD_PRELOAD", "")
    return next((part for part in loaded.split(":") if any(name in part for name in OTHERS)), "system")


def find_allocator(environment: Mapping[str, str]) -> Path | None:
    """The allocator to preload: the one that TUNEWRIGHT_ALLOCATOR names, else tcmalloc where the linker would look.

    None for `system`, where another one is preloaded already, and where there is none that fits this process.
    """
    asked = environment.get(ALLOCATOR_VARIABLE, "")
    if asked == "system" or present_allocator(environment) != "system":
        return None
    wanted = [Path(asked)] if asked else [folder / name for name in LIBRARIES for folder in library_folders()]
    own = _machine(Path(sys.executable))
    return next((path for path in wanted if own is not None and _machine(path) == own), None)


def library_folders() -> list[Path]:
    """Folders that the dynamic linker searches, in its configuration's order, then the usual ones."""
    lines: list[str] = []
    for file in sorted(LINKER_LISTS.glob("*.conf")):
        lines += file.read_text(encoding="utf-8", errors="replace").splitlines()
    listed = [line.strip() for line in lines if line.strip().startswith("/")]
    triplet = getattr(sys.implementation, "_multiarch", "")
    multi = [f"/usr/lib/{triplet}", f"/lib/{triplet}"] if triplet else []
    return [Path(folder) for folder in unique([f"{sys.prefix}/lib", *listed, *multi, *FOLDERS])]


def unique(items: Iterable[str]) -> list[str]:
    """Each item once, in order."""
    return list(dict.fromkeys(items))


def _machine(path: Path) -> bytes | None:
    """Word size and processor of an ELF file; None for anything else."""
    try:
        with path.open("rb") as file:
            head = file.read(20)
    except OSError:
        return None
    return head[4:6] + head[18:20] if head[:4] == b"\x7fELF" else None
