"""What a machine is: read from the system's files, with answers where there are none."""

from __future__ import annotations

from pathlib import Path

import psutil

from tunewright.core import machine


def test_processor_and_flags(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor : 0\nmodel name : Some CPU @ 3 GHz\nflags : fpu avx2 avx512f avx512_bf16\n\n")
    assert machine.processor(info) == ("Some CPU @ 3 GHz", frozenset({"avx2", "avx512f", "avx512_bf16"}))
    assert machine.processor(tmp_path / "none")[1] == frozenset()


def test_memory_is_what_others_say() -> None:
    total, free = machine.memory_bytes()
    assert total == psutil.virtual_memory().total
    assert 0 < free <= total


def test_no_file_no_memory(tmp_path: Path) -> None:
    assert machine.memory_bytes(tmp_path / "none") == (0, 0)


def test_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert machine.disk_free_bytes(tmp_path / "a" / "b") > 0


def test_network_policy_in_words() -> None:
    assert machine.network_policy({"HF_HUB_OFFLINE": "1", "https_proxy": "x"}) == "HF_HUB_OFFLINE set; HTTPS_PROXY set"
    assert machine.network_policy({}).startswith("nothing set")
