"""What the light verbs load: neither torch nor any of its kin, and `check` of a good recipe not even pydantic."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.recipe.drafts import GOOD, write

HEAVY = {"torch", "transformers", "numpy", "scipy", "pyarrow", "peft", "tokenizers", "rich"}
DUMP = "import sys\nfrom tunewright.app.cli.main import main\ncode = main(sys.argv[1:])\n" + (
    "sys.stderr.write('\\n'.join(['', 'LOADED', *sys.modules]))\nsys.exit(code)\n"
)


def loaded(*words: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", DUMP, *words], capture_output=True, text=True)
    return set(done.stderr.split("LOADED\n")[1].split("\n"))


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["chat", "--help"], ["schema"], ["explain"]])
def test_light_verbs(words: list[str]) -> None:
    assert not loaded(*words) & HEAVY


def test_check(tmp_path: Path) -> None:
    good = loaded("check", str(write(tmp_path, GOOD)))
    assert not good & (HEAVY | {"pydantic"})
    bad = loaded("check", str(write(tmp_path, GOOD + "x: 1\n")))
    assert not bad & HEAVY
    assert "pydantic" in bad
