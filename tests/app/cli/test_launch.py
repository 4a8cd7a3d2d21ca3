"""The process before torch: variables, the allocator, one restart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.recipe.drafts import GOOD, write
from tunewright.app.cli import launch


def test_variables_are_set_where_the_user_has_not() -> None:
    environment = {"OMP_NUM_THREADS": "7"}
    launch.set_variables(environment, allow_remote=False)
    assert environment["OMP_NUM_THREADS"] == "7"
    assert (
        environment["HF_HUB_DISABLE_TELEMETRY"] == environment["DO_NOT_TRACK"] == environment["HF_HUB_OFFLINE"] == "1"
    )
    environment = {}
    launch.set_variables(environment, allow_remote=True)
    assert "HF_HUB_OFFLINE" not in environment
    assert int(environment["OMP_NUM_THREADS"]) == launch.physical_cores()
    assert 1 <= launch.physical_cores() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("words", "remote"),
    [
        (["train", "{recipe}"], False),
        (["train", "{folder}", "--set", "model=a/b"], True),
        (["train", "--quiet", "--set=model.name=a/b", "{recipe}"], True),
        (["chat", "-m", "hello", "{recipe}", "--set", "model=a/b"], True),
        (["train", "{recipe}", "--set", "model=./m"], False),
        (["train", "{recipe}", "--set", "model=here/model"], False),
        (["train", "{folder}/none.yaml", "--set", "model=a/b"], False),
        (["train", "{recipe}", "--set", "model=["], False),
    ],
)
def test_only_a_hub_name_opens_the_network(tmp_path: Path, words: list[str], remote: bool) -> None:
    recipe = write(tmp_path, GOOD)
    (tmp_path / "here" / "model").mkdir(parents=True)
    words = [word.format(recipe=recipe, folder=tmp_path) for word in words]
    assert launch.remote_allowed(words) is remote


def test_a_broken_recipe_is_left_to_the_verb(tmp_path: Path) -> None:
    assert launch.remote_allowed(["train", str(write(tmp_path, "a: [")), "--json"]) is False


def library(folder: Path, head: bytes) -> Path:
    path = folder / "libtcmalloc_minimal.so.4"
    path.write_bytes(head)
    return path


def test_an_allocator_must_fit_this_process(tmp_path: Path) -> None:
    own = Path(sys.executable).read_bytes()[:64]
    good = library(tmp_path, own)
    assert launch.find_allocator({"TUNEWRIGHT_ALLOCATOR": str(good)}) == good
    other = own[:18] + bytes([own[18] ^ 0xFF]) + own[19:]
    assert launch.find_allocator({"TUNEWRIGHT_ALLOCATOR": str(library(tmp_path, other))}) is None
    assert launch.find_allocator({"TUNEWRIGHT_ALLOCATOR": str(library(tmp_path, b"text"))}) is None
    assert launch.find_allocator({"TUNEWRIGHT_ALLOCATOR": str(tmp_path / "none.so")}) is None


def test_the_user_may_keep_the_system_s_or_bring_another(tmp_path: Path) -> None:
    own = library(tmp_path, Path(sys.executable).read_bytes()[:64])
    assert launch.find_allocator({"TUNEWRIGHT_ALLOCATOR": "system"}) is None
    preloaded = {"LD_PRELOAD": "/x/libjemalloc.so.2", "TUNEWRIGHT_ALLOCATOR": str(own)}
    assert launch.find_allocator(preloaded) is None
    assert launch.present_allocator(preloaded) == "/x/libjemalloc.so.2"


SHOW = """
import json, os, sys
from tunewright.app.cli import launch
launch.prepare("train", ["train", "no-such-recipe"])
names = ("LD_PRELOAD", "TUNEWRIGHT_LAUNCHED", "TUNEWRIGHT_ALLOCATOR_USED")
print(json.dumps({"argv": sys.argv, "torch": "torch" in sys.modules} | {name: os.environ.get(name) for name in names}))
"""


def test_the_process_restarts_once_with_its_arguments(tmp_path: Path) -> None:
    script = tmp_path / "show.py"
    script.write_text(SHOW)
    good = library(tmp_path, Path(sys.executable).read_bytes()[:64])
    variables = {key: value for key, value in os.environ.items() if key not in ("LD_PRELOAD", "TUNEWRIGHT_LAUNCHED")}
    line = [sys.executable, "-X", "utf8", str(script), "a b", "--set", "c=d"]
    done = subprocess.run(line, capture_output=True, text=True, env=variables | {"TUNEWRIGHT_ALLOCATOR": str(good)})
    seen = json.loads(done.stdout)
    assert seen["argv"] == [str(script), "a b", "--set", "c=d"]
    assert (seen["LD_PRELOAD"], seen["TUNEWRIGHT_LAUNCHED"], seen["TUNEWRIGHT_ALLOCATOR_USED"]) == (
        str(good),
        "1",
        str(good),
    )
    assert seen["torch"] is False
    done = subprocess.run(line, capture_output=True, text=True, env=variables | {"TUNEWRIGHT_ALLOCATOR": "system"})
    seen = json.loads(done.stdout)
    assert (seen["LD_PRELOAD"], seen["TUNEWRIGHT_LAUNCHED"], seen["TUNEWRIGHT_ALLOCATOR_USED"]) == (
        None,
        None,
        "system",
    )
    assert done.stderr == ""


def test_drivers_of_stores_write_no_stack_traces() -> None:
    text = """
import logging
from tunewright.app.cli import launch
launch.prepare("data", ["data", "no-such-recipe"])
logging.getLogger("gcsfs").error("a broken connection")
logging.getLogger("azure.core.pipeline").warning("Incomplete download.")
"""
    environment = {**os.environ, "TUNEWRIGHT_LAUNCHED": "1"}
    done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_light_verbs_and_help_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(os.environ)
    launch.prepare("check", ["check", "."])
    launch.prepare("train", ["train", "--help"])
    assert dict(os.environ) == before
