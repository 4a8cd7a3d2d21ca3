"""Environments of the peers that cannot share ours, under .cache/environments; made once, from pinned packages."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PIECES = REPOSITORY / ".cache" / "benchmarks"
"""What was measured, a file a piece."""
INSTALL_S = 600
STAMP = "packages.txt"


def environment(name: str, packages: Sequence[str], *, without: Sequence[str] = ()) -> Path:
    """Python of an environment with these packages; `without` are taken out again.

    There is no pip in it: a peer that wants to install something while it runs fails, and installs nothing.
    """
    folder = REPOSITORY / ".cache" / "environments" / name
    python, stamp = folder / "bin" / "python", folder / STAMP
    asked = "\n".join([*packages, *(f"without {each}" for each in without)]) + "\n"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == asked:
        return python
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    subprocess.run([*pip, "install", "-q", *packages], check=True, timeout=INSTALL_S)
    if without:
        subprocess.run([*pip, "uninstall", "-q", "-y", *without], check=True, timeout=INSTALL_S)
    stamp.write_text(asked, encoding="utf-8")
    return python
