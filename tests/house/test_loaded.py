"""`--help` and `check` start at once: they load nothing heavy. `import tunewright` gives the nouns alone."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.process import TUNEWRIGHT, watched
from tests.house.tree import REPOSITORY

HEAVY = ("torch", "transformers", "peft", "numpy", "scipy", "matplotlib", "pyarrow", "tokenizers", "safetensors")
RECIPE = REPOSITORY / "examples" / "icd" / "recipe.yaml"
QUICK = {
    "help": ["--help"],
    "help of train": ["train", "--help"],
    "check": ["check", RECIPE],
    "check as JSON": ["check", RECIPE, "--json"],
    "explain": ["explain", "training.learning_rate"],
    "schema": ["schema"],
}
NOUNS_ALONE = {"tunewright", "tunewright.core", "tunewright.core.nouns"}
TIMES_PYDANTIC = 2.0


@pytest.mark.parametrize("words", QUICK.values(), ids=QUICK.keys())
def test_a_quick_verb_loads_nothing_heavy(words: list[str | Path], tmp_path: Path) -> None:
    seen = watched([TUNEWRIGHT, *words], tmp_path)
    assert seen.exit_code == 0, seen.out
    assert "tunewright.core.errors" in seen.modules
    assert seen.loaded(*HEAVY) == set()


def test_the_watch_sees_what_is_loaded(tmp_path: Path) -> None:
    seen = watched([sys.executable, "-c", "import tunewright, numpy"], tmp_path)
    assert seen.loaded(*HEAVY) == {"numpy"}


def test_the_watch_sees_what_a_restarted_process_loads(tmp_path: Path) -> None:
    again = "import os, sys; os.execv(sys.executable, [sys.executable, '-c', 'import numpy'])"
    assert watched([sys.executable, "-c", again], tmp_path).loaded(*HEAVY) == {"numpy"}


@pytest.mark.parametrize("code", ["import tunewright", "import tunewright; tunewright.Run"], ids=["package", "noun"])
def test_importing_the_package_gives_nouns_alone(code: str, tmp_path: Path) -> None:
    seen = watched([sys.executable, "-c", code], tmp_path)
    assert seen.exit_code == 0, seen.out
    assert {name for name in seen.modules if name.startswith("tunewright")} <= NOUNS_ALONE
    assert seen.loaded(*HEAVY) == set()


def processor_s(command: list[str | Path], times: int) -> float:
    """Least processor time of some runs, which a busy machine hardly changes. In seconds."""
    least = float("inf")
    for _ in range(times):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([str(word) for word in command], check=True, capture_output=True, env={**os.environ})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        least = min(least, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return least


@pytest.mark.parametrize("words", [["--help"], ["check", RECIPE]], ids=["help", "check"])
def test_a_quick_verb_takes_at_most_twice_the_import_of_pydantic(words: list[str | Path]) -> None:
    limit_s = TIMES_PYDANTIC * processor_s([sys.executable, "-c", "import pydantic"], 7)
    assert processor_s([TUNEWRIGHT, *words], 7) <= limit_s


def test_the_limit_is_one_that_numpy_breaks() -> None:
    limit_s = TIMES_PYDANTIC * processor_s([sys.executable, "-c", "import pydantic"], 3)
    assert processor_s([sys.executable, "-c", "import pydantic, scipy.stats, transformers, torch"], 1) > limit_s
