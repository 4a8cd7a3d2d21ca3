"""What a machine is, as far as it can be known without computing on it: processors, memory, disk, compiler, network."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
MEMORY_INFO = Path("/proc/meminfo")
FAST = {"avx512_bf16": "AVX-512 bf16", "amx_bf16": "AMX bf16", "avx512f": "AVX-512", "avx2": "AVX2", "bf16": "bf16"}
"""Processor flags that training gains from, with their names; `bf16` is Arm's."""
NATIVE_BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
COMPILERS = ("c++", "g++", "clang++")
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")


def processor(info: Path = CPU_INFO) -> tuple[str, frozenset[str]]:
    """Name of the processor and those of its flags that training gains from."""
    if not info.is_file():
        return platform.processor() or platform.machine(), frozenset()
    name, flags = platform.machine(), frozenset[str]()
    for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if key == "model name":
            name = value
        if key.lower() in ("flags", "features"):
            flags = frozenset(value.split()) & FAST.keys()
            break
    return name, flags


def memory_bytes(info: Path = MEMORY_INFO) -> tuple[int, int]:
    """All memory and what is free to use; zeros where the system does not say."""
    found: dict[str, int] = {}
    if info.is_file():
        for line in info.read_text(encoding="ascii", errors="replace").splitlines():
            name, _, value = line.partition(":")
            found[name] = int(value.split()[0]) * 1024 if value.split() else 0
    return found.get("MemTotal", 0), found.get("MemAvailable", 0)


def disk_free_bytes(folder: Path) -> int:
    """Free space where a folder lies or will lie."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return shutil.disk_usage(there).free


def compiler() -> str:
    """Path of a C++ compiler, that of CXX first; empty when there is none."""
    return next((found for name in (os.environ.get("CXX"), *COMPILERS) if name and (found := shutil.which(name))), "")


def network_policy(environment: Mapping[str, str]) -> str:
    """What the environment says about the network, in words."""
    offline = [name for name in OFFLINE if environment.get(name, "").lower() in ("1", "true", "yes")]
    proxies = sorted({name.upper() for name in PROXIES if environment.get(name)})
    said = [f"{' and '.join(offline)} set" if offline else "", f"{', '.join(proxies)} set" if proxies else ""]
    return "; ".join(filter(None, said)) or "nothing set: only a recipe that names a hub model goes online"


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
