"""Examples in the pages work: blocks marked `run` (```sh run, ```python run) are executed in a folder of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from check_docs import ROOT, pages

BLOCK = re.compile(r"^```(sh|python) run\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """One block: its language and text."""

    language: str
    text: str


def examples(text: str) -> list[Example]:
    return [Example(*found) for found in BLOCK.findall(text)]


PAGES = [page for page in pages(ROOT) if examples(page.read_text(encoding="utf-8"))]


def execute(example: Example, folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-euc"] if example.language == "sh" else [sys.executable, "-c"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [*command, example.text], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a clone has, as far as the examples need it."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns(".tunewright"))
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_examples_of_a_page_work(page: Path, folder: Path) -> None:
    for example in examples(page.read_text(encoding="utf-8")):
        done = execute(example, folder)
        assert done.returncode == 0, f"{example.text}\n{done.stdout}{done.stderr}"


def test_pages_have_examples() -> None:
    assert {"tutorial.md", "use-your-own-data.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("text", ["```sh run\nfalse\ntrue\n```", "```python run\nraise ValueError\n```"])
def test_an_example_that_fails_is_found(text: str, folder: Path) -> None:
    (example,) = examples(text)
    assert execute(example, folder).returncode != 0


def test_only_marked_blocks_run() -> None:
    assert examples("```sh\nfalse\n```\n\n```sh run\ntrue\n```\n") == [Example("sh", "true\n")]
